"""Functions as functions: a network, or any callable of one point, differentiated by automatic differentiation."""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import ShapeError, UnsupportedError
from .._core.precision import complex_dtype, one_kind
from ..geometry import Box, Grid
from ..geometry.functions import as_function
from .base import Field, Space, precision_of
from .sampling import as_inexact, in_precision_of, nodes_of


class Neural(Space):
    """Functions given by a network or a callable of one point; exact derivatives, no grid.

    A composed field (a sum, a product, a derivative) is again a Module that holds its parts, so the weights inside stay
    visible to gradients and optimisers. There is no quadrature and no transform: operators that need the whole function
    at once (integrals, Poisson solves) raise and say where to project it.

    Args:
        domain: A Box, or a Grid whose nodes (at cell centres) serve as `points`.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Neural(js.Box((0.0, 1.0))).field(lambda x: jnp.sin(x[0]))
        >>> bool(jnp.allclose(js.laplacian(u)(jnp.array([0.3])), -jnp.sin(0.3)))
        True
    """

    domain: Box | Grid = eqx.field(static=True)
    home: ClassVar[str] = "function"

    def __check_init__(self):
        if not isinstance(self.domain, (Box, Grid)):
            raise ShapeError(f"Neural needs a Box or a Grid, got {self.domain!r}: write Neural(Box((0.0, 1.0))).")

    @property
    def dim(self) -> int:
        return self.domain.dim

    @property
    def axes(self) -> tuple[np.ndarray, ...]:
        """Coordinates of the nodes of the grid, at cell centres, along each axis."""
        if not isinstance(self.domain, Grid):
            raise UnsupportedError(
                "a Neural space on a Box has no nodes: evaluate the field with field(points), or build "
                "Neural(Grid(box, shape))."
            )
        triples = zip(self.domain.box.lows, self.domain.spacing, self.domain.shape, strict=True)
        return tuple(low + h * (np.arange(n) + 0.5) for low, h, n in triples)

    @property
    def points(self) -> Array:
        """Coordinates of the nodes of the grid, shape `(*grid, dim)`."""
        return nodes_of(self.axes)

    def field(self, source: Callable, dtype=None) -> Field:
        if not callable(source):
            raise ShapeError("a Neural field is made of a function or a network: write space.field(lambda x: ...).")
        return Field(source if isinstance(source, eqx.Module) else Function(source), self, "function")

    def components(self, field: Field) -> tuple[int, ...]:
        return jax.eval_shape(field.data, jnp.zeros(self.dim, field.dtype)).shape

    def convert(self, field: Field, layout: str) -> Field:
        raise UnsupportedError(f"Neural has no layout {layout!r}: it has 'function'.")

    def values(self, field: Field) -> Array:
        points = self.points
        values = self.evaluate(field, points)
        return jnp.moveaxis(values, tuple(range(self.dim)), tuple(range(-self.dim, 0)))

    def evaluate(self, field: Field, points: Array) -> Array:
        points = points.astype(precision_of(field) or points.dtype)
        flat = jax.vmap(lambda x: as_inexact(jnp.asarray(field.data(x))))(points.reshape(-1, self.dim))
        return flat.reshape(*points.shape[:-1], *flat.shape[1:])

    def linear(self, function: Callable, *fields: Field) -> Field:
        return Field(Composed(function, tuple(field.data for field in fields)), self, "function")

    pointwise = linear

    def scaled(self, function: Callable, field: Field, constant: Array) -> Field:
        return self.linear(function, field, self.constant(field, constant))

    met = scaled

    def constant(self, field: Field, value: Array) -> Field:
        return Field(Constant(value), self, "function")

    def compatible(self, other: Space) -> bool:
        return isinstance(other, Neural) and self.dim == other.dim

    def __repr__(self):
        return f"Neural({self.domain!r})"


class Function(eqx.Module):
    """A plain callable of one point."""

    function: Callable = eqx.field(converter=as_function)

    def __call__(self, x: Array) -> Array:
        value = jnp.asarray(self.function(x))
        strong = jnp.issubdtype(value.dtype, jnp.inexact) and not value.weak_type
        return value if strong or jnp.iscomplexobj(value) else value.astype(x.dtype)


class Constant(eqx.Module):
    """The same value everywhere."""

    value: Array

    def __call__(self, x: Array) -> Array:
        return self.value.astype(complex_dtype(x.dtype) if jnp.iscomplexobj(self.value) else x.dtype)


class Composed(eqx.Module):
    """A function of the values of several functions at the same point."""

    function: Callable = eqx.field(converter=as_function)
    parts: tuple[Any, ...]

    def __call__(self, x: Array) -> Array:
        return self.at([jnp.asarray(part(x)) for part in self.parts])

    def at(self, values: list[Array]) -> Array:
        """The value where those of the parts are known."""
        alike = one_kind(*values)
        return in_precision_of(alike[0], self.function(*alike))


class Derivative(eqx.Module):
    """A repeated partial derivative of a function, by forward-mode differentiation."""

    function: Any
    axis: int = eqx.field(static=True)
    order: int = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        direction = jnp.zeros_like(x).at[self.axis].set(1)

        differentiated = self.function
        for _ in range(self.order):
            differentiated = _along(differentiated, direction)
        return differentiated(x)


def _along(function: Callable, direction: Array) -> Callable:
    return lambda x: jax.jvp(lambda y: jnp.asarray(function(y)), (x,), (direction,))[1]
