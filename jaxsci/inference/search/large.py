"""Searches that never store a matrix: for thousands of unknowns."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .derivatives import finite, gradient
from .found import Found, Reason, ended, tell

INNER_STEPS = 1000


class State(NamedTuple):
    """Between two trials: point, residual or cost, damping, and how it grows."""

    x: Array
    r: Array
    damping: Array
    growth: Array
    steps: Array
    offset: Array
    reason: Array


def matrix_free_levenberg_marquardt(
    residual: Callable[[Array], Array],
    x: Float[Array, " n"],
    lower: Float[Array, " n"],
    upper: Float[Array, " n"],
    *,
    rtol: float,
    max_steps: int,
    show: Callable | None = None,
) -> Found:
    r"""Minimise :math:`|r(x)|^2 / 2` between bounds, by products with J and its transpose only.

    The damped problem of each step, :math:`\min |r + J p|^2 + \lambda |p|^2`, is solved by conjugate gradients (CGLS)
    as far as pays off. Fast where the unknowns have comparable scales, as whitened ones have; the dense method is
    indifferent to scales.

    References:
        Bjorck, *Numerical Methods for Least Squares Problems* (1996), section 7.4; Dembo, Eisenstat & Steihaug,
        *Inexact Newton methods* (1982).
    """
    eps = float(jnp.finfo(x.dtype).eps)
    one, zero = jnp.ones((), x.dtype), jnp.zeros((), int)
    x = jnp.clip(x, lower, upper)
    r = residual(x)
    start = State(x, r, 1e-3 * one, 2 * one, zero, jnp.inf * one, zero)
    start = start._replace(reason=jnp.where(finite(r), Reason.RUNNING, Reason.NOT_FINITE))

    def trial(s: State) -> State:
        r, forwards = jax.linearize(residual, s.x)
        backwards = jax.linear_transpose(forwards, s.x)
        g = backwards(r)[0]
        free = ~(((s.x <= lower) & (g > 0)) | ((s.x >= upper) & (g < 0)))
        length = jnp.linalg.norm(r)
        p, image = _damped_solution(
            lambda p: forwards(jnp.where(free, p, 0.0)),
            lambda q: jnp.where(free, backwards(q)[0], 0.0),
            -r,
            s.x,
            s.damping,
            jnp.minimum(0.1, jnp.maximum(s.offset, rtol)),
        )
        offset = jnp.linalg.norm(image) / jnp.where(length > 0, length, 1.0)
        x = jnp.clip(s.x + p, lower, upper)
        new = residual(x)
        cut = jnp.any(x != s.x + p)
        image = jax.lax.cond(cut, forwards, lambda _: image, x - s.x)
        expected, actual = length**2 - jnp.sum((r + image) ** 2), length**2 - jnp.sum(new**2)
        noise = 100 * eps * length**2
        lost = (jnp.abs(expected) <= noise) & (jnp.abs(actual) <= noise)
        gain = jnp.where(lost, 1.0, actual / jnp.where(expected > 0, expected, jnp.inf))
        good = finite(new) & (gain > 1e-4)
        converged = good & (offset <= rtol) & (s.damping <= 1e-2)
        tell(show, s.steps + 1, 0.5 * length**2)
        return _after(s, good, converged, gain, p, x, new, offset)

    end = jax.lax.while_loop(lambda s: (s.reason == Reason.RUNNING) & (s.steps < max_steps), trial, start)
    return Found(end.x, 0.5 * jnp.sum(end.r**2), None, end.steps, end.offset, ended(end.reason))


def _damped_solution(forwards, backwards, b: Array, like: Array, damping: Array, rtol: Array):
    """CGLS for min |J p - b|^2 + damping size |p|^2, with size the curvature along the gradient: p and J p."""
    zero = jnp.zeros_like(like)
    s = backwards(b)
    image = forwards(s)
    size = jnp.sum(image**2) / jnp.where(jnp.sum(s**2) > 0, jnp.sum(s**2), 1.0)
    shift = damping * size
    target = rtol**2 * jnp.sum(s**2)

    def body(carry):
        p, rest, s, d, gamma, n = carry
        q = forwards(d)
        alpha = gamma / (jnp.sum(q**2) + shift * jnp.sum(d**2))
        p, rest = p + alpha * d, rest - alpha * q
        s = backwards(rest) - shift * p
        new = jnp.sum(s**2)
        return p, rest, s, s + new / gamma * d, new, n + 1

    start = (zero, b, s, s, jnp.sum(s**2), jnp.zeros((), int))
    p, rest, *_ = jax.lax.while_loop(lambda c: (c[4] > target) & (c[5] < INNER_STEPS), body, start)
    return p, b - rest


def matrix_free_newton(
    function: Callable[[Array], Array],
    x: Float[Array, " n"],
    *,
    rtol: float,
    max_steps: int,
    show: Callable | None = None,
) -> Found:
    r"""Minimise f by damped Newton steps, from products of the Hessian with vectors only.

    The damped system :math:`(H + \lambda) p = -\nabla f` is solved by conjugate gradients as far as pays off, or until
    a direction of negative curvature is met.

    References:
        Steihaug, *The conjugate gradient method and trust regions in large scale optimization* (1983).
    """
    eps = float(jnp.finfo(x.dtype).eps)
    one, zero = jnp.ones((), x.dtype), jnp.zeros((), int)
    gradient_at = gradient(function, x)
    f = function(x).astype(x.dtype)
    start = State(x, f, 1e-3 * one, 2 * one, zero, jnp.inf * one, zero)
    start = start._replace(reason=jnp.where(finite(f), Reason.RUNNING, Reason.NOT_FINITE))

    def trial(s: State) -> State:
        g, product = jax.linearize(gradient_at, s.x)
        p, image = _truncated_solution(product, -g, s.damping, jnp.minimum(0.1, jnp.maximum(s.offset, rtol)))
        offset = jnp.sqrt(jnp.abs(g @ p))
        f = function(s.x + p).astype(x.dtype)
        expected, actual = -(g @ p + 0.5 * p @ image), s.r - f
        noise = 100 * eps * (1 + jnp.abs(f))
        lost = (jnp.abs(expected) <= noise) & (jnp.abs(actual) <= noise)
        gain = jnp.where(lost, 1.0, actual / jnp.where(expected > 0, expected, jnp.inf))
        good = finite(f, g) & (gain > 1e-4)
        tell(show, s.steps + 1, s.r)
        converged = good & ((offset <= rtol) | lost) & (s.damping <= 1e-2)
        return _after(s, good, converged, gain, p, s.x + p, f, offset)

    end = jax.lax.while_loop(lambda s: (s.reason == Reason.RUNNING) & (s.steps < max_steps), trial, start)
    return Found(end.x, end.r, None, end.steps, end.offset, ended(end.reason))


def _truncated_solution(product, b: Array, damping: Array, rtol: Array) -> tuple[Array, Array]:
    """Conjugate gradients for (H + damping size) p = b, with size the curvature along b: p and H p."""
    square = jnp.sum(b**2)
    shift = damping * jnp.abs(b @ product(b)) / jnp.where(square > 0, square, 1.0)

    def body(carry):
        p, image, rest, d, gamma, n, _ = carry
        q = product(d)
        curvature = d @ q + shift * jnp.sum(d**2)
        bad = curvature <= 0
        alpha = jnp.where(bad, jnp.where(n == 0, 1.0, 0.0), gamma / jnp.where(bad, 1.0, curvature))
        p, image, rest = p + alpha * d, image + alpha * q, rest - alpha * (q + shift * d)
        new = jnp.sum(rest**2)
        return p, image, rest, rest + new / gamma * d, new, n + 1, bad

    start = (jnp.zeros_like(b), jnp.zeros_like(b), b, b, square, jnp.zeros((), int), jnp.array(False))
    p, image, *_ = jax.lax.while_loop(lambda c: (c[4] > rtol**2 * square) & (c[5] < INNER_STEPS) & ~c[6], body, start)
    return p, image


def _after(s: State, good, converged, gain, p: Array, x: Array, r: Array, offset: Array) -> State:
    """The state after a trial at x, where the residual or the cost is r."""
    eps = float(jnp.finfo(x.dtype).eps)
    stuck = jnp.linalg.norm(p) <= eps * jnp.linalg.norm(s.x)
    reason = jnp.where(converged, Reason.CONVERGED, jnp.where(stuck, Reason.NO_PROGRESS, Reason.RUNNING))
    shrunk = jnp.maximum(s.damping * jnp.maximum(1 / 9, 1 - (2 * gain - 1) ** 3), eps**2)
    return State(
        x=jnp.where(good, x, s.x),
        r=jnp.where(good, r, s.r),
        damping=jnp.where(good, shrunk, s.damping * s.growth),
        growth=jnp.where(good, 2.0, 2 * s.growth),
        steps=s.steps + 1,
        offset=offset,
        reason=reason.astype(s.reason.dtype),
    )
