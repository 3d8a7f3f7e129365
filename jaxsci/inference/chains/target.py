"""A log density as chains see it: on the real line, never NaN, with its gradient by a mode that the program allows."""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.extend.core import jaxprs_in_params
from jaxtyping import Array, Float, PyTree

from ..._core.errors import UnsupportedError
from ..posterior import Posterior
from ..search.derivatives import follows_backwards, follows_forwards

FEW, MANY = 4, 16
WIDE = 2000


class Target(eqx.Module):
    """The log density of z, minus infinity where it is not finite, which sends a chain back where it came from.

    Args:
        posterior: the posterior.
        guess: unknowns whose containers and shapes z stands for.
        forward: whether gradients are taken forwards, one tangent for each unknown, or backwards.
    """

    posterior: Posterior
    guess: PyTree
    forward: bool = eqx.field(static=True, default=True)

    def function(self) -> Callable:
        """The log density as a function of z whose trace is kept, however often a program calls it."""

        def function(z):
            return self._safe(z)

        return _forwards(function) if self.forward else jax.jit(function)

    def plain(self, z: Float[Array, " n"]) -> Float[Array, ""]:
        """The log density in the precision of the unknowns, non-finite values included."""
        coordinates = self.posterior.flatten(self.guess)
        return self.posterior.unconstrained(self.guess)(z.astype(coordinates.dtype))

    def _safe(self, z: Array) -> Array:
        height = self.plain(z).astype(z.dtype)
        return jnp.where(jnp.isfinite(height), height, -jnp.inf)


def _forwards(function):
    """The function with its gradient from one tangent per unknown, in programs that reverse mode cannot follow too."""

    wrapped = jax.custom_vjp(jax.jit(function))

    @jax.jit
    def with_gradient(z):
        return jax.vmap(lambda e: jax.jvp(function, (z,), (e,)), out_axes=(None, 0))(jnp.eye(len(z), dtype=z.dtype))

    wrapped.defvjp(with_gradient, lambda gradient, bar: (bar * gradient,))
    return wrapped


@eqx.filter_jit
def evaluate(target: Target, z: Array) -> tuple[Array, Array]:
    """Value and gradient at one z, or at several."""
    one = jax.value_and_grad(target.function())
    height, slope = one(z) if z.ndim == 1 else jax.vmap(one)(z)
    return height, jnp.where(jnp.isfinite(slope), slope, 0.0)


def goes_forwards(posterior: Posterior, guess: PyTree, size: int) -> bool:
    """Whether gradients are best taken forwards, of the modes that can follow the program.

    Forwards, every unknown adds a tangent; backwards, their number does not matter. Tangents of a program without large
    arrays move side by side in one run, so it is followed forwards for more unknowns.

    Raises:
        UnsupportedError: If neither mode can.
    """
    z, plain = jnp.zeros(size), Target(posterior, guess).plain
    forwards, backwards = follows_forwards(plain, z), follows_backwards(plain, z)
    if not (forwards or backwards):
        raise UnsupportedError(
            "the prediction has no gradient in forward or reverse mode: give js.simulate an adjoint that has one, for "
            "instance adjoint=js.Forward(), or use js.inference.ensemble_kalman, which needs none."
        )
    if forwards and backwards:
        return size <= (MANY if is_small(plain, z) else FEW)
    return forwards


def is_small(function: Callable, z: Float[Array, " n"]) -> bool:
    """Whether a program holds no large array, so that several of its runs cost little more than one side by side."""
    return _widest(jax.make_jaxpr(function)(z).jaxpr) <= WIDE


def _widest(jaxpr) -> int:
    """Elements of the largest array that a program computes."""
    here = [math.prod(v.aval.shape) for equation in jaxpr.eqns for v in equation.outvars]
    inner = [_widest(part) for equation in jaxpr.eqns for part in jaxprs_in_params(equation.params)]
    return max([*here, *inner], default=1)
