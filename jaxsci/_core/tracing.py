"""Whether numbers are known yet."""

import functools
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

DEEPEST = 8


@jax.jit
def _nothing() -> Array:
    return jnp.zeros(())


def is_tracing() -> bool:
    """Whether this call is written down as part of a program instead of being run."""
    return isinstance(_nothing(), jax.core.Tracer)


def holds_traced(node: Any) -> bool:
    """Whether numbers that are not known yet are in an object, or in what a function closes over."""
    return _holds_traced(node, set(), DEEPEST)


def is_traced(tree: PyTree) -> bool:
    """Whether a transformation is at work, so that numbers cannot be looked at."""
    return is_tracing() or any(
        isinstance(leaf, jax.core.Tracer) or (callable(leaf) and holds_traced(leaf)) for leaf in jax.tree.leaves(tree)
    )


def _holds_traced(node: Any, seen: set[int], depth: int) -> bool:
    if isinstance(node, jax.core.Tracer):
        return True
    known = isinstance(node, (type, ModuleType, str, bytes, int, float, complex, jax.Array, np.ndarray))
    if known or id(node) in seen or not depth:
        return False
    seen.add(id(node))
    return any(_holds_traced(part, seen, depth - 1) for part in _parts(node))


def _parts(node: Any) -> Iterator[Any]:
    """What a function closes over, and what an object holds."""
    yield from (leaf for leaf in jax.tree.leaves(node) if leaf is not node)
    for cell in getattr(node, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    yield from getattr(node, "__defaults__", None) or ()
    yield from (getattr(node, "__kwdefaults__", None) or {}).values()
    yield from (getattr(node, name, None) for name in ("__self__", "__wrapped__"))
    if isinstance(node, functools.partial):
        yield from (node.func, *node.args, *node.keywords.values())
    yield from getattr(node, "__dict__", {}).values()
