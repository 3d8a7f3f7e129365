"""A log density as chains see it: on the real line, never NaN, with its gradient by a mode that the program allows."""

import time
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..._core.errors import UnsupportedError
from ..posterior import Posterior
from ..search.derivatives import follows_backwards, follows_forwards

FEW, MANY = 4, 32
LOCKSTEP = 1.5


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


def modes(posterior: Posterior, guess: PyTree, size: int) -> list[bool]:
    """Whether forward mode (True) and reverse mode (False) can follow the program, the likely faster one first.

    Raises:
        UnsupportedError: If neither can.
    """
    z, plain = jnp.zeros(size), Target(posterior, guess).plain
    found = [mode for mode, follows in ((True, follows_forwards), (False, follows_backwards)) if follows(plain, z)]
    if not found:
        raise UnsupportedError(
            "the prediction has no gradient in forward or reverse mode: give js.simulate an adjoint that has one, for "
            "instance adjoint=js.Forward(), or use js.inference.ensemble_kalman, which needs none."
        )
    if len(found) == 2 and size <= FEW:
        return [True]
    return [False] if len(found) == 2 and size > MANY else found


def fastest(posterior: Posterior, guess: PyTree, starts: Float[np.ndarray, "chains n"]) -> tuple[Target, bool]:
    """The target whose gradient takes the least time here, and whether chains are faster side by side than in turn.

    Chains side by side wait for the longest trajectory among them, so they have to be faster by half.
    """
    candidates = []
    for forward in modes(posterior, guess, starts.shape[1]):
        target = Target(posterior, guess, forward)
        alone = len(starts) * _seconds(target, jnp.asarray(starts[0]))
        together = LOCKSTEP * _seconds(target, jnp.asarray(starts)) if len(starts) > 1 else np.inf
        candidates += [(alone, target, False), (together, target, True)]
    _, target, lockstep = min(candidates, key=lambda candidate: candidate[0])
    return target, lockstep


def _seconds(target: Target, z: Array) -> float:
    jax.block_until_ready(evaluate(target, z))
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        jax.block_until_ready(evaluate(target, z))
        best = min(best, time.perf_counter() - start)
        if best > 0.2:
            break
    return best
