"""Loops whose work all cores of a CPU share.

XLA deals out the work of large operations to the cores, except in programs that it takes for small ones. In version
0.12 of jaxlib it takes every loop for one, whatever the size of its arrays, unless an operation of a certain list is in
it (openxla/xla, `small_while_loop_hoisting_pass.cc`: the cost of a loop is read before it is worked out). A sort of two
numbers is the cheapest of them; its derivative, a scatter, is on the list as well.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

FIRST_AFFECTED = (0, 12)
SMALL = 1 << 20  # bytes; below it one core is as fast


def scan(body: Callable, carry: PyTree, xs: PyTree, unroll: int = 1) -> tuple[PyTree, PyTree]:
    """As `jax.lax.scan`, on all cores where the carry is large."""
    if not _would_use_one_core(carry):
        return jax.lax.scan(body, carry, xs, unroll=unroll)

    def marked(both, x):
        after, y = body(both[0], x)
        return (after, _sorted(both[1])), y

    (carry, mark), ys = jax.lax.scan(marked, (carry, _nothing_of(carry)), xs, unroll=unroll)
    return _with(carry, mark), ys


def _sorted(mark: Array) -> Array:
    """The mark, which the compiler cannot know."""
    return jax.lax.sort(jnp.stack([mark, jnp.full_like(mark, jnp.inf)]))[0]


def _first(carry: PyTree) -> tuple[list, int, tuple[int, ...]]:
    """The arrays of a carry, and where the first number of the smallest real or complex one is."""
    leaves = jax.tree.leaves(carry)
    numbers = [i for i, a in enumerate(leaves) if jnp.issubdtype(a.dtype, jnp.inexact) and a.size]
    least = min(numbers, key=lambda i: leaves[i].size)
    return leaves, least, (0,) * leaves[least].ndim


def _nothing_of(carry: PyTree) -> Array:
    """Zero, made of a number of the carry: what reads nothing, or what nobody reads, is not worked out."""
    leaves, least, origin = _first(carry)
    return 0 * jnp.real(leaves[least][origin])


def _with(carry: PyTree, mark: Array) -> PyTree:
    """The carry, as one that reads the mark."""
    leaves, least, origin = _first(carry)
    leaves[least] = leaves[least].at[origin].add((0 * mark).astype(leaves[least].dtype))
    return jax.tree.unflatten(jax.tree.structure(carry), leaves)


def _would_use_one_core(carry: PyTree) -> bool:
    sizes = [a.size * a.dtype.itemsize for a in jax.tree.leaves(carry) if jnp.issubdtype(a.dtype, jnp.inexact)]
    return jax.default_backend() == "cpu" and jax.__version_info__ >= FIRST_AFFECTED and sum(sizes) >= SMALL
