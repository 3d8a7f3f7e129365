"""A trained network as the solution of a law: its state at any time, as fields."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..fields import Neural
from .reports.report import Report
from .residuals.local import complex_parts


class Snapshot(eqx.Module):
    """One part of a trained state at one time, as a function of one point."""

    trial: Callable
    t: Array | None
    part: int = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        shape = self.trial.conditions.shape
        z = x if self.t is None else jnp.concatenate([self.t.astype(x.dtype)[None], x])
        if not shape.twice or self.part < len(shape.unknowns):
            return complex_parts(self.trial(z), shape.unknowns)[self.part]
        rate = jax.jvp(self.trial, (z,), (jnp.zeros_like(z).at[0].set(1),))[1]
        return complex_parts(rate, shape.unknowns)[self.part - len(shape.unknowns)]


class PinnSolution(eqx.Module):
    """A network that solves a law, and how well it does.

    Args:
        trial: The trained function of `(t, x)`, with start and walls built in.
        t1: The last time; None for a law at rest.
        report: Residual, error, costs and what limits them; `print(solution)` shows it.
    """

    trial: Callable
    t1: Array | None
    report: Report

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

    def at(self, t: Any) -> PyTree:
        """The state at a time: Neural fields in the structure of the start (numbers for an ordinary law).

        Args:
            t: A time between the first and the last; None for a law at rest.
        """
        shape = self.trial.conditions.shape
        if shape.timed and t is None:
            raise ValueError("the solution depends on time: write solution.at(t) with a number.")
        if shape.box is None:
            t = jnp.asarray(t, self.t1.dtype)
            return shape.structure.unflatten(complex_parts(self.trial(t[None]), shape.unknowns))
        t = None if t is None else jnp.asarray(t, self.t1.dtype)
        space = Neural(shape.box)
        return shape.structure.unflatten([space.field(Snapshot(self.trial, t, i)) for i in range(len(shape.parts))])

    def save(self, path: str | os.PathLike) -> Path:
        """Write the trained network and its report to a file, which `load_pinn` reads.

        Args:
            path: The file, for example `"burgers.npz"`; an older one is replaced.
        """
        from .saving import save_solution

        return save_solution(self, path)

    def __repr__(self):
        return repr(self.report)
