"""Derivatives in whichever mode the function allows: by default, an error-controlled run is followed backwards only."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def follows_forwards(function: Callable, x: Float[Array, " n"]) -> bool:
    """Whether forward mode can follow the function."""
    try:
        jax.eval_shape(jax.vmap(lambda p: jax.jvp(function, (x,), (p,))), x[None])  # a single jvp would not tell
    except TypeError as error:
        if "custom_vjp" in str(error) or "forward-mode" in str(error):
            return False
        raise
    return True


def follows_backwards(function: Callable, x: Float[Array, " n"]) -> bool:
    """Whether reverse mode can follow the function."""
    try:
        jax.eval_shape(lambda x: jax.vjp(function, x)[1](function(x)), x)
    except ValueError as error:
        if "Reverse-mode differentiation" in str(error):
            return False
        raise
    return True


def jacobian(function: Callable, x: Float[Array, " n"]) -> Callable:
    """The Jacobian of a vector function near `x`: forwards where that is possible and there are not fewer values than
    unknowns.
    """
    num_values = jax.eval_shape(function, x).shape[0]
    if x.size <= num_values:
        return jax.jacfwd(function) if follows_forwards(function, x) else jax.jacrev(function)
    return jax.jacrev(function) if follows_backwards(function, x) else jax.jacfwd(function)


def curvature(function: Callable, x: Float[Array, " n"]) -> Callable:
    """`along(x, value, image, p)`: the second derivative of a vector function along p, with `image` = J p.

    Where forward mode is not possible, it is the difference of the function and its tangent a tenth of the way.
    """
    h = 0.1

    def exact(x, value, image, p):
        return jax.jvp(lambda x: jax.jvp(function, (x,), (p,))[1], (x,), (p,))[1]

    def difference(x, value, image, p):
        return 2 / h * ((function(x + h * p) - value) / h - image)

    return exact if follows_forwards(function, x) else difference


def gradient(function: Callable, x: Float[Array, " n"]) -> Callable:
    """The gradient of a scalar function near `x`."""
    return jax.grad(function) if follows_backwards(function, x) else jax.jacfwd(function)


def expansion(function: Callable, x: Float[Array, " n"]) -> Callable:
    """`x -> (gradient, Hessian)` of a scalar function near `x`, in one pass and in whatever mode the program allows."""
    if follows_backwards(function, x):
        first = jax.grad(function)
    else:

        def first(x):
            return jax.vmap(lambda e: jax.jvp(function, (x,), (e,))[1])(jnp.eye(x.size, dtype=x.dtype))

    bend = jax.jacfwd if follows_forwards(first, x) else _differences
    second = bend(lambda x: 2 * (first(x),), has_aux=True)

    def expand(x: Array) -> tuple[Array, Array]:
        H, g = second(x)
        return g, 0.5 * (H + H.T)

    return expand


def _differences(slope: Callable, has_aux: bool) -> Callable:
    """The derivative of a gradient by central differences, right to about 1e-6."""

    def bend(x):
        step = jnp.finfo(x.dtype).eps ** (1 / 3) * jnp.maximum(1.0, jnp.abs(x))
        points = jnp.concatenate([x[None], x + jnp.diag(step), x - jnp.diag(step)])
        slopes, aux = jax.lax.map(slope, points)
        above, below = jnp.split(slopes[1:], 2)
        return (above - below) / (2 * step[:, None]), jax.tree.map(lambda leaf: leaf[0], aux)

    return bend


def finite(*arrays: Array) -> Array:
    """Whether every number is finite."""
    return jnp.stack([jnp.isfinite(array).all() for array in arrays]).all()
