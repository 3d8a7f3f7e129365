"""Newton's method for densities that are no sum of squares."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .derivatives import expansion, finite
from .found import Found, Reason, ended, tell


class State(NamedTuple):
    """Between two trials: the best point, its value, gradient, Hessian and scales; damping, and how it grows; the next
    trial, and by how much the value should fall there.
    """

    x: Array
    f: Array
    g: Array
    H: Array
    D: Array
    damping: Array
    growth: Array
    trial: Array
    expected: Array
    steps: Array
    offset: Array
    reason: Array


def newton(
    function: Callable[[Array], Array],
    x: Float[Array, " n"],
    *,
    rtol: float,
    max_steps: int,
    show: Callable | None = None,
) -> Found:
    r"""Minimise f, minus a log density, by damped Newton steps.

    With :math:`D^{-1} H D^{-1} = V \operatorname{diag}(w) V^T` and D the square roots of the diagonal of H, a step is
    :math:`-D^{-1} V (|w| + \lambda \max |w|)^{-1} V^T D^{-1} \nabla f`: eigenvalues count by their size, so that
    saddles repel. It has converged when a full step is shorter than `rtol` standard deviations, and no eigenvalue is
    negative. A density that is itself only computed to some tolerance may stop the search before: then it counts as
    converged if a full step is below a thousandth of the standard deviations.

    References:
        Dauphin et al., *Identifying and attacking the saddle point problem* (2014); Nielsen, *Damping parameter in
        Marquardt's method* (1999).
    """
    derivatives = expansion(function, x)

    def step(s: State) -> State:
        s = _plan(rtol, _judge(function, derivatives, s))
        tell(show, s.steps, s.f)
        return s

    start = _start(x)
    end = jax.lax.while_loop(lambda s: (s.reason == Reason.RUNNING) & (s.steps < max_steps), step, start)
    return Found(end.x, end.f, end.H, end.steps, end.offset, ended(end.reason))


def _start(x: Array) -> State:
    one, zero = jnp.ones((), x.dtype), jnp.zeros((), int)
    return State(
        x=x,
        f=jnp.inf * one,
        g=jnp.zeros_like(x),
        H=jnp.zeros((x.size, x.size), x.dtype),
        D=jnp.zeros_like(x),
        damping=1e-3 * one,
        growth=2 * one,
        trial=x,
        expected=one,
        steps=zero,
        offset=jnp.inf * one,
        reason=zero,
    )


def _judge(function: Callable, derivatives: Callable, s: State) -> State:
    """Evaluate the trial, and move there if it is better; the first one is always taken."""
    f = function(s.trial).astype(s.x.dtype)
    first = s.steps == 0
    actual, noise = jnp.where(first, 1.0, s.f) - f, 100 * _eps(s) * (1 + jnp.abs(f))
    lost = (jnp.abs(s.expected) <= noise) & (jnp.abs(actual) <= noise)
    gain = jnp.where(lost, 1.0, actual / jnp.where(s.expected > 0, s.expected, jnp.inf))
    good = finite(s.trial, f) & (first | (gain > 1e-4))
    g, H = jax.lax.cond(good, derivatives, lambda _: (s.g, s.H), s.trial)
    good = good & finite(g, H)
    scales = jnp.maximum(jnp.sqrt(jnp.abs(jnp.diagonal(H))), 0.5 * s.D)
    shrunk = jnp.maximum(s.damping * jnp.clip(1 - (2 * gain - 1) ** 3, 0.1, 2.0), _eps(s) ** 2)
    return s._replace(
        x=jnp.where(good, s.trial, s.x),
        f=jnp.where(good, f, s.f),
        g=jnp.where(good, g, s.g),
        H=jnp.where(good, H, s.H),
        D=jnp.where(good, jnp.where(scales > 0, scales, 1.0), s.D),
        damping=jnp.where(first, s.damping, jnp.where(good, shrunk, s.damping * s.growth)),
        growth=jnp.where(good, 2.0, 2 * s.growth),
        steps=s.steps + 1,
        reason=jnp.where(first & ~good, Reason.NOT_FINITE, Reason.RUNNING).astype(s.reason.dtype),
    )


def _plan(rtol: float, s: State) -> State:
    """Where to try next, if anywhere."""
    eps = _eps(s)
    w, V = jnp.linalg.eigh(s.H / s.D / s.D[:, None])
    size = jnp.max(jnp.abs(w))
    c = (s.g / s.D) @ V
    in_range = jnp.abs(w) > eps * len(w) * size
    offset = jnp.linalg.norm(jnp.where(in_range, c / jnp.sqrt(jnp.where(in_range, jnp.abs(w), 1.0)), 0.0))
    p = -V @ (c / jnp.where(size > 0, jnp.abs(w) + s.damping * size, 1.0)) / s.D
    arrived = (offset <= rtol) & (w[0] >= -(eps**0.5) * size)
    stuck = jnp.linalg.norm(s.D * p) <= eps * jnp.linalg.norm(s.D * s.x)
    arrived = arrived | (stuck & (offset <= 1e-3) & (w[0] > 0))
    reason = jnp.where(arrived, Reason.CONVERGED, jnp.where(stuck, Reason.NO_PROGRESS, Reason.RUNNING))
    return s._replace(
        trial=s.x + p,
        expected=-(s.g @ p + 0.5 * p @ s.H @ p),
        offset=offset,
        reason=jnp.where(s.reason == Reason.RUNNING, reason.astype(s.reason.dtype), s.reason),
    )


def _eps(s: State) -> float:
    return float(jnp.finfo(s.x.dtype).eps)
