"""Periodic functions as sums of waves: `u(x) = sum_k c_k exp(i k (x - low)) / N`."""

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import ShapeError, UnsupportedError
from .._core.precision import complex_dtype, multiply, one_kind, real_dtype
from ..geometry import Grid
from .base import Field, Space, nodal_values
from .sampling import nodes_of, over_nodes


class Fourier(Space):
    """Functions with period `length` along every axis, as truncated Fourier series.

    Layout `coef` holds the coefficients of the discrete Fourier transform (of real functions half of the last axis, as
    `rfftn` returns it), layout `grid` the values at the nodes `low + j h` of what takes part in products. Linear
    operations stay in `coef`, products go to `grid`, and a sum of products stays there until coefficients are needed.
    The function that a product stores is without the modes that `dealias` drops: `values`, norms and spectra are of it,
    and take two transforms there. A product of a product takes the inner one as it is, with these modes.
    Smooth functions are represented to rounding error; jumps ring (Gibbs).

    Args:
        grid: Box and number of nodes per axis.
        dealias: Share of the modes of each axis that take part in products. The default 2/3 removes the aliasing error
            of quadratic products, 1/2 that of cubic ones; None keeps all modes and their aliasing error.

    References:
        Orszag, J. Atmos. Sci. 28 (1971) 1074: the two-thirds rule.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> space = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (32,)))
        >>> u = space.field(lambda x: jnp.sin(x[0]))
        >>> bool(jnp.allclose(js.derivative(u).values, jnp.cos(space.points[:, 0]), atol=1e-5))
        True
    """

    grid: Grid = eqx.field(static=True)
    dealias: float | None = eqx.field(static=True, default=2 / 3)
    home: ClassVar[str] = "coef"

    def __check_init__(self):
        if not isinstance(self.grid, Grid):
            raise ShapeError(f"Fourier needs a Grid, got {self.grid!r}: write Fourier(Grid(Box((0.0, 1.0)), (64,))).")
        if min(self.grid.shape) < 4:
            raise ShapeError(f"Fourier needs at least 4 nodes along each axis, got {self.grid.shape}.")
        if self.dealias is not None and not 0 < self.dealias <= 1:
            raise ValueError(f"dealias={self.dealias} is no share of the modes: use 2/3, 1/2, or None to keep all.")

    @property
    def dim(self) -> int:
        return self.grid.dim

    @property
    def axes(self) -> tuple[np.ndarray, ...]:
        """Coordinates of the nodes along each axis."""
        triples = zip(self.grid.box.lows, self.grid.spacing, self.grid.shape, strict=True)
        return tuple(low + h * np.arange(n) for low, h, n in triples)

    @property
    def points(self) -> Array:
        """Coordinates of the nodes, shape `(*grid, dim)`."""
        return nodes_of(self.axes)

    def modes(self, axis: int, half: bool) -> np.ndarray:
        """Integer mode numbers along an axis, shaped to broadcast over the grid."""
        n = self.grid.shape[axis]
        numbers = np.arange(n // 2 + 1) if half and axis == self.dim - 1 else np.rint(np.fft.fftfreq(n, 1 / n))
        return numbers.reshape([-1 if i == axis else 1 for i in range(self.dim)])

    def wavenumbers(self, axis: int, half: bool) -> np.ndarray:
        """Wavenumbers `k = 2 pi m / length` along an axis, shaped to broadcast over the grid."""
        return 2 * np.pi / self.grid.box.lengths[axis] * self.modes(axis, half)

    def kept(self, half: bool) -> np.ndarray | None:
        """Which modes take part in products, or None if all do."""
        if self.dealias is None:
            return None
        cutoffs = [math.ceil(self.dealias * n / 2 - 1e-9) for n in self.grid.shape]
        masks = [np.abs(self.modes(axis, half)) < cutoff for axis, cutoff in enumerate(cutoffs)]
        return np.prod(np.broadcast_arrays(*masks), axis=0).astype(bool)

    def is_half(self, coefficients: Array) -> bool:
        """Whether coefficients are those of a real function, stored by half."""
        return coefficients.shape[-1] == self.grid.shape[-1] // 2 + 1

    def field(self, source: Callable | Array, dtype=None) -> Field:
        return Field(self.transform(nodal_values(source, self, dtype)), self, "coef")

    def components(self, field: Field) -> tuple[int, ...]:
        return field.data.shape[: field.data.ndim - self.dim]

    def convert(self, field: Field, layout: str) -> Field:
        if layout == "coef":
            return Field(self.truncate(self.transform(field.data)), self, "coef")
        if layout == "grid":
            return Field(self.inverse(self.truncate(field.data)), self, "grid")
        raise UnsupportedError(f"Fourier has no layout {layout!r}: it has 'coef' and 'grid'.")

    def transform(self, values: Array) -> Array:
        """Values at the nodes to coefficients."""
        axes = tuple(range(-self.dim, 0))
        return jnp.fft.fftn(values, axes=axes) if jnp.iscomplexobj(values) else jnp.fft.rfftn(values, axes=axes)

    def inverse(self, coefficients: Array) -> Array:
        """Coefficients to values at the nodes."""
        axes = tuple(range(-self.dim, 0))
        if self.is_half(coefficients):
            return jnp.fft.irfftn(coefficients, s=self.grid.shape, axes=axes)
        return jnp.fft.ifftn(coefficients, axes=axes)

    def sampled(self, field: Field) -> Field:
        return field.to("grid")

    def truncate(self, coefficients: Array) -> Array:
        """Drop the modes that do not take part in products."""
        kept = self.kept(self.is_half(coefficients))
        if kept is None:
            return coefficients
        return multiply(jnp.asarray(kept, real_dtype(coefficients.dtype)), coefficients)

    def values(self, field: Field) -> Array:
        if field.layout == "grid" and self.dealias is None:
            return field.data
        return self.inverse(field.to("coef").data)

    def on_axes(self, field: Field, axes: Sequence[np.ndarray]) -> Array:
        sums, half = self._amplitudes(field)
        for axis, positions in enumerate(axes):
            waves = self._waves(axis, half, jnp.asarray(positions, field.dtype))
            sums = jnp.tensordot(sums, waves, axes=(-self.dim, 0))
        return sums.real if half else sums

    def _amplitudes(self, field: Field) -> tuple[Array, bool]:
        """What to multiply the waves of `_waves` by, and whether those are half of the waves of a real function."""
        coefficients = field.to("coef").data
        half = self.is_half(coefficients)
        n = self.grid.shape[-1]
        weights = np.full(coefficients.shape[-1], 1 / math.prod(self.grid.shape))
        if half:
            weights[1 : (n + 1) // 2] *= 2
        return multiply(jnp.asarray(weights, field.dtype), coefficients), half

    def _waves(self, axis: int, half: bool, x: Array) -> Array:
        """The waves along an axis, mode by mode, at coordinates."""
        k = jnp.asarray(self.wavenumbers(axis, half).ravel(), x.dtype)
        phases = k[:, None] * (x - self.grid.box.lows[axis])
        below_nyquist = jnp.asarray(2 * np.abs(self.modes(axis, half).ravel()) < self.grid.shape[axis], x.dtype)
        return jax.lax.complex(jnp.cos(phases), below_nyquist[:, None] * jnp.sin(phases))

    def evaluate(self, field: Field, points: Array) -> Array:
        sums, half = self._amplitudes(field)
        flat = points.reshape(-1, self.dim).astype(field.dtype)
        for axis in range(self.dim):
            waves = self._waves(axis, half, flat[:, axis])
            if axis == 0:
                sums = jnp.tensordot(sums, waves, axes=(-self.dim, 0))
            else:
                sums = jnp.einsum("...kp,kp->...p", jnp.moveaxis(sums, axis - self.dim - 1, -2), waves)
        values = jnp.moveaxis(sums.real if half else sums, -1, 0)
        return values.reshape(*points.shape[:-1], *values.shape[1:])

    def linear(self, function: Callable, *fields: Field) -> Field:
        if all(field.layout == "grid" for field in fields):
            return Field(over_nodes(function, self.dim, *one_kind(*(f.data for f in fields))), self, "grid")
        arrays = [field.to("coef").data for field in fields]
        halves = {self.is_half(array) for array in arrays}
        if halves != {False} and (len(halves) > 1 or self._gives_complex(function, fields)):
            arrays = [self._full(array) for array in arrays]
        return Field(over_nodes(function, self.dim, *arrays), self, "coef")

    def pointwise(self, function: Callable, *fields: Field) -> Field:
        on_grid = {id(field): field.to("grid").data for field in fields}
        arrays = one_kind(*(on_grid[id(field)] for field in fields))
        return Field(over_nodes(function, self.dim, *arrays), self, "grid")

    def constant(self, field: Field, value: Array) -> Field:
        value = value.astype(complex_dtype(field.dtype) if jnp.iscomplexobj(value) else field.dtype)
        value = value.reshape(value.shape + (1,) * self.dim)
        if field.layout == "grid":
            return Field(jnp.broadcast_to(value, value.shape[: -self.dim] + self.grid.shape), self, "grid")
        half = not jnp.iscomplexobj(value)
        rest = [n - 1 for n in self.grid.shape]
        rest[-1] = self.grid.shape[-1] // 2 if half else rest[-1]
        lowest = math.prod(self.grid.shape) * value.astype(complex_dtype(value.dtype))
        return Field(jnp.pad(lowest, [(0, 0)] * (value.ndim - self.dim) + [(0, n) for n in rest]), self, "coef")

    def compatible(self, other: Space) -> bool:
        return type(self) is type(other) and (self.grid, self.dealias) == (other.grid, other.dealias)

    def _gives_complex(self, function: Callable, fields) -> bool:
        values = [jax.ShapeDtypeStruct(field.shape, field.dtype) for field in fields]
        return jnp.issubdtype(jax.eval_shape(function, *values).dtype, jnp.complexfloating)

    def _full(self, coefficients: Array) -> Array:
        if not self.is_half(coefficients):
            return coefficients
        values = self.inverse(coefficients)
        return self.transform(values.astype(complex_dtype(values.dtype)))

    def __repr__(self):
        share = "no dealiasing" if self.dealias is None else f"dealias={self.dealias:.4g}"
        return f"Fourier({self.grid!r}, {share})"
