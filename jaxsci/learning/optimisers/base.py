"""The contract of optimisers."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..problems.problem import Problem


class Progress(eqx.Module):
    """Where a training is: all that the next step depends on, and nothing else, so that saving it loses nothing.

    Args:
        w: The weights as one vector.
        loss: The loss at the weights.
        steps: How many steps were taken.
        done: Whether further steps are of no use.
        memory: What the optimiser keeps.
    """

    w: Float[Array, " n"]
    loss: Array
    steps: Array
    done: Array
    memory: Any


class Optimiser(eqx.Module):
    """A way to lower a sum of squares: pure functions `state = init(problem, w)` and `state = step(problem, state)`."""

    per_call: ClassVar[int] = 1

    @abc.abstractmethod
    def init(self, problem: Problem, w: Float[Array, " n"]) -> Progress:
        """The state before the first step."""

    @abc.abstractmethod
    def step(self, problem: Problem, state: Progress) -> Progress:
        """One step further."""

    def moved(self, problem: Problem, state: Progress) -> Progress:
        """The state on a problem whose points or weights have changed."""
        loss = problem.loss(state.w)
        return eqx.tree_at(lambda s: (s.loss, s.done), state, (loss, ~jnp.isfinite(loss)))

    @property
    @abc.abstractmethod
    def num_steps(self) -> int:
        """How many steps to take at most."""


def begun(w: Array, loss: Array, memory: Any) -> Progress:
    """The state before the first step."""
    return Progress(w, loss, jnp.zeros((), int), ~jnp.isfinite(loss), memory)
