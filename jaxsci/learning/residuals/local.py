"""A law read at one point: its fields are formulas in the derivatives of the unknown, found by the chain rule.

An equation that is called with such fields says which derivatives it needs. They are then computed together, by one
Taylor series, and put into the formulas: the text that a solver integrates is the residual of a network.

An inverse Laplacian cannot be read at a point. It becomes one more unknown, a potential such as the pressure or the
stream function of a flow, and one more equation: its Laplacian is what was to be inverted.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..._core.errors import UnsupportedError
from ..._core.precision import one_kind
from ...fields import Field, Neural, is_field
from ...fields.neural import Composed, Constant, Derivative
from ...operators import derivative, divergence, divergence_free, gradient, laplacian, solve_poisson
from ...operators.calculus import sum_of
from .taylor import SUMMED, Index, terms_of


class Local(Neural):
    """Functions known by their derivatives at the point where a law is read.

    Args:
        domain: A Box.
        reading: What the law that is being read has asked for so far.
    """

    reading: "Reading | None" = eqx.field(static=True, default=None)


class Table:
    """Derivatives of the unknown at one point: first noted as they are asked for, then looked up."""

    def __init__(self, parts: tuple[jax.ShapeDtypeStruct, ...]):
        self.parts = list(parts)
        self.algebraic: list[bool] = []
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


class Reading:
    """One reading of a law at one point: its potentials, and its formulas, each differentiated and worked out once.

    Potentials are unknowns given by their Laplacian; they follow the unknowns of the law in the table, and `equations`
    are what is left of those they obey.
    """

    def __init__(self, table: Table, first: int, none: Index):
        self.table, self.next, self.none = table, first, none
        self.equations: list[Field] = []
        self.slopes: dict[tuple[int, int], tuple[Any, Any]] = {}
        self.values: dict[int, tuple[Any, Array]] = {}

    def slope(self, data: Any, axis: int, dim: int) -> Any:
        """A derivative; of the same formula the same object."""
        key = id(data), axis
        if key not in self.slopes:
            self.slopes[key] = data, self._slope(data, axis, dim)
        return self.slopes[key][1]

    def _slope(self, data: Any, axis: int, dim: int) -> Any:
        data = data.terms if isinstance(data, Unknown) else data
        if isinstance(data, Unknown):
            return data.along(axis + len(data.index) - dim)
        if isinstance(data, Constant):
            return Constant(jnp.zeros_like(data.value))
        if isinstance(data, Composed):
            slopes = tuple(self.slope(part, axis, dim) for part in data.parts)
            return Composed(Slope(data.function), data.parts + slopes)
        if isinstance(data, Derivative) and data.axis == axis:
            return Derivative(data.function, axis, data.order + 1)
        return Derivative(data, axis, 1)

    def value(self, data: Any, x: Array) -> Array:
        """The value of a formula at the point."""
        if not isinstance(data, Composed):
            return jnp.asarray(data(x))
        if id(data) not in self.values:
            self.values[id(data)] = data, data.at([self.value(part, x) for part in data.parts])
        return self.values[id(data)][1]

    def potential(self, source: Field) -> Field:
        """The function whose Laplacian is `source`."""
        if self.next == len(self.table.parts):
            self.table.parts.append(jax.ShapeDtypeStruct(source.shape, source.dtype))
        found = source.replace(Unknown(jnp.zeros((0,), source.dtype), self.table, self.next, self.none))
        self.next += 1
        self.equations.append(laplacian(found) - source)
        return found


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
        data = field.space.reading.slope(data, axis, field.space.dim)
    return field.replace(data)


@laplacian.register(Local)
def _(field: Field) -> Field:
    data, dim = field.data, field.space.dim
    if dim == 1 or not isinstance(data, Unknown) or any(data.index):
        return sum_of(derivative(field, axis, 2) for axis in range(dim))
    index = data.index[:-dim] + (SUMMED,) * dim
    return field.replace(Unknown(data.precision, data.table, data.part, index))


@solve_poisson.register(Local)
def _(field: Field, boundary=None) -> Field:
    if boundary is not None:
        raise UnsupportedError("solve_poisson(..., boundary=) inside a law: its potential is periodic at a point.")
    return field.space.reading.potential(field)


@divergence_free.register(Local)
def _(field: Field) -> Field:
    return field - gradient(field.space.reading.potential(divergence(field)))


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


def real_parts(values: list[Array]) -> Array:
    """Values of any shapes as one vector of real numbers: of a complex one the real part, then the imaginary."""
    flat = [part for a in values for part in ((a.real, a.imag) if jnp.iscomplexobj(a) else (a,))]
    return jnp.concatenate([jnp.ravel(part) for part in flat])


def complex_parts(vector: Array, parts: Sequence[jax.ShapeDtypeStruct]) -> tuple[Array, ...]:
    """The inverse of `real_parts`."""
    values, start = [], 0
    for part in parts:
        pieces = []
        for _ in range(2 if jnp.issubdtype(part.dtype, jnp.complexfloating) else 1):
            pieces.append(vector[start : start + part.size].reshape(part.shape))
            start += part.size
        values.append(jax.lax.complex(*pieces) if len(pieces) == 2 else pieces[0])
    return tuple(values)


def num_real(parts: Sequence[jax.ShapeDtypeStruct]) -> int:
    """How many real numbers the values hold."""
    return sum(part.size * (2 if jnp.issubdtype(part.dtype, jnp.complexfloating) else 1) for part in parts)


def difference(rate: Array, slope: Array) -> Array:
    """`slope - rate`, both complex if one of them is."""
    rate, slope = one_kind(rate, slope)
    return slope - rate
