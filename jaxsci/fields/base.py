"""A field: data, the space they belong to, and the layout they are in. Its arithmetic is that of functions."""

import abc
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Inexact, PyTree

from .._core.errors import PrecisionError, ShapeError, SpaceMismatchError, UnsupportedError
from .._core.precision import complex_dtype, inexact_dtype, real_dtype
from ..geometry import BoundaryLaw
from .pointwise import Meeting, Part, Power, added, divided, divided_into, multiplied, raised, raised_from, subtracted
from .sampling import as_inexact, at_nodes, checked_values, nodes_of


class Space(eqx.Module):
    """A way to store functions: it samples them, evaluates them, and knows how two of its layouts combine.

    Layouts are names; `home` is the one a state is kept in while time passes.
    """

    home: eqx.AbstractClassVar[str]

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Number of coordinates of a point."""

    @abc.abstractmethod
    def field(self, source: Callable | Array, dtype=None) -> "Field":
        """The field of a function of one point `x`, shape `(dim,)`, or of its values at `points`."""

    @abc.abstractmethod
    def components(self, field: "Field") -> tuple[int, ...]:
        """Shape of the value of a field at one point."""

    @abc.abstractmethod
    def convert(self, field: "Field", layout: str) -> "Field":
        """The same function in another layout of this space."""

    @abc.abstractmethod
    def values(self, field: "Field") -> Array:
        """Function values at `points`, components first."""

    @abc.abstractmethod
    def evaluate(self, field: "Field", points: Array) -> Array:
        """Function values at any points `(..., dim)`, components last."""

    def on_axes(self, field: "Field", axes: Sequence[np.ndarray]) -> Array:
        """Function values at the nodes of a tensor grid with these coordinates along its axes, components first."""
        return at_nodes(field, nodes_of(axes))

    @abc.abstractmethod
    def linear(self, function: Callable, *fields: "Field") -> "Field":
        """Combine fields by a linear pointwise function; stays in the cheapest common layout."""

    @abc.abstractmethod
    def pointwise(self, function: Callable, *fields: "Field") -> "Field":
        """Combine fields by any function of their values at one point."""

    @abc.abstractmethod
    def constant(self, field: "Field", value: Array) -> "Field":
        """The field of a constant, in the layout of `field` where that is possible."""

    def sampled(self, field: "Field") -> "Field":
        """The field in the layout in which products are taken."""
        return field

    def component(self, field: "Field", index) -> "Field":
        """A component of a vector or matrix field."""
        return self.linear(Part(index), field)

    def scaled(self, function: Callable, field: "Field", constant: Array) -> "Field":
        """Combine a field and a constant by a function that is linear in the field."""
        return self.linear(Meeting(function, constant), field)

    def met(self, function: Callable, field: "Field", constant: Array) -> "Field":
        """Combine a field and a constant by any function of the value at one point and the constant."""
        return self.pointwise(Meeting(function, constant), field)

    def with_boundary(self, boundary: BoundaryLaw | Mapping[str, BoundaryLaw]) -> "Space":
        """The same space with other laws at the walls."""
        raise UnsupportedError(
            f"{type(self).__name__} has no walls to carry a law: project the field to a FiniteDifference space, whose "
            "`boundary` argument gives one law per side."
        )

    def compatible(self, other: "Space") -> bool:
        """Whether a field of `other` may meet a field of this space in one expression."""
        return type(self) is type(other)

    def project(self, field: "Field") -> "Field":
        """The field of this space that agrees with `field`, of any space, at the nodes of this one."""
        return self.field(field)


class Field(eqx.Module):
    """A function stored in a space.

    `+ - * /` and powers are those of functions, point by point, for components alike or with a scalar; a field whose
    walls carry a law loses it when it is combined, since a product obeys another law. `field[i]` is a component, never
    a node: nodal values are `field.values`, and `field(points)` evaluates anywhere.
    """

    __array_ufunc__: ClassVar[None] = None

    data: PyTree
    space: Space
    layout: str = eqx.field(static=True)

    @property
    def values(self) -> Inexact[Array, "..."]:
        """Function values at the nodes, whatever the layout."""
        return self.space.values(self)

    def __call__(self, points: Inexact[Array, "*points dim"]) -> Inexact[Array, "..."]:
        """Function values at any points inside the domain."""
        points = jnp.asarray(points)
        points = points if jnp.issubdtype(points.dtype, jnp.inexact) else points.astype(float)
        if jnp.iscomplexobj(points):
            raise PrecisionError("a field was evaluated at complex points: coordinates are real, pass `points.real`.")
        if points.ndim == 0 or points.shape[-1] != self.space.dim:
            raise ShapeError(
                f"a field of {self.space.dim} coordinates was evaluated at points of shape {points.shape}: the last "
                f"axis holds the coordinates, so pass shape (..., {self.space.dim})."
            )
        return self.space.evaluate(self, points)

    def to(self, layout: str) -> "Field":
        """The same function in another layout of its space."""
        return self if layout == self.layout else self.space.convert(self, layout)

    def sampled(self) -> "Field":
        """The field in the layout in which products are taken: worth naming once for a field with several products."""
        return self.space.sampled(self)

    def map(self, function: Callable, *others: "Field") -> "Field":
        """Apply a function of the value(s) at one point: `u.map(jnp.sin)`, `u.map(lambda a, b: a * b, v)`."""
        return self.space.pointwise(function, *matched(self, *others))

    def replace(self, data: PyTree) -> "Field":
        """The same space and layout with other data."""
        return Field(data, self.space, self.layout)

    def with_boundary(self, boundary: BoundaryLaw | Mapping[str, BoundaryLaw]) -> "Field":
        """The same values with a law at the walls, for what a derived field is known to obey there.

        Args:
            boundary: One law for all walls, or one per side.

        Raises:
            UnsupportedError: If the space has no walls.
        """
        return Field(self.data, self.space.with_boundary(boundary), self.layout)

    def astype(self, dtype) -> "Field":
        """Every array of the field in the precision of `dtype`."""

        inexact_dtype(dtype)

        def cast(leaf):
            if not eqx.is_inexact_array(leaf):
                return leaf
            return leaf.astype(complex_dtype(dtype) if jnp.iscomplexobj(leaf) else real_dtype(dtype))

        return jax.tree.map(cast, self)

    def __getitem__(self, index) -> "Field":
        """A component of a vector or matrix field."""
        shape = self.shape
        index = np.asarray(index) if isinstance(index, list) else index
        try:
            np.empty(shape)[index]
        except IndexError:
            kind = f"components of shape {shape}" if shape else "one component only"
            raise IndexError(
                f"field[{index!r}] on a field with {kind}: the index picks components; nodes are in `field.values`, "
                "and `field(points)` evaluates anywhere."
            ) from None
        return self.space.component(self, index)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar field has no components to count or to walk through.")
        return self.shape[0]

    def __iter__(self) -> Iterator["Field"]:
        return (self[i] for i in range(len(self)))

    def __add__(self, other):
        return self._linear(added, other)

    __radd__ = __add__

    def __sub__(self, other):
        return self._linear(subtracted, other)

    def __rsub__(self, other):
        return (-self)._linear(added, other)

    def __neg__(self):
        return self.space.linear(operator.neg, self)

    def __pos__(self):
        return self

    def __mul__(self, other):
        return self._scaled(multiplied, other)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._scaled(divided, other)

    def __rtruediv__(self, other):
        if not _is_constant(other):
            return NotImplemented
        return self.space.met(divided_into, self, _checked_constant(self, other))

    def __pow__(self, power):
        if isinstance(power, Field):
            return self.map(raised, power)
        if not _is_constant(power):
            return NotImplemented
        if isinstance(power, np.integer):
            power = int(power)
        if type(power) in (int, float, complex):
            return self.map(Power(power))
        return self.space.met(raised, self, _checked_constant(self, power))

    def __rpow__(self, base):
        if not _is_constant(base):
            return NotImplemented
        return self.space.met(raised_from, self, _checked_constant(self, base))

    def __eq__(self, other):
        """Whether two fields have the same data in the same space."""
        return _no_order() if _is_constant(other) else super().__eq__(other)

    __hash__ = eqx.Module.__hash__

    def __lt__(self, other):
        return _no_order()

    __le__ = __gt__ = __ge__ = __lt__

    def __array__(self, *_, **__):
        raise TypeError(
            "a field is a function, not an array: write field.values for its values at the nodes, field(points) for "
            "others, and field.map(jnp.sin) instead of jnp.sin(field)."
        )

    def __abs__(self):
        return self.map(abs)

    def _linear(self, function, other):
        if isinstance(other, Field):
            return self.space.linear(function, *matched(self, other))
        if _is_constant(other):
            return self.space.linear(function, self, self.space.constant(self, _checked_constant(self, other)))
        return NotImplemented

    def _scaled(self, function, other):
        if isinstance(other, Field):
            return self.space.pointwise(function, *matched(self, other))
        if _is_constant(other):
            return self.space.scaled(function, self, _checked_constant(self, other))
        return NotImplemented

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value at one point: `()` for a scalar field, `(d,)` for a vector field."""
        return self.space.components(self)

    @property
    def dtype(self) -> np.dtype:
        """Real precision of the data."""
        return precision_of(self) or real_dtype(jnp.zeros(()).dtype)

    def __repr__(self):
        kind = f"components {self.shape}, " if self.shape else ""
        return f"Field({kind}{self.dtype}, layout {self.layout!r}, in {self.space!r})"


def precision_of(field: "Field") -> np.dtype | None:
    """Real precision of the data, or None where it follows the points."""
    leaves = [a for a in jax.tree.leaves(field.data) if eqx.is_inexact_array(a) and not getattr(a, "weak_type", False)]
    return real_dtype(leaves[0].dtype) if leaves else None


def _no_order() -> NoReturn:
    raise TypeError(
        "fields are functions, which are not compared as a whole: write field.values > number for the nodes, or "
        "field.map(lambda a: a > number) for a field that is true and false."
    )


def _is_constant(value: Any) -> bool:
    return isinstance(value, (int, float, complex, np.ndarray, np.generic, jax.Array)) and not isinstance(value, bool)


def _checked_constant(field: Field, value) -> Array:
    value = jnp.asarray(float(value) if isinstance(value, int) else value)
    if value.ndim and value.shape != field.shape:
        raise ShapeError(
            f"an array of shape {value.shape} meets a field whose value at a point has shape {field.shape}: a "
            "constant is a number or one number per component; wrap nodal values with `space.field(values)`."
        )
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        return value.astype(field.dtype)
    if not value.weak_type and precision_of(field) not in (None, real_dtype(value.dtype)):
        raise PrecisionError(
            f"a {value.dtype} constant meets a {field.dtype} field: cast one of them, for example with "
            f"`field.astype(jnp.{real_dtype(value.dtype)})`."
        )
    return value


def nodal_values(source: Callable | Array, space: Space, dtype=None) -> Array:
    """Values at the nodes of a space, of a field of any space, of a function of one point, or given as they are."""
    if isinstance(source, Field) and source.space.dim == space.dim:
        return as_inexact(source.space.on_axes(source, space.axes), dtype)
    if callable(source):
        return at_nodes(source, space.points, dtype)
    return checked_values(source, space.grid.shape, dtype)


def matched(*fields) -> tuple[Field, ...]:
    """The fields, after checking that they live in one space and one precision."""
    first, *others = fields
    for other in others:
        if not isinstance(other, Field):
            raise TypeError(f"expected a Field, got {type(other).__name__}: wrap it with `space.field(...)`.")
        if not first.space.compatible(other.space):
            raise SpaceMismatchError(
                f"a field of {first.space!r} meets a field of {other.space!r}: nothing is converted silently; "
                "write `space.project(field)` to bring one into the space of the other."
            )
        if len({precision_of(first), precision_of(other)} - {None}) > 1:
            raise PrecisionError(
                f"a {first.dtype} field meets a {other.dtype} field: cast one of them, for example with "
                f"`field.astype(jnp.{first.dtype})`."
            )
    return fields
