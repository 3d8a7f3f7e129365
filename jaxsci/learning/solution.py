"""A trained network as the solution of a law: its state at any time, as fields."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .._core.errors import ShapeError
from .._core.precision import as_floating
from ..fields import Neural
from .conditions.family import Member
from .fitting import Fit
from .marching import Snapshot
from .reports.comparison import Rival
from .reports.report import Report, reported


class Part(eqx.Module):
    """One part of a state that is a function of one point."""

    state: Callable
    index: int = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        return jax.tree.leaves(self.state(x))[self.index]


class PinnSolution(eqx.Module):
    """A network that solves a law, and how well it does.

    Args:
        trial: The trained function of `(t, x)`, with start and walls built in.
        t1: The last time; None for a law at rest.
        report: Residual, error, costs and what limits them; `print(solution)` shows it.
        equation: The law, with the values that were found.
        args: Its arguments, with the values that were found.
        unknowns: The values that were found, by path; functions of a point are Neural fields.
    """

    trial: Callable
    t1: Array | None
    report: Report
    equation: Any = None
    args: Any = None
    unknowns: dict[str, Any] = eqx.field(default_factory=dict)

    @property
    def field(self) -> PyTree:
        """The state, Neural fields; at the last time where there is a time."""
        return self.at(self.t1)

    @property
    def network(self) -> Callable:
        """The trained network without its conditions; its inputs are scaled."""
        return self.trial.network

    @property
    def ok(self) -> bool:
        """Whether training ended with finite numbers."""
        return self.report.ok

    def at(self, t: Any, p: Any = None) -> PyTree:
        """The state at a time: Neural fields in the structure of the start (numbers for an ordinary law).

        Args:
            t: A time between the first and the last; None for a law at rest.
            p: The parameters of a member of a family, one number each; they can be differentiated.
        """
        trial = self._member(p)
        shape = trial.conditions.shape
        if shape.timed and t is None:
            raise ValueError("the solution depends on time: write solution.at(t) with a number.")
        state = Snapshot(trial, None if t is None else jnp.asarray(t, self.t1.dtype))
        if shape.box is None:
            return state(jnp.zeros(0, state.t.dtype))
        space = Neural(shape.box)
        return shape.structure.unflatten([space.field(Part(state, i)) for i in range(len(shape.parts))])

    def _member(self, p: Any) -> Callable:
        family = self.trial.conditions.family
        if family is None:
            if p is not None:
                raise ValueError("there are no parameters in this solution: write solution.at(t).")
            return self.trial
        if p is None:
            raise ValueError(f"the solution is a family over parameters in {family}: write solution.at(t, p).")
        p = as_floating(p)
        if p.ndim == 0 and family.dim == 1:
            p = p[None]
        if p.shape != (family.dim,):
            raise ShapeError(f"parameters of shape {p.shape}, but the family has {family.dim}: give one number each.")
        return Member(self.trial, p)

    def save(self, path: str | os.PathLike) -> Path:
        """Write the trained network and its report to a file, which `load_pinn` reads.

        Args:
            path: The file, for example `"burgers.npz"`; an older one is replaced.
        """
        from .saving import save_solution

        return save_solution(self, path)

    def __repr__(self):
        return repr(self.report)


def solution_of(fit: Fit, rival: Rival | None, domain: Any) -> PinnSolution:
    """What a fit found, with its report."""
    setup, trial = fit.setup, fit.trial
    family = setup.conditions.family is not None
    law = setup.law.one if family else setup.law
    found = {} if setup.unknowns is None else setup.unknowns.shown(trial.unknowns, domain)
    end = setup.conditions.times[1] if setup.conditions.shape.timed else None
    return PinnSolution(trial, end, reported(fit, rival), law.equation, None if family else law.args, found)
