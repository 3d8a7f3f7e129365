"""A law read at one point: its fields are formulas in the derivatives of the unknown, found by the chain rule.

An equation that is called with such fields says which derivatives it needs. They are then computed together, by one
Taylor series, and put into the formulas: the text that a solver integrates is the residual of a network.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..._core.errors import UnsupportedError
from ..._core.precision import one_kind
from ...fields import Field, Neural, is_field
from ...fields.neural import Composed, Constant, Derivative
from ...operators import derivative, laplacian
from ...operators.calculus import sum_of
from .taylor import SUMMED, Index, terms_of


class Local(Neural):
    """Functions known by their derivatives at the point where a law is read.

    Args:
        domain: A Box.
    """


class Table:
    """Derivatives of the unknown at one point: first noted as they are asked for, then looked up."""

    def __init__(self, parts: tuple[jax.ShapeDtypeStruct, ...]):
        self.parts = parts
        self.asked: dict[Index, None] = {}
        self.found: dict[Index, tuple[Array, ...]] | None = None

    def read(self, part: int, index: Index) -> Array:
        if self.found is not None:
            return self.found[index][part]
        self.asked[index] = None
        return jnp.zeros(self.parts[part].shape, self.parts[part].dtype)


class Unknown(eqx.Module):
    """A derivative of one part of the unknown; the orders count the time first, where there is one."""

    precision: Array
    table: Table = eqx.field(static=True)
    part: int = eqx.field(static=True)
    index: Index = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        if isinstance(x, jax.core.Tracer) and type(x).__name__ == "JVPTracer":
            raise UnsupportedError(
                "a law differentiated the unknown as a plain function, outside of this library's operators: write "
                "its derivatives with js.derivative, js.gradient, js.laplacian, ... of the field."
            )
        return self.table.read(self.part, self.index)

    def along(self, axis: int) -> "Unknown":
        """One derivative more."""
        index = tuple(order + (i == axis) for i, order in enumerate(self.index))
        return Unknown(self.precision, self.table, self.part, index)

    @property
    def terms(self) -> "Unknown | Composed":
        """A Laplacian as the sum of second derivatives, which can be differentiated further."""
        if SUMMED not in self.index:
            return self
        return Composed(_sum, tuple(Unknown(self.precision, self.table, self.part, a) for a in terms_of(self.index)))


def _sum(*values: Array) -> Array:
    return sum(values[1:], values[0])


class Slope(eqx.Module):
    """The chain rule: the derivative of `f(u_1, u_2, ...)` from the values and the derivatives of its parts."""

    function: Any = eqx.field(static=True)

    def __call__(self, *values: Array) -> Array:
        half = len(values) // 2
        return jax.jvp(self.function, values[:half], values[half:])[1]


@derivative.register(Local)
def _(field: Field, axis: int = 0, order: int = 1) -> Field:
    data = field.data
    for _ in range(order):
        data = _derivative(data, axis, field.space.dim)
    return field.replace(data)


@laplacian.register(Local)
def _(field: Field) -> Field:
    data, dim = field.data, field.space.dim
    if dim == 1 or not isinstance(data, Unknown) or any(data.index):
        return sum_of(derivative(field, axis, 2) for axis in range(dim))
    index = data.index[:-dim] + (SUMMED,) * dim
    return field.replace(Unknown(data.precision, data.table, data.part, index))


def _derivative(data: Any, axis: int, dim: int) -> Any:
    data = data.terms if isinstance(data, Unknown) else data
    if isinstance(data, Unknown):
        return data.along(axis + len(data.index) - dim)
    if isinstance(data, Constant):
        return Constant(jnp.zeros_like(data.value))
    if isinstance(data, Composed):
        slopes = tuple(_derivative(part, axis, dim) for part in data.parts)
        return Composed(Slope(data.function), data.parts + slopes)
    if isinstance(data, Derivative) and data.axis == axis:
        return Derivative(data.function, axis, data.order + 1)
    return Derivative(data, axis, 1)


class At(eqx.Module):
    """A field of any storage as a function of one point."""

    field: Field

    def __call__(self, x: Array) -> Array:
        return self.field(x)


def localised(tree: PyTree, space: Local) -> PyTree:
    """A law, or its arguments, whose coefficients that are fields can meet the unknown."""

    def convert(leaf):
        return space.field(leaf.data if isinstance(leaf.space, Neural) else At(leaf)) if is_field(leaf) else leaf

    return jax.tree.map(convert, tree, is_leaf=is_field)


def value_at(field: Any, x: Array) -> Array:
    """The value at one point of a field that a law returned, or of an array."""
    return jnp.asarray(field.data(x)) if is_field(field) else jnp.asarray(field)


def real_parts(values: list[Array]) -> Array:
    """Values of any shapes as one vector of real numbers: of a complex one the real part, then the imaginary."""
    flat = [part for a in values for part in ((a.real, a.imag) if jnp.iscomplexobj(a) else (a,))]
    return jnp.concatenate([jnp.ravel(part) for part in flat])


def complex_parts(vector: Array, parts: tuple[jax.ShapeDtypeStruct, ...]) -> tuple[Array, ...]:
    """The inverse of `real_parts`."""
    values, start = [], 0
    for part in parts:
        pieces = []
        for _ in range(2 if jnp.issubdtype(part.dtype, jnp.complexfloating) else 1):
            pieces.append(vector[start : start + part.size].reshape(part.shape))
            start += part.size
        values.append(jax.lax.complex(*pieces) if len(pieces) == 2 else pieces[0])
    return tuple(values)


def num_real(parts: tuple[jax.ShapeDtypeStruct, ...]) -> int:
    """How many real numbers the values hold."""
    return sum(part.size * (2 if jnp.issubdtype(part.dtype, jnp.complexfloating) else 1) for part in parts)


def difference(rate: Array, slope: Array) -> Array:
    """`slope - rate`, both complex if one of them is."""
    rate, slope = one_kind(rate, slope)
    return slope - rate
