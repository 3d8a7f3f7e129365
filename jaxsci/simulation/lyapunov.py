"""How fast neighbouring trajectories part: the Lyapunov exponents of a step."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..fields import pack, unpack


@eqx.filter_jit
def lyapunov_exponents(
    step: Callable, state: PyTree, dt, num_steps: int, count: int = 1, *, spin_up: int = 0, every: int = 10
) -> Float[Array, " count"]:
    r"""The largest Lyapunov exponents along a trajectory, in falling order.

    .. math:: \lambda_i = \lim_{t \to \infty} \frac1t \sum \log R_{ii}, \qquad D\Phi\, Q = Q' R.

    A frame of tangent vectors is carried along by forward-mode differentiation of the step and made orthonormal again
    and again. The statistical error falls as one over the square root of the time; with `count` equal to the number of
    unknowns, the sum is the mean rate at which volumes grow, which for many laws is known exactly.

    Args:
        step: A pure `step(state)`, for example one made by `js.stepper`.
        state: Where to start.
        dt: The time of one step.
        num_steps: How many steps to average over.
        count: How many exponents.
        spin_up: Steps taken first, so that state and frame settle on the attractor.
        every: Steps between two orthonormalisations.

    References:
        Benettin et al., Meccanica 15 (1980) 9.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> step = js.stepper(lambda t, u, args: -2 * u, jnp.array([1.0]), dt=0.1)
        >>> round(float(js.lyapunov_exponents(step, jnp.array([1.0]), 0.1, 100)[0]), 3)
        -2.0
    """
    arrays = unpack(state)
    flat, restore = jax.flatten_util.ravel_pytree(arrays)

    def move(y):
        return jax.flatten_util.ravel_pytree(unpack(step(pack(state, restore(y)))))[0]

    def block(carry, _):
        y, frame = carry
        for_all = jax.vmap(lambda y, v: jax.jvp(move, (y,), (v,)), in_axes=(None, 1), out_axes=(None, 1))

        def once(_, c):
            return for_all(*c)

        y, frame = jax.lax.fori_loop(0, every, once, (y, frame))
        frame, r = jnp.linalg.qr(frame)
        return (y, frame), jnp.log(jnp.abs(jnp.diagonal(r)))

    frame = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (flat.size, count), flat.dtype))[0]
    start, _ = jax.lax.scan(block, (flat, frame), length=spin_up // every)
    _, growth = jax.lax.scan(block, start, length=num_steps // every)
    return jnp.sum(growth, axis=0) / (num_steps // every * every * dt)
