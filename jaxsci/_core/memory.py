"""Where arrays are written down. A compiler that fuses everything computes a stencil's input again for each neighbour.

It cannot fuse through a branch that depends on a number it does not know, such as the time.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree


@jax.custom_jvp
def in_memory(array: Array, clock: Array) -> Array:
    """`array`, written to memory before it is read; without it, four Runge-Kutta stages of a stencil cost 40 times
    more on CPU.
    """
    other = jnp.logical_not if array.dtype == bool else jnp.negative
    return jax.lax.cond(jnp.isnan(clock), other, lambda a: a, array)


@in_memory.defjvp
def _(primals, tangents):
    array, clock = primals
    return in_memory(array, clock), tangents[0]


def apart(function: Callable, arrays: PyTree, n: Array) -> PyTree:
    """`function(arrays)`, arrays like those given, compiled apart from what comes before and after; `n` counts steps.

    Two such calls in a pass of a loop leave the result where the loop wants it; a single one has to be copied there.
    """
    return jax.lax.cond(n < 0, lambda tree: jax.tree.map(lambda a: a * a, tree), function, arrays)
