"""Linear solves, where the unknown is linear in the weights."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..problems.problem import Problem
from .base import Optimiser, Progress, begun

HALVES = 2.0**-10


class LeastSquares(Optimiser):
    r"""The least-squares solution on features that are linear in the weights.

    If the law is linear too, one step is the answer. A nonlinear law is linearised about the last solution, again and
    again (quasilinearisation, the method of Gauss and Newton), half a step at a time where a whole one gains nothing.

    Columns are scaled to one length, then solved by orthogonal transformations (never by normal equations, which would
    lose half of the digits), with a trace of regularisation, a few hundred times the rounding errors, because random
    features are nearly dependent; two refinements give back what it takes.

    Args:
        max_steps: How often a nonlinear law is linearised at most.
        rtol: Relative fall of the loss below which that ends.
        regularisation: In units of the rounding error of the precision.
        refinements: How often to solve again for what is left.

    References:
        Bjorck, Numerical Methods for Least Squares Problems (1996), section 2.9; Bellman & Kalaba, Quasilinearization
        and Nonlinear Boundary-Value Problems (1965).
    """

    max_steps: int = 30
    rtol: float = 1e-2
    regularisation: float = 30.0
    refinements: int = 2

    @property
    def num_steps(self) -> int:
        return self.max_steps

    def init(self, problem: Problem, w: Array) -> Progress:
        return begun(w, problem.loss(w), None)

    def step(self, problem: Problem, state: Progress) -> Progress:
        r, J = problem.jacobian(state.w)
        eps = float(jnp.finfo(r.dtype).eps)
        p = least_squares(J, -r, self.regularisation * eps, self.refinements)
        loss, whole = jnp.sum(r**2), problem.loss(state.w + p)

        def halve(carry):
            length, _ = carry
            return length / 2, problem.loss(state.w + length / 2 * p)

        start = jnp.ones((), r.dtype), whole
        length, found = jax.lax.while_loop(lambda c: ~(c[1] < loss) & (c[0] > HALVES), halve, start)
        predicted = jnp.sum((r + J @ p) ** 2)
        linear = jnp.abs(whole - predicted) <= jnp.maximum(1e-6 * predicted, 100 * eps * loss)
        better = found < loss
        w = jnp.where(better, state.w + length * p, state.w)
        done = linear | ~(found < (1 - self.rtol) * loss)
        return Progress(w, jnp.where(better, found, loss), state.steps + 1, done, None)


def least_squares(A: Array, b: Array, regularisation: float, refinements: int = 0) -> Array:
    """The x of least `|A x - b|`, with columns scaled, by the QR decomposition of A over a small multiple of one."""
    lengths = jnp.linalg.norm(A, axis=0)
    D = jnp.where(lengths > 0, lengths, 1.0)
    n = A.shape[1]
    small = regularisation * n**0.5 * jnp.eye(n, dtype=A.dtype)
    Q, R = jnp.linalg.qr(jnp.concatenate([A / D, small]))
    Q = Q[: A.shape[0]]
    x = jnp.zeros(n, A.dtype)
    for _ in range(1 + refinements):
        x = x + jax.scipy.linalg.solve_triangular(R, (b - A @ (x / D)) @ Q)
    return x / D
