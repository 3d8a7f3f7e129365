"""Functions by their values at the nodes of a grid; the laws at the walls continue them beyond."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import PrecisionError, ShapeError, SpaceMismatchError, UnsupportedError
from .._core.precision import complex_dtype, one_kind, whole
from ..geometry import BoundaryLaw, Dirichlet, Free, Grid, Neumann, Periodic, Robin, per_side
from ..geometry.boundary import Sides
from .base import Field, Space, nodal_values
from .pointwise import Part
from .sampling import at_nodes, nodes_of, over_nodes
from .stencils import continuation

ORDERS = (2, 4, 6)
WALL_NUMBERS = ("value", "weight", "flux_weight")


class FiniteDifference(Space):
    """Functions by their values at nodes, differentiated by central differences of order 2, 4 or 6.

    Nodes of an axis with walls sit half a spacing inside, at `low + (j + 1/2) h`; of a periodic axis at `low + j h`.
    The law at a wall fills the ghost nodes beyond it: they lie on the polynomial through the nearest nodes that obeys
    the law. A derived field (a sum, a product, a derivative) obeys no law, so its differences at a wall are one-sided;
    attach one with `field.with_boundary(law)`. Order 2 is the most robust at walls, order 6 the most accurate away from
    them.

    Diffusion is stable at every order and with every law. Pure advection is not at order 6 between walls: the
    one-sided differences there let waves grow, so add diffusion, or use order 2 or 4. A biharmonic operator needs two
    laws at a wall: write `laplacian(laplacian(u).with_boundary(law))`.

    Args:
        grid: Box and number of nodes per axis.
        boundary: One law for all walls or one per side, `{"x-": Dirichlet(0.0), "x+": Neumann(0.0)}`.
        order: Order of accuracy: 2, 4 or 6.

    Raises:
        ValueError: If the order or a side is unknown.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> grid = js.Grid(js.Box((0.0, 1.0)), (64,))
        >>> space = js.FiniteDifference(grid, boundary=js.Dirichlet(0.0), order=4)
        >>> u = space.field(lambda x: jnp.sin(jnp.pi * x[0]))
        >>> bool(jnp.allclose(js.laplacian(u).values, -(jnp.pi**2) * u.values, atol=1e-2))
        True
    """

    grid: Grid = eqx.field(static=True)
    sides: Sides
    order: int = eqx.field(static=True)
    home: ClassVar[str] = "node"

    def __init__(self, grid: Grid, boundary: BoundaryLaw | Mapping[str, BoundaryLaw] | None = None, order: int = 2):
        if not isinstance(grid, Grid):
            raise ShapeError(
                f"FiniteDifference needs a Grid, got {grid!r}: write FiniteDifference(Grid(box, shape), ...)."
            )
        if whole(order) not in ORDERS:
            raise ValueError(f"FiniteDifference has orders 2, 4 and 6, not {order!r}.")
        self.grid = grid
        self.sides = per_side(Periodic() if boundary is None else boundary, grid.dim)
        self.order = order = int(order)
        smallest = min(grid.shape)
        if smallest < 2 * order + 2:
            raise ShapeError(
                f"order {order} needs at least {2 * order + 2} nodes along each axis, got {smallest}: refine the "
                "grid or lower the order."
            )

    @property
    def dim(self) -> int:
        return self.grid.dim

    def is_periodic(self, axis: int) -> bool:
        """Whether an axis closes on itself."""
        return isinstance(self.sides[axis][0], Periodic)

    @property
    def axes(self) -> tuple[np.ndarray, ...]:
        """Coordinates of the nodes along each axis."""
        h, low = self.grid.spacing, self.grid.box.lows
        offsets = [0.0 if self.is_periodic(axis) else 0.5 for axis in range(self.dim)]
        return tuple(low[i] + h[i] * (np.arange(self.grid.shape[i]) + offsets[i]) for i in range(self.dim))

    @property
    def points(self) -> Array:
        """Coordinates of the nodes, shape `(*grid, dim)`."""
        return nodes_of(self.axes)

    @property
    def derived(self) -> "FiniteDifference":
        """The space of derived fields: the same nodes, with no law at the walls."""
        return self.with_sides(tuple(p if isinstance(p[0], Periodic) else (Free(), Free()) for p in self.sides))

    def with_boundary(self, boundary: BoundaryLaw | Mapping[str, BoundaryLaw]) -> "FiniteDifference":
        """The same nodes with other laws at the walls; one law alone stands at all walls, periodic axes stay periodic.

        Raises:
            SpaceMismatchError: If a periodic axis gets walls or loses them, since the nodes would lie elsewhere.
        """
        periodic = [self.grid.axis_names[axis] for axis in range(self.dim) if self.is_periodic(axis)]
        if isinstance(boundary, BoundaryLaw) and not isinstance(boundary, Periodic) and len(periodic) < self.dim:
            boundary = dict.fromkeys(self.grid.axis_names, boundary) | dict.fromkeys(periodic, Periodic())
        space = FiniteDifference(self.grid, boundary, self.order)
        if not self.compatible(space):
            raise SpaceMismatchError(
                f"{space!r} has walls where {self!r} is periodic, or the other way round, and its nodes lie "
                "elsewhere: build that space and write `space.project(field)`."
            )
        return space

    def with_sides(self, sides: Sides) -> "FiniteDifference":
        """The same nodes with other laws at the walls."""
        return FiniteDifference(self.grid, sides, self.order)

    def field(self, source: Callable | Array, dtype=None) -> Field:
        return Field(nodal_values(source, self, dtype), self, "node")

    def components(self, field: Field) -> tuple[int, ...]:
        return field.data.shape[: field.data.ndim - self.dim]

    def component(self, field: Field, index) -> Field:
        def pick(law):
            numbers = {name: _component(getattr(law, name), index) for name in WALL_NUMBERS if hasattr(law, name)}
            return dataclasses.replace(law, **numbers) if numbers else law

        sides = tuple((pick(low), pick(high)) for low, high in self.sides)
        data = over_nodes(Part(index), self.dim, field.data)
        return Field(data, self.with_sides(sides), "node")

    def convert(self, field: Field, layout: str) -> Field:
        raise UnsupportedError(f"FiniteDifference has no layout {layout!r}: it has 'node'.")

    def values(self, field: Field) -> Array:
        return field.data

    def linear(self, function: Callable, *fields: Field) -> Field:
        return Field(over_nodes(function, self.dim, *one_kind(*(f.data for f in fields))), self.derived, "node")

    pointwise = linear

    def constant(self, field: Field, value: Array) -> Field:
        value = value.astype(complex_dtype(field.dtype) if jnp.iscomplexobj(value) else field.dtype)
        shape = value.shape + self.grid.shape
        return Field(jnp.broadcast_to(value.reshape(value.shape + (1,) * self.dim), shape), self.derived, "node")

    def compatible(self, other: Space) -> bool:
        if not isinstance(other, FiniteDifference) or (self.grid, self.order) != (other.grid, other.order):
            return False
        return all(self.is_periodic(axis) == other.is_periodic(axis) for axis in range(self.dim))

    def wall_value(self, law: BoundaryLaw, axis: int, high: bool, data: Array) -> Array:
        """Right-hand side of a wall law, shaped to broadcast over one layer of nodes."""
        value = law.value
        dtype = data.dtype
        if callable(value):
            at = self.grid.box.intervals[axis][1 if high else 0]
            axes = [np.array([at]) if i == axis else nodes for i, nodes in enumerate(self.axes)]
            values = at_nodes(value, nodes_of(axes))
            self._check_wall(values, data)
            values = values.astype(dtype)
            for other in range(self.dim):
                beyond = (data.shape[data.ndim - self.dim + other] - self.grid.shape[other]) // 2
                if other != axis and beyond:
                    values = self.derived.extended(values, other, beyond, self.order + 1)
            return values
        return self._wall_number(value, data, "value")

    def _wall_number(self, number: Any, data: Array, name: str) -> Array:
        """A number of a wall law, or one per component, shaped to broadcast over nodes."""
        number = jnp.asarray(number)
        number = number.reshape(number.shape + (1,) * self.dim)
        self._check_wall(number, data, name)
        return number.astype(data.dtype)

    def _check_wall(self, values: Array, data: Array, name: str = "value") -> None:
        if jnp.iscomplexobj(values) and not jnp.iscomplexobj(data):
            raise PrecisionError(f"a complex wall {name} needs a complex field: build the field from complex values.")
        shape, components = (a.shape[: a.ndim - self.dim] for a in (values, data))
        if shape not in ((), components):
            allowed = "a number or one number per component"
            allowed += ", or a function of the wall point" if name == "value" else ""
            raise ShapeError(
                f"a wall {name} of shape {shape} does not fit a field with components {components}: give {allowed}."
            )

    def ghosts(self, data: Array, axis: int, high: bool, num_ghosts: int, accuracy: int) -> Array:
        """The nodes beyond a wall, nearest first, on the polynomial through `accuracy` nearest data.

        The wall law counts as one of the data; where there is none another node takes its place.
        """
        position = data.ndim - self.dim + axis
        inward = jnp.flip(data, position) if high else data
        law = self.sides[axis][1 if high else 0]
        num_nodes = accuracy if isinstance(law, Free) else accuracy - 1
        near = jax.lax.slice_in_dim(inward, 0, num_nodes, axis=position)
        rule = continuation(num_ghosts, num_nodes)

        def combine(matrix):
            return jnp.moveaxis(jnp.tensordot(jnp.asarray(matrix, data.dtype), near, axes=(-1, position)), 0, position)

        ghosts = combine(rule.nodes)
        if isinstance(law, Free):
            return ghosts
        a, b = (self._wall_number(weight, data, "weight") for weight in law.weights)
        b = -b / self.grid.spacing[axis]
        gap = self.wall_value(law, axis, high, data) - a * combine(rule.value[None]) - b * combine(rule.slope[None])
        c = gap / (a * rule.value_lift + b * rule.slope_lift)
        lift = rule.lift.reshape([-1 if i == position else 1 for i in range(data.ndim)])
        return ghosts + jnp.asarray(lift, data.dtype) * c

    def extended(self, data: Array, axis: int, num_ghosts: int, accuracy: int) -> Array:
        """The nodal values along an axis with `num_ghosts` more at either end."""
        position = data.ndim - self.dim + axis
        n = data.shape[position]
        if self.is_periodic(axis):
            low = jax.lax.slice_in_dim(data, n - num_ghosts, n, axis=position)
            high = jax.lax.slice_in_dim(data, 0, num_ghosts, axis=position)
        else:
            low = jnp.flip(self.ghosts(data, axis, False, num_ghosts, accuracy), position)
            high = self.ghosts(data, axis, True, num_ghosts, accuracy)
        return jnp.concatenate([low, data, high], axis=position)

    def _surrounded(self, field: Field) -> Array:
        """The nodal values with what interpolation needs beyond all ends."""
        extended = field.data
        for axis in range(self.dim):
            extended = self.extended(extended, axis, self.order // 2 + 1, self.order + 1)
        return extended

    def on_axes(self, field: Field, axes: Sequence[np.ndarray]) -> Array:
        size, values, inside = self.order + 2, self._surrounded(field), []
        for axis, positions in enumerate(axes):
            x = jnp.asarray(positions, field.dtype)
            start, factor = self._place(x, axis, size)
            position = values.ndim - self.dim + axis
            shape = [-1 if i == axis else 1 for i in range(self.dim)]
            factor = factor.astype(values.dtype).reshape(size, *shape)
            terms = [factor[i] * jnp.take(values, start + i, axis=position) for i in range(size)]
            values = sum(terms[1:], start=terms[0])
            inside.append(self._inside(x, axis).reshape(shape))
        return jnp.where(functools.reduce(jnp.logical_and, inside), values, jnp.nan)

    def evaluate(self, field: Field, points: Array) -> Array:
        size, extended = self.order + 2, self._surrounded(field)
        flat = points.reshape(-1, self.dim).astype(field.dtype)
        values = jax.vmap(lambda x: self._interpolated(extended, x, size))(flat)
        return values.reshape(*points.shape[:-1], *values.shape[1:])

    def _interpolated(self, extended: Array, x: Array, size: int) -> Array:
        starts, factors = zip(*(self._place(x[axis], axis, size) for axis in range(self.dim)), strict=True)
        lead = extended.ndim - self.dim
        block = jax.lax.dynamic_slice(extended, [0] * lead + [*starts], list(extended.shape[:lead]) + [size] * self.dim)
        for factor in reversed(factors):
            block = block @ factor.astype(block.dtype)
        inside = [self._inside(x[axis], axis) for axis in range(self.dim)]
        return jnp.where(jnp.all(jnp.stack(inside)), block, jnp.nan)

    def _place(self, x: Array, axis: int, size: int) -> tuple[Array, Array]:
        """The first of the `size` surrounded nodes around coordinates, and the weights of all, along an axis."""
        low, h, n = self.grid.box.lows[axis], self.grid.spacing[axis], self.grid.shape[axis]
        s = (x - low) / h
        s = jnp.mod(s, n) if self.is_periodic(axis) else s - 0.5
        base = jax.lax.stop_gradient(jnp.clip(jnp.floor(s), -1, n - 1))
        return base.astype(int) + 1, _lagrange(s - base + size // 2 - 1, size)

    def _inside(self, x: Array, axis: int) -> Array:
        """Whether coordinates lie between the walls of an axis, if it has any."""
        low, high = self.grid.box.intervals[axis]
        margin = jnp.inf if self.is_periodic(axis) else 1e-6 * (high - low)
        return (x >= low - margin) & (x <= high + margin)

    def __repr__(self):
        laws = ", ".join(
            f"{name}{end}: {_describe(law)}"
            for name, pair in zip(self.grid.axis_names, self.sides, strict=True)
            for end, law in zip("-+", pair, strict=True)
        )
        return f"FiniteDifference({self.grid!r}, order {self.order}, {laws})"


class WallComponent(eqx.Module):
    """One component of a vector given at a wall as a function of the wall point."""

    function: Callable
    part: Part = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        value = jnp.asarray(self.function(x))
        return self.part(value) if value.ndim else value


def _component(number: Any, index: Any) -> Any:
    """What a number of a wall law, or a function of the wall point, is for one component."""
    if callable(number):
        return WallComponent(number, Part(index))
    return number if jnp.ndim(number) == 0 else number[index]


def _lagrange(s: Array, size: int) -> Array:
    """Values at `s` of the Lagrange polynomials of the nodes `0, ..., size - 1`."""
    gaps = [s - j for j in range(size)]
    return jnp.stack(
        [
            math.prod(gaps[:i] + gaps[i + 1 :]) / float(math.prod(i - j for j in range(size) if j != i))
            for i in range(size)
        ]
    )


def _describe(law: BoundaryLaw) -> str:
    match law:
        case Dirichlet() | Neumann() | Robin():
            value = law.value
            shown = (
                f"{float(value):.4g}"
                if eqx.is_array(value) and not isinstance(value, jax.core.Tracer) and value.ndim == 0
                else "..."
            )
            return f"{type(law).__name__}({shown})"
        case _:
            return type(law).__name__
