"""A trained network as the solution of a law: its state at any time, as fields."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..fields import Neural
from .marching import Snapshot
from .reports.report import Report
from .residuals.local import complex_parts


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

    def __repr__(self):
        return repr(self.report)
