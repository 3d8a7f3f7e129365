"""Plain functions as parts of PyTrees that are no leaves, so that what holds them passes through `jax.jit`."""

from collections.abc import Callable
from typing import Any

import jax

from .._core.tracing import holds_traced


class PlainFunction:
    """A function without numbers of its own; programs are compiled for it, and it counts by identity."""

    def __init__(self, function: Callable):
        self.__wrapped__ = function

    def __call__(self, *arguments: Any) -> Any:
        return self.__wrapped__(*arguments)

    def __eq__(self, other):
        return isinstance(other, PlainFunction) and self.__wrapped__ == other.__wrapped__

    def __hash__(self):
        return hash(self.__wrapped__)

    def __repr__(self):
        return f"<function {getattr(self.__wrapped__, '__name__', type(self.__wrapped__).__name__)}>"


class _Kept:
    """What PyTrees of equal structure have in common; functions have no names there."""

    def __init__(self, function: Callable):
        self.function = function

    def __eq__(self, other):
        return isinstance(other, _Kept) and self.function == other.function

    def __hash__(self):
        return hash(self.function)

    def __repr__(self):
        return "function"


jax.tree_util.register_pytree_node(
    PlainFunction, lambda plain: ((), _Kept(plain.__wrapped__)), lambda kept, _: PlainFunction(kept.function)
)


def as_function(value: Any) -> Any:
    """A plain function as a `PlainFunction`; anything that JAX takes apart itself, such as a Module, as it is.

    So is a function that closes over traced values: they must stay in sight.
    """
    leaves = jax.tree.leaves(value)
    is_plain = callable(value) and len(leaves) == 1 and leaves[0] is value
    return PlainFunction(value) if is_plain and not holds_traced(value) else value
