"""Poisson solves and projections on nodal values, by diagonalising the second difference along each axis."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import UnsupportedError
from .._core.precision import complex_dtype, multiply, real_dtype
from ..fields import Field, FiniteDifference
from ..fields.stencils import central, continuation
from ..geometry import BoundaryLaw, Free, Robin
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
    offset = laplacian(Field(jnp.zeros_like(field.data), space, "node")).data
    rhs = field.data - offset
    bases = [_modes_of_second_difference(space, axis) for axis in range(space.dim)]
    for axis, (_, inverse, _) in enumerate(bases):
        rhs = _along(rhs, inverse, rhs.ndim - space.dim + axis)
    eigenvalues = 0.0
    for axis, (values, _, _) in enumerate(bases):
        eigenvalues = eigenvalues + values.reshape([-1 if i == axis else 1 for i in range(space.dim)])
    null = np.abs(eigenvalues) < 1e-10 * np.abs(eigenvalues).max()
    scale = np.where(null, 0.0, 1.0 / np.where(null, 1.0, eigenvalues))
    solution = multiply(
        jnp.asarray(scale, complex_dtype(rhs.dtype) if np.iscomplexobj(scale) else real_dtype(rhs.dtype)), rhs
    )
    for axis, (_, _, vectors) in enumerate(bases):
        solution = _along(solution, vectors, solution.ndim - space.dim + axis)
    if not jnp.iscomplexobj(field.data):
        solution = solution.real
    if null.any():
        volume = math.prod(float(quadrature_weights(space, axis).sum()) for axis in range(space.dim))
        solution = solution - jnp.expand_dims(integrated(space, solution) / volume, range(-space.dim, 0))
    return Field(solution, space, "node")


def _along(data: Array, matrix: np.ndarray, position: int) -> Array:
    """Apply a matrix along one axis."""
    if np.iscomplexobj(matrix):
        data = data.astype(complex_dtype(data.dtype))
    kind = complex_dtype(data.dtype) if np.iscomplexobj(matrix) else data.dtype
    return jnp.moveaxis(jnp.tensordot(jnp.asarray(matrix, kind), data, axes=(1, position)), 0, position)


def _modes_of_second_difference(space: FiniteDifference, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues, inverse of the eigenvectors, and eigenvectors of the second difference with homogeneous laws."""
    matrix = _second_difference(space, axis)
    if np.allclose(matrix, matrix.T, rtol=1e-12, atol=1e-12 * np.abs(matrix).max()):
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        return values, vectors.T, vectors
    values, vectors = np.linalg.eig(matrix)
    return values, np.linalg.inv(vectors), vectors


def _second_difference(space: FiniteDifference, axis: int) -> np.ndarray:
    """The matrix of the second derivative along one axis, whatever the precision of the fields, in float64."""
    n, h = space.grid.shape[axis], space.grid.spacing[axis]
    radius, w = central(2, space.order)
    if space.is_periodic(axis):
        extended = np.eye(n)[np.arange(-radius, n + radius) % n]
    else:
        low, high = (_ghost_matrix(law, radius, space.order + 1, h) for law in space.sides[axis])
        extended = np.zeros((n + 2 * radius, n))
        extended[radius:-radius] = np.eye(n)
        extended[:radius, : low.shape[1]] = low[::-1]
        extended[-radius:, -high.shape[1] :] = high[:, ::-1]
    return sum(w[j] * extended[j : j + n] for j in range(2 * radius + 1)) / h**2


def _ghost_matrix(law: BoundaryLaw, num_ghosts: int, num_nodes: int, h: float) -> np.ndarray:
    """The ghosts beyond a wall with a homogeneous law, nearest first, from the nodes next to it."""
    a, b = law.weights
    if isinstance(law, Robin) and any(isinstance(weight, jax.core.Tracer) for weight in (a, b)):
        raise UnsupportedError(
            "solve_poisson diagonalises its operator when the program is traced, so the weights of a Robin law must be "
            "plain numbers there: build the space outside of jit, grad and vmap, or use Dirichlet or Neumann walls; "
            "the value of the law may be traced."
        )
    a, b = float(a), -float(b) / h
    rule = continuation(num_ghosts, num_nodes)
    pull = (a * rule.value + b * rule.slope) / (a * rule.value_lift + b * rule.slope_lift)
    return rule.nodes - np.outer(rule.lift, pull)
