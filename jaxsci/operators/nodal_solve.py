"""Poisson solves and projections on nodal values, by diagonalising the second difference along each axis."""

import dataclasses
import functools
import math
import operator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import UnsupportedError
from .._core.precision import complex_dtype, multiply, one_kind, real_dtype
from ..fields import Field, FiniteDifference
from ..fields.stencils import central, continuation
from ..geometry import Free, Periodic
from .calculus import laplacian
from .nodal import integrated, quadrature_weights
from .solve import divergence_free, solve_poisson
from .spectral import leray


@divergence_free.register(FiniteDifference)
def _(field: Field) -> Field:
    space = field.space
    if not all(map(space.is_periodic, range(space.dim))):
        raise UnsupportedError(
            "divergence_free needs periodic axes: a projection next to walls depends on the wall law of the pressure."
        )
    axes = tuple(range(-space.dim, 0))
    spectrum = jnp.fft.fftn(field.data, axes=axes)
    projected = jnp.fft.ifftn(
        leray(spectrum, [_modified_wavenumber(space, axis) for axis in range(space.dim)]), axes=axes
    )
    return field.replace(projected if jnp.iscomplexobj(field.data) else projected.real)


def _modified_wavenumber(space: FiniteDifference, axis: int) -> np.ndarray:
    """What the first difference multiplies the wave `exp(i k x)` by, divided by `i`."""
    n, h = space.grid.shape[axis], space.grid.spacing[axis]
    radius, w = central(1, space.order)
    theta = 2 * np.pi * np.fft.fftfreq(n)
    k = sum(2 * w[radius + j] * np.sin(j * theta) for j in range(1, radius + 1)) / h
    k = np.where(np.abs(np.abs(theta) - np.pi) < 1e-12, 0.0, k)
    return k.reshape([-1 if i == axis else 1 for i in range(space.dim)])


@solve_poisson.register(FiniteDifference)
def _(field: Field, boundary=None) -> Field:
    space = field.space if boundary is None else field.space.with_boundary(boundary)
    for axis, pair in enumerate(space.sides):
        if any(isinstance(law, Free) for law in pair):
            raise ValueError(
                f"solve_poisson finds no wall law along axis {space.grid.axis_names[axis]}: pass the law that the "
                "solution obeys, for example solve_poisson(f, boundary=Dirichlet(0.0))."
            )
    rhs = field.data - laplacian(Field(jnp.zeros_like(field.data), space, "node")).data
    walls = [law for pair in space.sides for law in pair if not isinstance(law, Periodic)]
    weights = [weight for law in walls for weight in law.weights]
    if any(map(jnp.ndim, weights)):
        whole = Field(field.data, space, "node")
        parts = [solve_poisson(space.component(whole, index)).data for index in np.ndindex(field.shape)]
        return Field(jnp.stack(parts).reshape(field.data.shape), space, "node")
    modes = [_modes_of_second_difference(space, axis, rhs.dtype) for axis in range(space.dim)]
    if any(isinstance(weight, jax.core.Tracer) for weight in weights):
        solution = jax.lax.custom_linear_solve(
            lambda u: laplacian(Field(u, _without_values(space), "node")).data,
            rhs,
            lambda _, b: _divided(b, modes),
            lambda _, b: _divided(b, [axis.transposed() for axis in modes]),
        )
    else:
        solution = _divided(rhs, modes)
    is_singular = functools.reduce(operator.and_, [axis.is_free for axis in modes])
    return Field(_with_zero_mean(space, solution, is_singular), space, "node")


class Modes(NamedTuple):
    """Eigenvalues, inverse of the eigenvectors, and eigenvectors along one axis, and whether constants are free there.

    A constant is in no other way a solution without a source than if every axis leaves it free: how small an eigenvalue
    is tells nothing, since a long box has smaller ones than a short one.
    """

    values: Array
    inverse: Array
    vectors: Array
    is_free: Array | bool

    @property
    def is_null(self) -> Array:
        """Which of the modes is the constant one."""
        numbers = np if isinstance(self.values, np.ndarray) else jnp
        return (numbers.arange(len(self.values)) == numbers.argmin(numbers.abs(self.values))) & self.is_free

    @property
    def eigenvalues(self) -> Array:
        """The eigenvalues, that of the constant without its rounding error, which a longer axis would feel."""
        numbers = np if isinstance(self.values, np.ndarray) else jnp
        return numbers.where(self.is_null, 0.0, self.values)

    def transposed(self) -> "Modes":
        """The modes of the transposed matrix."""
        return self._replace(inverse=self.vectors.T, vectors=self.inverse.T)


def _divided(data: Array, modes: list[Modes]) -> Array:
    """Nodal values over the sum of the eigenvalues, mode by mode; without the mode where that is zero."""
    dim = len(modes)
    is_known = all(isinstance(axis.values, np.ndarray) for axis in modes)
    numbers, kind = (np, None) if is_known else (jnp, complex_dtype(data.dtype))
    shapes = [[-1 if i == axis else 1 for i in range(dim)] for axis in range(dim)]
    null, eigenvalues = True, 0.0
    for axis, shape in zip(modes, shapes, strict=True):
        null = null & numbers.asarray(axis.is_null).reshape(shape)
        eigenvalues = eigenvalues + numbers.asarray(axis.eigenvalues, kind).reshape(shape)
    scale = numbers.where(null, 0.0, 1.0 / numbers.where(null, 1.0, eigenvalues))
    is_complex = jnp.iscomplexobj(scale)
    result = data
    for axis, (_, inverse, _, _) in enumerate(modes):
        result = _along(result, inverse, result.ndim - dim + axis)
    result = multiply(jnp.asarray(scale, (complex_dtype if is_complex else real_dtype)(data.dtype)), result)
    for axis, (_, _, vectors, _) in enumerate(modes):
        result = _along(result, vectors, result.ndim - dim + axis)
    return result if jnp.iscomplexobj(data) else result.real


def _along(data: Array, matrix: Array, position: int) -> Array:
    """Apply a matrix along one axis."""
    kind = complex_dtype(data.dtype) if jnp.iscomplexobj(matrix) else data.dtype
    return jnp.moveaxis(jnp.tensordot(jnp.asarray(matrix, kind), data.astype(kind), axes=(1, position)), 0, position)


def _with_zero_mean(space: FiniteDifference, solution: Array, is_singular: Array | bool) -> Array:
    """The solution less its mean, where any constant may be added to it."""
    if is_singular is False:
        return solution
    volume = math.prod(float(quadrature_weights(space, axis).sum()) for axis in range(space.dim))
    mean = integrated(space, solution) / volume
    return solution - jnp.expand_dims(jnp.where(is_singular, mean, 0.0), range(-space.dim, 0))


def _without_values(space: FiniteDifference) -> FiniteDifference:
    """The space with homogeneous laws at its walls."""

    def law(wall):
        return wall if isinstance(wall, Periodic) else dataclasses.replace(wall, value=0.0)

    return space.with_sides(tuple((law(low), law(high)) for low, high in space.sides))


def _modes_of_second_difference(space: FiniteDifference, axis: int, dtype) -> Modes:
    """The modes of the second difference with homogeneous laws.

    Weights of Robin laws that are known only when the program runs are handed to NumPy then: eigenvectors in float32
    would be of no use on fine grids.
    """
    n, h, order = space.grid.shape[axis], space.grid.spacing[axis], space.order
    if space.is_periodic(axis):
        return Modes(*_diagonalised(_second_difference(n, h, order, None)), True)
    weights = [weight for law in space.sides[axis] for weight in law.weights]
    if not any(isinstance(weight, jax.core.Tracer) for weight in weights):
        weights = np.stack([np.asarray(weight) for weight in weights])
        modes = _diagonalised(_second_difference(n, h, order, weights))
        return Modes(*modes, not weights[::2].any())
    weights = [jnp.asarray(weight, complex if jnp.iscomplexobj(weight) else float) for weight in weights]
    weights, kind = jax.lax.stop_gradient(jnp.stack(one_kind(*weights))), complex_dtype(dtype)

    def diagonalised(weights):
        rows = [_diagonalised(_second_difference(n, h, order, row)) for row in np.asarray(weights).reshape(-1, 4)]
        return tuple(
            np.stack(part).astype(kind).reshape(*weights.shape[:-1], *part[0].shape) for part in zip(*rows, strict=True)
        )

    shapes = [jax.ShapeDtypeStruct(shape, kind) for shape in ((n,), (n, n), (n, n))]
    modes = jax.pure_callback(diagonalised, tuple(shapes), weights, vmap_method="expand_dims")
    return Modes(*modes, ~jnp.any(weights[::2] != 0))


def _diagonalised(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    adjoint = matrix.conj().T
    if np.allclose(matrix, adjoint, rtol=1e-12, atol=1e-12 * np.abs(matrix).max()):
        values, vectors = np.linalg.eigh((matrix + adjoint) / 2)
        return values, vectors.conj().T, vectors
    values, vectors = np.linalg.eig(matrix)
    return values, np.linalg.inv(vectors), vectors


def _second_difference(n: int, h: float, order: int, weights: np.ndarray | None) -> np.ndarray:
    """The matrix of the second derivative along one axis, whatever the precision of the fields, in float64.

    The walls have the weights of a value and of a slope, first below and then above; None makes a ring.
    """
    radius, w = central(2, order)
    if weights is None:
        extended = np.eye(n)[np.arange(-radius, n + radius) % n]
    else:
        low, high = (_ghost_matrix(pair, radius, order + 1, h) for pair in np.reshape(weights, (2, 2)))
        extended = np.zeros((n + 2 * radius, n), np.result_type(float, weights))
        extended[radius:-radius] = np.eye(n)
        extended[:radius, : low.shape[1]] = low[::-1]
        extended[-radius:, -high.shape[1] :] = high[:, ::-1]
    return sum(w[j] * extended[j : j + n] for j in range(2 * radius + 1)) / h**2


def _ghost_matrix(weights: np.ndarray, num_ghosts: int, num_nodes: int, h: float) -> np.ndarray:
    """The ghosts beyond a wall with a homogeneous law, nearest first, from the nodes next to it."""
    a, b = weights[0], -weights[1] / h
    rule = continuation(num_ghosts, num_nodes)
    pull = (a * rule.value + b * rule.slope) / (a * rule.value_lift + b * rule.slope_lift)
    return rule.nodes - np.outer(rule.lift, pull)
