"""Levenberg and Marquardt's method for the weights of a small network."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..problems.problem import Problem
from .base import Optimiser, Progress, begun
from .linear import least_squares

TRIALS = 12
STRIDE = 0.1


class Damping(NamedTuple):
    """The damping and the number of steps in a row that gained almost nothing."""

    value: Array
    idle: Array


class LevenbergMarquardt(Optimiser):
    r"""Gauss-Newton steps with as much damping as the loss demands, bent along the curve of the residuals.

    For networks of up to about two thousand weights. A velocity v solves :math:`(J^T J + \lambda s) v = -J^T r`, s the
    largest diagonal entry of :math:`J^T J`; an acceleration a solves the same with the second derivative of r along v
    in place of r, and the step is :math:`v + a / 2` unless :math:`2 |a| > \beta |v|`. It is taken if the loss falls,
    and :math:`\lambda` shrinks threefold, else it grows and the same Jacobian is tried again. The valleys of these
    losses are long and curved: the acceleration saves most of the steps (ten times on the Burgers front).

    Up to `exact` weights the velocity comes from a QR decomposition of J itself, which keeps the digits that the
    product loses. The dense Jacobian needs 8 bytes times weights times points.

    Args:
        max_steps: Where to stop.
        damping: The first :math:`\lambda`.
        rtol: Relative fall of the loss below which ten steps in a row end the search.
        exact: Largest number of weights for the QR decomposition.
        bend: The largest :math:`\beta`; 0 leaves the acceleration out.

    References:
        Marquardt, J. SIAM 11 (1963) 431; Transtrum & Sethna, arXiv:1201.5885.
    """

    max_steps: int = 500
    damping: float = 1e-3
    rtol: float = 1e-4
    exact: int = 150
    bend: float = 0.75

    @property
    def num_steps(self) -> int:
        return self.max_steps

    def init(self, problem: Problem, w: Array) -> Progress:
        loss = problem.loss(w)
        return begun(w, loss, Damping(jnp.asarray(self.damping, w.dtype), jnp.zeros((), int)))

    def moved(self, problem: Problem, state: Progress) -> Progress:
        state = super().moved(problem, state)
        return eqx.tree_at(lambda s: s.memory, state, Damping(state.memory.value, jnp.zeros((), int)))

    def step(self, problem: Problem, state: Progress) -> Progress:
        r, J = problem.jacobian(state.w)
        damped = _by_qr(r, J) if state.w.size <= min(self.exact, r.size) else _by_cholesky(r, J)
        loss = jnp.sum(r**2)

        def attempt(carry):
            damping, _, _, count = carry
            v, solve = damped(damping)
            w = state.w + v + self._acceleration(problem, state.w, v, r, J, solve)
            found = problem.loss(w)
            good = found < loss
            following = jnp.where(
                good,
                jnp.where(count == 0, damping / 3, damping),
                damping * 2.0 ** (1 + count.astype(damping.dtype)),
            )
            return following, jnp.where(good, w, state.w), jnp.where(good, found, loss), count + 1

        def failing(carry):
            return (carry[2] >= loss) & (carry[3] < TRIALS)

        start = state.memory.value, state.w, loss, jnp.zeros((), int)
        damping, w, found, _ = jax.lax.while_loop(failing, attempt, start)
        idle = jnp.where(found < (1 - self.rtol) * loss, 0, state.memory.idle + 1)
        done = (found >= loss) | (idle >= 10)
        least = 4 * float(jnp.finfo(loss.dtype).eps) ** (2 if state.w.size <= self.exact else 1)
        memory = Damping(jnp.clip(damping, least, 1e6), idle)
        return Progress(w, found, state.steps + 1, done, memory)

    def _acceleration(self, problem: Problem, w: Array, v: Array, r: Array, J: Array, solve: Callable) -> Array:
        """Half of the acceleration, where it is small enough to be trusted."""
        if not self.bend:
            return jnp.zeros_like(v)
        second = 2 / STRIDE * ((problem.residuals(w + STRIDE * v) - r) / STRIDE - J @ v)
        a = solve(second @ J)
        return jnp.where(2 * jnp.linalg.norm(a) < self.bend * jnp.linalg.norm(v), 0.5, 0.0) * a


def _by_cholesky(r: Array, J: Array) -> Callable:
    """For a damping: the velocity, and what solves `(J^T J + damping s) x = -g` for another g."""
    N, g = J.T @ J, r @ J
    unit = jnp.max(jnp.diagonal(N)) * jnp.eye(N.shape[0], dtype=N.dtype)

    def damped(damping):
        factor = jax.scipy.linalg.cho_factor(N + damping * unit)

        def solve(g):
            return -jax.scipy.linalg.cho_solve(factor, g)

        return solve(g), solve

    return damped


def _by_qr(r: Array, J: Array) -> Callable:
    """The same from the triangle of J, which has the square root of the condition of `J^T J`."""
    n = J.shape[1]
    whole = jnp.linalg.qr(jnp.concatenate([J, r[:, None]], axis=1), mode="r")
    R, c = whole[:n, :n], whole[:n, n]
    scale = jnp.max(jnp.sum(R * R, axis=0))

    def damped(damping):
        below = jnp.sqrt(damping * scale) * jnp.eye(n, dtype=R.dtype)
        A = jnp.concatenate([R, below])
        T = jnp.linalg.qr(A, mode="r")

        def solve(g):
            return -jax.scipy.linalg.cho_solve((T, False), g)

        return least_squares(A, -jnp.concatenate([c, jnp.zeros_like(c)]), 0.0), solve

    return damped
