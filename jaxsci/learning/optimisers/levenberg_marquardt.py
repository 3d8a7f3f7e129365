"""Levenberg and Marquardt's method for the weights of a small network."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..problem import Problem
from .base import Optimiser, Progress, begun
from .linear import least_squares

TRIALS = 12


class Damping(NamedTuple):
    """The damping and the number of steps in a row that gained almost nothing."""

    value: Array
    idle: Array


class LevenbergMarquardt(Optimiser):
    r"""Gauss-Newton steps with as much damping as the loss demands, for networks of up to about two thousand weights.

    A step p solves :math:`(J^T J + \lambda s) p = -J^T r`, s the largest diagonal entry of :math:`J^T J`; it is taken
    if the loss falls, and :math:`\lambda` shrinks threefold, else it grows and the same Jacobian is tried again. Up to
    `exact` weights the step comes from a QR decomposition of J itself, which keeps the digits that the product loses.

    The dense Jacobian needs 8 bytes times weights times points.

    Args:
        max_steps: Where to stop.
        damping: The first :math:`\lambda`.
        rtol: Relative fall of the loss below which ten steps in a row end the search.
        exact: Largest number of weights for the QR decomposition.

    References:
        Marquardt, J. SIAM 11 (1963) 431; Nielsen, Damping parameter in Marquardt's method (1999).
    """

    max_steps: int = 500
    damping: float = 1e-3
    rtol: float = 1e-4
    exact: int = 150

    @property
    def num_steps(self) -> int:
        return self.max_steps

    def init(self, problem: Problem, w: Array) -> Progress:
        loss = problem.loss(w)
        return begun(w, loss, Damping(jnp.asarray(self.damping, w.dtype), jnp.zeros((), int)))

    def step(self, problem: Problem, state: Progress) -> Progress:
        r, J = problem.jacobian(state.w)
        n = state.w.size
        if n <= self.exact and J.shape[0] >= n:
            whole = jnp.linalg.qr(jnp.concatenate([J, r[:, None]], axis=1), mode="r")
            R, c = whole[:n, :n], whole[:n, n]
            scale = jnp.max(jnp.sum(R * R, axis=0))

            def solve(damping):
                below = jnp.sqrt(damping * scale) * jnp.eye(n, dtype=R.dtype)
                return least_squares(jnp.concatenate([R, below]), -jnp.concatenate([c, jnp.zeros_like(c)]), 0.0)
        else:
            N, g = J.T @ J, r @ J
            scale = jnp.max(jnp.diagonal(N))

            def solve(damping):
                factor = jax.scipy.linalg.cho_factor(N + damping * scale * jnp.eye(n, dtype=N.dtype))
                return -jax.scipy.linalg.cho_solve(factor, g)

        return self._search(problem, state, solve, jnp.sum(r**2))

    def _search(self, problem: Problem, state: Progress, solve, loss: Array) -> Progress:
        least = 4 * float(jnp.finfo(loss.dtype).eps) ** (2 if state.w.size <= self.exact else 1)

        def attempt(carry):
            damping, _, _, count = carry
            w = state.w + solve(damping)
            found = problem.loss(w)
            good = found < loss
            return (
                jnp.where(good, damping / 3, damping * 2.0 ** (1 + count.astype(damping.dtype))),
                jnp.where(good, w, state.w),
                jnp.where(good, found, loss),
                count + 1,
            )

        def failing(carry):
            return (carry[2] >= loss) & (carry[3] < TRIALS)

        start = state.memory.value, state.w, loss, jnp.zeros((), int)
        damping, w, found, _ = jax.lax.while_loop(failing, attempt, start)
        idle = jnp.where(found < (1 - self.rtol) * loss, 0, state.memory.idle + 1)
        done = (found >= loss) | (idle >= 10)
        memory = Damping(jnp.clip(damping, least, 1e6), idle)
        return Progress(w, found, state.steps + 1, done, memory)
