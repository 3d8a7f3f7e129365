"""Poisson solves and projections on nodal values, by diagonalising the second difference along each axis."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import UnsupportedError
from .._core.precision import complex_dtype, multiply, real_dtype
from ..fields import Field, FiniteDifference
from ..fields.stencils import central
from ..geometry import Box, Free, Grid, Robin
from .calculus import check_components, derivative, laplacian
from .nodal import measure
from .solve import divergence_free, solve_poisson
from .spectral import leray


@divergence_free.register(FiniteDifference)
def _(field: Field) -> Field:
    space = field.space
    check_components(field, "divergence_free")
    if not all(map(space.is_periodic, range(space.dim))):
        raise UnsupportedError(
            "divergence_free needs periodic axes: a projection next to walls depends on the wall law of the pressure."
        )
    axes = tuple(range(-space.dim, 0))
    spectrum = jnp.fft.fftn(field.data, axes=axes)
    projected = jnp.fft.ifftn(leray(spectrum, [_modified_wavenumber(space, axis) for axis in range(space.dim)]), axes=axes)
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
    space = field.space if boundary is None else FiniteDifference(field.space.grid, boundary, field.space.order)
    for axis, pair in enumerate(space.sides):
        if any(isinstance(law, Free) for law in pair):
            raise ValueError(
                f"solve_poisson finds no wall law along axis {space.grid.axis_names[axis]}: pass the law that the solution "
                "obeys, for example solve_poisson(f, boundary=Dirichlet(0.0))."
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
    solution = multiply(jnp.asarray(scale, complex_dtype(rhs.dtype) if np.iscomplexobj(scale) else real_dtype(rhs.dtype)), rhs)
    for axis, (_, _, vectors) in enumerate(bases):
        solution = _along(solution, vectors, solution.ndim - space.dim + axis)
    if not jnp.iscomplexobj(field.data):
        solution = solution.real
    if null.any():
        w = measure(space, solution.dtype)
        solution = solution - jnp.sum(w * solution, axis=tuple(range(-space.dim, 0)), keepdims=True) / jnp.sum(w)
    return Field(solution, space, "node")


def _along(data: Array, matrix: np.ndarray, position: int) -> Array:
    """Apply a matrix along one axis."""
    if np.iscomplexobj(matrix):
        data = data.astype(complex_dtype(data.dtype))
    kind = complex_dtype(data.dtype) if np.iscomplexobj(matrix) else data.dtype
    return jnp.moveaxis(jnp.tensordot(jnp.asarray(matrix, kind), data, axes=(1, position)), 0, position)


def _modes_of_second_difference(space: FiniteDifference, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues, inverse of the eigenvectors, and eigenvectors of the second difference with homogeneous laws."""
    laws = [_homogeneous(law) for law in space.sides[axis]]
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(laws)):
        raise UnsupportedError(
            "solve_poisson diagonalises its operator when the program is traced, so the weights of a Robin law must be "
            "plain numbers there; differentiate with respect to its value, or use Dirichlet or Neumann walls."
        )
    n = space.grid.shape[axis]
    with jax.ensure_compile_time_eval():
        line = FiniteDifference(Grid(Box(space.grid.box.intervals[axis]), (n,)), (tuple(laws),), space.order)
        columns = derivative(Field(jnp.eye(n), line, "node"), 0, 2).data
    matrix = np.asarray(columns, float).T
    if np.allclose(matrix, matrix.T, rtol=1e-6, atol=1e-9 * np.abs(matrix).max()):
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    else:
        values, vectors = np.linalg.eig(matrix)
    return values, np.linalg.inv(vectors), vectors


def _homogeneous(law):
    if isinstance(law, Robin):
        return Robin(law.weight, law.flux_weight, 0.0)
    return eqx.tree_at(lambda node: node.value, law, jnp.asarray(0.0)) if hasattr(law, "value") else law
