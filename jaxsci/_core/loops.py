"""Loops whose work all cores of a CPU share.

XLA deals out the work of large operations to the cores, except in programs that it takes for small ones. Since version
0.11 it takes every loop for one, whatever the size of its arrays, that holds no operation of a certain list, of which a
sort of two numbers is the cheapest (openxla/xla, `small_while_loop_hoisting_pass.cc`: the cost of a loop is read before
it is worked out). Heat on 1024^2 nodes then takes twice the time on two cores.
"""

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

FIRST_AFFECTED = (0, 11)
SMALL = 1 << 20  # bytes; below it one core is as fast


def scan(body, carry: PyTree, xs: PyTree, unroll: int = 1) -> tuple[PyTree, PyTree]:
    """As `jax.lax.scan`, on all cores where the carry is large."""
    if not _would_use_one_core(carry):
        return jax.lax.scan(body, carry, xs, unroll=unroll)

    def marked(both, x):
        carry, y = body(both[0], x)
        return (carry, jax.lax.sort(jnp.stack([both[1], both[1] + 1]))[0]), y

    (carry, mark), ys = jax.lax.scan(marked, (carry, jnp.zeros((), jnp.int32)), xs, unroll=unroll)
    leaves, structure = jax.tree.flatten(carry)
    least = min(range(len(leaves)), key=lambda i: leaves[i].size)
    leaves[least] = jnp.where(mark < 0, jnp.zeros_like(leaves[least]), leaves[least])  # else nobody reads the mark
    return jax.tree.unflatten(structure, leaves), ys


def _would_use_one_core(carry: PyTree) -> bool:
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(carry))
    return jax.default_backend() == "cpu" and jax.__version_info__ >= FIRST_AFFECTED and size >= SMALL
