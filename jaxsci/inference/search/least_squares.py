"""Levenberg and Marquardt's method with bounds, and with a correction for the curvature of the law."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .derivatives import curvature, finite, jacobian
from .found import Found, Reason, ended, tell


class Problem(NamedTuple):
    """What is searched: the residual, its Jacobian and its curvature along a step, the bounds, and the tolerance."""

    residual: Callable
    jacobian: Callable
    along: Callable
    lower: Array
    upper: Array
    rtol: float


class State(NamedTuple):
    """Between two trials: the best point x, its residual r, Jacobian J and scales D; damping, and how it grows; the
    next trial, by how much |r|^2 should fall there, and whether its bend is small.
    """

    x: Array
    r: Array
    J: Array
    D: Array
    damping: Array
    growth: Array
    trial: Array
    expected: Array
    trusted: Array
    steps: Array
    offset: Array
    reason: Array


class Factors(NamedTuple):
    """J / D = U diag(s) V^T without the columns that are held at a bound; `Ur` is U^T r."""

    U: Array
    s: Array
    Vt: Array
    Ur: Array
    free: Array


def levenberg_marquardt(
    residual: Callable[[Array], Array],
    x: Float[Array, " n"],
    lower: Float[Array, " n"],
    upper: Float[Array, " n"],
    *,
    rtol: float,
    max_steps: int,
    show: Callable | None = None,
) -> Found:
    r"""Minimise :math:`|r(x)|^2 / 2` between bounds.

    A step p minimises :math:`|r + J p|^2 + \lambda |D p|^2`, by the singular values of :math:`J D^{-1}`, never by
    normal equations. D are the lengths of the columns of J, with a memory that halves at each trial, so that units do
    not matter. The step is bent by half the geodesic acceleration, the solution of the same problem for the second
    derivative of r along p; a trial whose bend is not small beside p is refused. :math:`\lambda` follows Nielsen's
    rule.

    It has converged when the part of r in the range of J, which a full step would remove, is less than `rtol` of r, or
    less than the rounding errors of r. A prediction that is itself only computed to some tolerance may stop the search
    before: then it counts as converged if a full step is below a thousandth of the standard deviations, or changes the
    unknowns in their last half of digits only.

    References:
        More, *The Levenberg-Marquardt algorithm: implementation and theory* (1978); Bates & Watts, *A relative offset
        orthogonality convergence criterion* (1981); Nielsen, *Damping parameter in Marquardt's method* (1999);
        Transtrum & Sethna, arXiv:1201.5885 (geodesic acceleration).
    """
    problem = Problem(residual, jacobian(residual, x), curvature(residual, x), lower, upper, rtol)

    def step(s: State) -> State:
        s = _plan(problem, _judge(problem, s))
        tell(show, s.steps, 0.5 * jnp.sum(s.r**2))
        return s

    start = _start(problem, x)
    end = jax.lax.while_loop(lambda s: (s.reason == Reason.RUNNING) & (s.steps < max_steps), step, start)
    return Found(end.x, 0.5 * jnp.sum(end.r**2), end.J, end.steps, end.offset, ended(end.reason))


def _start(problem: Problem, x: Array) -> State:
    num_residuals = jax.eval_shape(problem.residual, x).shape[0]
    one, zero = jnp.ones((), x.dtype), jnp.zeros((), int)
    return State(
        x=x,
        r=jnp.full((num_residuals,), jnp.inf, x.dtype),
        J=jnp.zeros((num_residuals, x.size), x.dtype),
        D=jnp.zeros_like(x),
        damping=1e-3 * one,
        growth=2 * one,
        trial=jnp.clip(x, problem.lower, problem.upper),
        expected=one,
        trusted=jnp.array(True),
        steps=zero,
        offset=jnp.inf * one,
        reason=zero,
    )


def _judge(problem: Problem, s: State) -> State:
    """Evaluate the trial, and move there if it is better; the first one is always taken."""
    r = problem.residual(s.trial)
    first = s.steps == 0
    gain = _gain(s, r)
    good = finite(s.trial, r) & (first | (s.trusted & (gain > 1e-4)))
    J = jax.lax.cond(good, problem.jacobian, lambda _: s.J, s.trial)
    good, J = good & finite(J), jnp.where(finite(J), J, s.J)
    lengths = jnp.maximum(jnp.linalg.norm(J, axis=0), 0.5 * s.D)
    shrunk = jnp.maximum(s.damping * jnp.maximum(1 / 3, 1 - (2 * gain - 1) ** 3), _eps(s) ** 2)
    return s._replace(
        x=jnp.where(good, s.trial, s.x),
        r=jnp.where(good, r, s.r),
        J=J,
        D=jnp.where(lengths > 0, lengths, 1.0),
        damping=jnp.where(first, s.damping, jnp.where(good, shrunk, s.damping * s.growth)),
        growth=jnp.where(good, 2.0, 2 * s.growth),
        steps=s.steps + 1,
        reason=jnp.where(first & ~good, Reason.NOT_FINITE, Reason.RUNNING).astype(s.reason.dtype),
    )


def _plan(problem: Problem, s: State) -> State:
    """Where to try next, if anywhere."""
    factors = _factors(s, problem.lower, problem.upper)
    offset, settled = _offset(s, factors)
    p, bend = _bent_step(s, factors, problem.along)
    trial = jnp.clip(s.x + p + bend, problem.lower, problem.upper)
    moved = trial - s.x
    image = s.J @ jnp.where(jnp.any(trial != s.x + p + bend), moved, p)
    stuck = jnp.linalg.norm(s.D * moved) <= _eps(s) * jnp.linalg.norm(s.D * s.x)
    arrived = (offset <= problem.rtol) | (stuck & settled)
    reason = jnp.where(arrived, Reason.CONVERGED, jnp.where(stuck, Reason.NO_PROGRESS, Reason.RUNNING))
    return s._replace(
        trial=trial,
        expected=-(2 * s.r + image) @ image,
        trusted=jnp.linalg.norm(s.D * bend) <= 0.375 * jnp.linalg.norm(s.D * p),
        offset=offset,
        reason=jnp.where(s.reason == Reason.RUNNING, reason.astype(s.reason.dtype), s.reason),
    )


def _eps(s: State) -> float:
    return float(jnp.finfo(s.x.dtype).eps)


def _gain(s: State, r: Array) -> Float[Array, ""]:
    """Actual over expected decrease; 1 where both are below rounding errors."""
    before = jnp.where(s.steps > 0, jnp.sum(s.r**2), 1.0)
    actual = before - jnp.sum(r**2)
    noise = 4 * jnp.sqrt(before) * (_rounding(s) + _eps(s) * jnp.sqrt(before))
    lost = (jnp.abs(actual) <= noise) & (jnp.abs(s.expected) <= noise)
    return jnp.where(lost, 1.0, actual / jnp.where(s.expected > 0, s.expected, jnp.inf))


def _rounding(s: State) -> Float[Array, ""]:
    """About the length of the rounding errors of r: those of the terms that x contributes."""
    return _eps(s) * jnp.linalg.norm(jnp.abs(s.J) @ jnp.abs(s.x))


def _factors(s: State, lower: Array, upper: Array) -> Factors:
    slope = s.r @ s.J
    free = ~(((s.x <= lower) & (slope > 0)) | ((s.x >= upper) & (slope < 0)))
    A = jnp.where(free, s.J / s.D, 0.0)
    if A.shape[0] > A.shape[1]:
        Q, R = jnp.linalg.qr(A)
        U, values, Vt = jnp.linalg.svd(R, full_matrices=False)
        U = Q @ U
    else:
        U, values, Vt = jnp.linalg.svd(A, full_matrices=False)
    return Factors(U, values, Vt, s.r @ U, free)


def _offset(s: State, factors: Factors) -> tuple[Float[Array, ""], Bool[Array, ""]]:
    """The fraction of r in the range of J, 0 if that is lost in rounding errors; and whether it is so small that a
    search which cannot go on may stop there.
    """
    eps = _eps(s)
    in_range = factors.s > eps * len(s.r) * factors.s[0]
    explained = jnp.linalg.norm(jnp.where(in_range, factors.Ur, 0.0))
    length, rounding = jnp.linalg.norm(s.r), _rounding(s)
    offset = jnp.where(explained > rounding, explained / jnp.where(length > 0, length, 1.0), 0.0)
    return offset, (offset <= 1e-3 / len(s.r) ** 0.5) | (explained <= rounding / eps**0.5)


def _bent_step(s: State, factors: Factors, along: Callable) -> tuple[Array, Array]:
    """The straight step p, and its correction for curvature."""
    U, values, Vt, Ur, free = factors
    squares = values**2 + s.damping * values[0] ** 2
    filtered = values / jnp.where(squares > 0, squares, 1.0)

    def solve(c: Array) -> Array:
        return jnp.where(free, -(filtered * c) @ Vt / s.D, 0.0)

    p = solve(Ur)
    return p, 0.5 * solve(along(s.x, s.r, s.J @ p, p) @ U)
