"""Uphill between bounds: projected gradients with the step of Barzilai and Borwein."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def climb(
    score: Callable, start: Float[Array, " n"], lower: Float[Array, " n"], upper: Float[Array, " n"], max_steps: int
) -> tuple[Float[Array, " n"], Float[Array, ""], Bool[Array, ""]]:
    """A local maximum of a smooth function between bounds, its value, and whether it was reached.

    Steps have the length that the last change of the gradient suggests, are cut at the bounds, and halved until the
    value is above the lowest of the last ten.

    References:
        Birgin, Martinez & Raydan, SIAM J. Optim. 10 (2000) 1196, algorithm 2.2.
    """
    value_and_slope = jax.value_and_grad(score)
    eps = jnp.finfo(start.dtype).eps

    def projected(x, g, length):
        return jnp.clip(x + length * g, lower, upper) - x

    def step(state):
        x, v, g, length, memory, count, _ = state
        d = projected(x, g, length)
        slope = jnp.dot(g, d)
        floor = jnp.min(memory)

        def too_low(t):
            value = score(x + t * d)
            return ~(value >= floor + 1e-4 * t * slope) & (t > 1e-10)

        t = jax.lax.while_loop(too_low, lambda t: t / 2, jnp.ones((), x.dtype))
        new = jnp.clip(x + t * d, lower, upper)
        new_v, new_g = value_and_slope(new)
        worse = ~jnp.isfinite(new_v)
        new, new_v, new_g = (jnp.where(worse, old, n) for old, n in ((x, new), (v, new_v), (g, new_g)))
        dx, dg = new - x, g - new_g
        curvature = jnp.dot(dx, dg)
        length = jnp.where(curvature > 0, jnp.dot(dx, dx) / jnp.where(curvature > 0, curvature, 1.0), 1e3)
        length = jnp.clip(length, 1e-10, 1e10)
        memory = memory.at[count % memory.size].set(new_v)
        rest = jnp.max(jnp.abs(projected(new, new_g, 1.0))) <= jnp.sqrt(eps) * (1e-2 + jnp.max(jnp.abs(new)))
        return new, new_v, new_g, length, memory, count + 1, rest | worse

    value, slope = value_and_slope(start)
    size = jnp.max(jnp.abs(projected(start, slope, 1.0)))
    length = 1 / jnp.maximum(size, 1e-10)
    state = (start, value, slope, length, jnp.full(10, value), 0, ~jnp.isfinite(value))
    x, value, slope, *_ = jax.lax.while_loop(lambda s: ~s[-1] & (s[5] < max_steps), step, state)
    rest = jnp.max(jnp.abs(projected(x, slope, 1.0))) <= jnp.sqrt(eps) * (1e-2 + jnp.max(jnp.abs(x)))
    return x, value, rest & jnp.isfinite(value)
