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


def hessian(function: Callable, x: Float[Array, " n"]) -> Callable:
    """The Hessian of a scalar function near `x`, symmetric to the last bit."""
    second = jax.jacfwd(gradient(function, x))

    def symmetric(x: Array) -> Array:
        H = second(x)
        return 0.5 * (H + H.T)

    return symmetric


def finite(*arrays: Array) -> Array:
    """Whether every number is finite."""
    return jnp.stack([jnp.isfinite(array).all() for array in arrays]).all()
