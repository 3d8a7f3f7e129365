"""Where an array is written down. A compiler that fuses everything computes a stencil's input again for each
neighbour.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array


@jax.custom_jvp
def in_memory(array: Array, clock: Array) -> Array:
    """`array`, written to memory before it is read; without it, four Runge-Kutta stages of a stencil cost 40 times
    more on CPU.

    The compiler cannot fuse through a branch that depends on a number it does not know: the time `clock`.
    """
    return jax.lax.cond(jnp.isnan(clock), jnp.negative, lambda a: a, array)


@in_memory.defjvp
def _(primals, tangents):
    array, clock = primals
    return in_memory(array, clock), tangents[0]
