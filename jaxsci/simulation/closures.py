"""What functions read besides their arguments: seen by derivatives, and by the cache of compiled programs."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun
from jaxtyping import PyTree

from .._core.tracing import holds_traced, is_traced
from ..fields import Field, FiniteDifference, is_field
from ..geometry import InTime


class PlainLaw(eqx.Module):
    """A plain function as a law. What it reads besides its arguments may change between two calls, and then it is
    another law: `program` is a digest of what it does now.
    """

    function: Callable = eqx.field(static=True)
    program: bytes = eqx.field(static=True)

    @property
    def __name__(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, *arguments):
        return self.function(*arguments)


class ClosedLaw(eqx.Module):
    """A function with all numbers that it reads besides its arguments as leaves, where derivatives find them."""

    numbers: list
    rest: PyTree
    program: Any = eqx.field(static=True)
    results: Any = eqx.field(static=True)

    def __init__(self, function: Callable, *arguments: Any):
        program, results, self.rest = eqx.filter_make_jaxpr(function)(*arguments)
        self.program, self.numbers = program.jaxpr, program.consts
        self.results = jax.tree.structure(results)

    def __call__(self, *arguments):
        leaves = jax.tree.leaves(eqx.filter(arguments, eqx.is_array))
        results = jaxpr_as_fun(ClosedJaxpr(self.program, self.numbers))(*leaves)
        return eqx.combine(jax.tree.unflatten(self.results, results), self.rest)


def digest(function: Callable, *arguments: Any) -> bytes:
    """A digest of what a function does with such arguments, of the numbers that it closes over too."""
    law = ClosedLaw(function, *arguments)
    return _digest(law.program, law.numbers)


def _digest(program, numbers: list) -> bytes:
    code = hashlib.blake2b(re.sub(r" at 0x[0-9a-f]+", "", f"{program}").encode())
    for constant in numbers:
        code.update(np.asarray(jax.random.key_data(constant) if _is_key(constant) else constant).tobytes())
    return code.digest()


def _is_key(constant) -> bool:
    return jnp.issubdtype(constant.dtype, jax.dtypes.prng_key)


def with_closure(equation: Callable, state: PyTree, args: Any, dtype) -> Callable:
    """The law, with what a plain function reads besides its arguments made visible."""
    if isinstance(equation, eqx.Module):
        return equation
    law = ClosedLaw(equation, jnp.zeros((), dtype), state, args)
    return law if is_traced(law.numbers) else PlainLaw(equation, _digest(law.program, law.numbers))


def closed(equation: Callable, state: PyTree, args: Any, dtype) -> tuple[Callable, Any]:
    """The law and its arguments, where functions among their parts read traced values: the law of no arguments with
    these values as leaves.
    """
    functions = filter(callable, jax.tree.leaves((equation, args)))
    if not any(map(holds_traced, functions)):
        return equation, args
    return ClosedLaw(lambda t, u, _: equation(t, u, args), jnp.zeros((), dtype), state, None), None


def with_closed_walls(state: PyTree, dtype) -> PyTree:
    """The state, with traced values that functions at its walls close over made visible to derivatives."""

    def convert(u):
        if not is_field(u) or not isinstance(u.space, FiniteDifference):
            return u
        x, t = jnp.zeros(u.space.dim), jnp.zeros((), dtype)

        def wall(node):
            if isinstance(node, InTime):
                return InTime(_converted(node.function, t, x.astype(dtype)), node.t)
            return _converted(node, x) if callable(node) else node

        space = jax.tree.map(wall, u.space, is_leaf=lambda node: isinstance(node, InTime))
        return Field(u.data, space, u.layout)

    return jax.tree.map(convert, state, is_leaf=is_field)


def _converted(function: Callable, *arguments: Any) -> Callable:
    if isinstance(function, eqx.Module):
        return function
    closed_function = ClosedLaw(function, *arguments)
    return closed_function if is_traced(closed_function.numbers) else function
