"""Functions of the values of fields at one point. Equal ones are equal objects, so that programs are used again."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.errors import ShapeError
from .._core.precision import complex_dtype, one_kind, real_dtype


class Part:
    """The function that takes components."""

    def __init__(self, index: Any):
        self.index = index

    def __call__(self, a: Array) -> Array:
        return a[self.index]

    def __eq__(self, other):
        return isinstance(other, Part) and repr(self) == repr(other)

    def __hash__(self):
        return hash(repr(self))

    def __repr__(self):
        return f"Part({self.index!r})"


class Power(eqx.Module):
    """The function `a ** power` of a number that is fixed when a program is compiled."""

    power: complex = eqx.field(static=True)

    def __call__(self, a: Array) -> Array:
        return a**self.power


class Meeting(eqx.Module):
    """A function of the value at a point and a constant, which stays visible to gradients."""

    function: Callable = eqx.field(static=True)
    constant: Array

    def __call__(self, a: Array) -> Array:
        return self.function(*one_kind(a, self.constant.astype(_like(self.constant, a))))


def added(a: Array, b: Array) -> Array:
    return jnp.add(*_alike(a, b))


def subtracted(a: Array, b: Array) -> Array:
    return jnp.subtract(*_alike(a, b))


def multiplied(a: Array, b: Array) -> Array:
    return jnp.multiply(*_alike(a, b))


def divided(a: Array, b: Array) -> Array:
    return jnp.divide(*_alike(a, b))


def raised(a: Array, b: Array) -> Array:
    return jnp.power(*_alike(a, b))


def divided_into(a: Array, b: Array) -> Array:
    return divided(b, a)


def raised_from(a: Array, b: Array) -> Array:
    return raised(b, a)


def _alike(a: Array, b: Array) -> tuple[Array, Array]:
    """Two values at one point, after checking that their components match or that one of them is a scalar."""
    if a.shape and b.shape and a.shape != b.shape:
        raise ShapeError(
            f"a field with components {a.shape} meets one with components {b.shape}: arithmetic acts component by "
            "component; write `dot(u, v)` for the scalar product, or `u.map(lambda a, b: ..., v)` for any other "
            "function of both values."
        )
    return a, b


def _like(constant: Array, array: Array):
    """The type of a constant that meets an array: the precision of the array, real or complex as it was."""
    return complex_dtype(array.dtype) if jnp.iscomplexobj(constant) else real_dtype(array.dtype)
