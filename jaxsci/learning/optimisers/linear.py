"""One solve, where the residuals are linear in the weights."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..problem import Problem
from .base import Optimiser, Progress, begun


class LeastSquares(Optimiser):
    r"""The least-squares solution of residuals that are linear in the weights, in one step.

    Columns are scaled to one length, then solved by orthogonal transformations (never by normal equations, which would
    lose half of the digits), with a trace of regularisation, a few hundred times the rounding errors, because random
    features are nearly dependent; two refinements give back what it takes. Nonlinear problems need
    `LevenbergMarquardt`, which solves a sequence of these.

    Args:
        regularisation: In units of the rounding error of the precision.
        refinements: How often to solve again for what is left.

    References:
        Bjorck, Numerical Methods for Least Squares Problems (1996), section 2.9.
    """

    regularisation: float = 30.0
    refinements: int = 2

    @property
    def num_steps(self) -> int:
        return 1

    def init(self, problem: Problem, w: Array) -> Progress:
        return begun(w, problem.loss(w), None)

    def step(self, problem: Problem, state: Progress) -> Progress:
        zero = jnp.zeros_like(state.w)
        r, J = problem.jacobian(zero)
        w = least_squares(J, -r, self.regularisation * float(jnp.finfo(r.dtype).eps), self.refinements)
        return Progress(w, problem.loss(w), state.steps + 1, jnp.array(True), None)


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
