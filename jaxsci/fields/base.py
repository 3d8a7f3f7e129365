"""A field: data, the space they belong to, and the layout they are in. Its arithmetic is that of functions."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Inexact, PyTree

from .._core.errors import PrecisionError, ShapeError, SpaceMismatchError
from .._core.precision import complex_dtype, real_dtype


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

    @abc.abstractmethod
    def linear(self, function: Callable, *fields: "Field") -> "Field":
        """Combine fields by a linear pointwise function; stays in the cheapest common layout."""

    @abc.abstractmethod
    def pointwise(self, function: Callable, *fields: "Field") -> "Field":
        """Combine fields by any function of their values at one point."""

    @abc.abstractmethod
    def constant(self, field: "Field", value: Array) -> "Field":
        """The field of a constant, in the layout of `field` where that is possible."""

    def component(self, field: "Field", index) -> "Field":
        """A component of a vector or matrix field."""
        return self.linear(lambda a: a[index], field)

    def compatible(self, other: "Space") -> bool:
        """Whether a field of `other` may meet a field of this space in one expression."""
        return type(self) is type(other)

    def project(self, field: "Field") -> "Field":
        """The field of this space that agrees with `field`, of any space, at the nodes of this one."""
        return self.field(lambda x: field(x))


class Field(eqx.Module):
    """A function stored in a space.

    `+ - * /` and powers are those of functions, point by point; a field whose walls carry a law loses it when it is
    combined, since a product obeys another law.
    """

    data: PyTree
    space: Space
    layout: str = eqx.field(static=True)

    @property
    def values(self) -> Inexact[Array, "..."]:
        """Function values at the nodes, whatever the layout."""
        return self.space.values(self)

    def __call__(self, points: Inexact[Array, "*points dim"]) -> Inexact[Array, "..."]:
        """Function values at any points inside the domain."""
        points = jnp.asarray(points, float) if not isinstance(points, jax.Array) else points
        if points.ndim == 0 or points.shape[-1] != self.space.dim:
            raise ShapeError(
                f"a field of {self.space.dim} coordinates was evaluated at points of shape {points.shape}: the last axis "
                f"holds the coordinates, so pass shape (..., {self.space.dim})."
            )
        return self.space.evaluate(self, points)

    def to(self, layout: str) -> "Field":
        """The same function in another layout of its space."""
        return self if layout == self.layout else self.space.convert(self, layout)

    def map(self, function: Callable, *others: "Field") -> "Field":
        """Apply a function of the value(s) at one point: `u.map(jnp.sin)`, `u.map(lambda a, b: a * b, v)`."""
        return self.space.pointwise(function, *_matched(self, *others))

    def replace(self, data: PyTree) -> "Field":
        """The same space and layout with other data."""
        return Field(data, self.space, self.layout)

    def astype(self, dtype) -> "Field":
        """Every array of the field in the precision of `dtype`."""
        def cast(leaf):
            if not eqx.is_inexact_array(leaf):
                return leaf
            return leaf.astype(complex_dtype(dtype) if jnp.iscomplexobj(leaf) else real_dtype(dtype))

        return jax.tree.map(cast, self)

    def __getitem__(self, index) -> "Field":
        """A component of a vector or matrix field."""
        return self.space.component(self, index)

    def __add__(self, other):
        return self._linear(lambda a, b: a + b, other)

    def __radd__(self, other):
        return self._linear(lambda a, b: b + a, other)

    def __sub__(self, other):
        return self._linear(lambda a, b: a - b, other)

    def __rsub__(self, other):
        return self._linear(lambda a, b: b - a, other)

    def __neg__(self):
        return self.space.linear(lambda a: -a, self)

    def __pos__(self):
        return self

    def __mul__(self, other):
        return self._scaled(lambda a, b: a * b, other)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._scaled(lambda a, b: a / b, other)

    def __rtruediv__(self, other):
        if not _is_constant(other):
            return NotImplemented
        other = _checked_constant(self, other)
        return self.map(lambda a: jnp.divide(*reversed(_one_kind(a, other))))

    def __pow__(self, power):
        return self.map(lambda a: a**power)

    def __abs__(self):
        return self.map(abs)

    def _linear(self, function, other):
        if isinstance(other, Field):
            return self.space.linear(function, *_matched(self, other))
        if _is_constant(other):
            return self.space.linear(function, self, self.space.constant(self, _checked_constant(self, other)))
        return NotImplemented

    def _scaled(self, function, other):
        if isinstance(other, Field):
            return self.space.pointwise(function, *_matched(self, other))
        if _is_constant(other):
            other = _checked_constant(self, other)
            return self.space.linear(lambda a: function(*_one_kind(a, other)), self)
        return NotImplemented

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value at one point: `()` for a scalar field, `(d,)` for a vector field."""
        return self.space.components(self)

    @property
    def dtype(self) -> np.dtype:
        """Real precision of the data."""
        leaves = [leaf for leaf in jax.tree.leaves(self.data) if eqx.is_inexact_array(leaf)]
        return real_dtype(leaves[0].dtype) if leaves else real_dtype(jnp.zeros(()).dtype)

    def __repr__(self):
        return f"Field({type(self.space).__name__}, layout={self.layout!r}, space={self.space!r})"


def _one_kind(array: Array, constant: Array) -> tuple[Array, Array]:
    """Both complex if one of them is."""
    if jnp.iscomplexobj(array) == jnp.iscomplexobj(constant):
        return array, constant
    kind = complex_dtype(array.dtype)
    return array.astype(kind), constant.astype(kind)


def _is_constant(value: Any) -> bool:
    return isinstance(value, (int, float, complex, np.ndarray, np.generic, jax.Array)) and not isinstance(value, bool)


def _checked_constant(field: Field, value) -> Array:
    value = jnp.asarray(value)
    if value.ndim and value.shape != field.shape:
        raise ShapeError(
            f"an array of shape {value.shape} meets a field whose value at a point has shape {field.shape}: a constant is a "
            "number or one number per component; wrap nodal values with `space.field(values)`."
        )
    if jnp.iscomplexobj(value) or value.weak_type or not jnp.issubdtype(value.dtype, jnp.inexact):
        return value if jnp.issubdtype(value.dtype, jnp.inexact) else value.astype(field.dtype)
    if value.dtype != field.dtype:
        raise PrecisionError(
            f"a {value.dtype} constant meets a {field.dtype} field: cast one of them, for example with `field.astype(jnp.{value.dtype})`."
        )
    return value


def _matched(*fields) -> tuple[Field, ...]:
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
        if first.dtype != other.dtype:
            raise PrecisionError(
                f"a {first.dtype} field meets a {other.dtype} field: cast one of them, for example with `field.astype(jnp.{first.dtype})`."
            )
    return fields
