"""Pieces of a program that are compiled apart, so that what they give is written to memory before it is read.

A compiler that fuses everything computes the input of a stencil again for each neighbour that reads it, and makes no
vectors of loops that ask at each node whether a wall is near. XLA leaves a call alone that says it is not to be inlined,
in derivatives and under `jax.vmap` too. On accelerators fusion is what one wants, and nothing is kept apart.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata
from jaxtyping import PyTree


def apart(function: Callable, *arrays: PyTree) -> PyTree:
    """`function(*arrays)`, compiled apart from what comes before and after."""
    if jax.default_backend() != "cpu" or not isinstance(jnp.zeros(()), jax.core.Tracer):
        return function(*arrays)

    def piece(*arrays):
        with set_xla_metadata(inlineable="true"):
            return function(*arrays)

    with set_xla_metadata(inlineable="false"):
        return jax.jit(piece)(*arrays)


def in_memory(arrays: PyTree) -> PyTree:
    """The same arrays, written to memory before they are read."""
    return apart(jax.lax.optimization_barrier, arrays)
