"""Functions in which a random field has independent coefficients: waves of the walls, or its own principal
components.
"""

import abc
import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._core.errors import UnsupportedError
from ...fields import FiniteDifference, Fourier, Space
from ...geometry import BoundaryLaw, Dirichlet, Free, Neumann
from .matern import correlation

MAX_NODES = 4096


class Basis(eqx.Module):
    """Orthonormal functions of the nodes, the smoothest first; `complete` if every set of nodal values is a sum of
    them, with variances that working precision can tell from zero.
    """

    num_modes: eqx.AbstractVar[int]
    complete: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def synthesis(self, coefficients: Float[Array, " modes"]) -> Float[Array, "*grid"]:
        """Nodal values of a sum of basis functions."""

    @abc.abstractmethod
    def analysis(self, values: Float[Array, "*grid"]) -> Float[Array, " modes"]:
        """Coefficients of nodal values: the transpose of `synthesis`."""


class Waves(Basis):
    """Products of sines and cosines that obey the homogeneous laws of the walls.

    One real orthonormal matrix per axis: sines and cosines of whole periods along periodic axes, half waves between
    walls, sines where the value is zero and cosines where the slope is. The field is then one of a larger periodic box,
    reflected at the walls; `unreflected` holds the squared wavenumbers of that one, and their weights in its variance.
    """

    matrices: tuple[Array, ...]
    order: Array
    squared_wavenumbers: Array
    unreflected: tuple[Array, Array]
    num_modes: int = eqx.field(static=True)

    def __init__(self, space: Space, num_modes: int | None):
        bases = [axis_waves(space, axis) for axis in range(space.dim)]
        total = sum(np.meshgrid(*(k**2 for _, k in bases), indexing="ij")).ravel()
        self.matrices = tuple(jnp.asarray(matrix, float) for matrix, _ in bases)
        order = np.argsort(total, kind="stable")
        self.order = jnp.asarray(order)
        self.squared_wavenumbers = jnp.asarray(total[order], float)
        whole = [_unreflected(space, axis) for axis in range(space.dim)]
        squares = sum(np.meshgrid(*(k**2 for k, _ in whole), indexing="ij"))
        weights = math.prod(np.meshgrid(*(w for _, w in whole), indexing="ij"))
        self.unreflected = jnp.asarray(squares.ravel(), float), jnp.asarray(weights.ravel() / total.size, float)
        self.num_modes = num_modes or total.size

    @property
    def complete(self) -> bool:
        return self.num_modes == self.order.size

    def synthesis(self, coefficients):
        values = jnp.zeros(self.order.size, coefficients.dtype).at[self.order[: self.num_modes]].set(coefficients)
        values = values.reshape([len(matrix) for matrix in self.matrices])
        for axis, matrix in enumerate(self.matrices):
            values = _along(matrix, values, axis)
        return values

    def analysis(self, values):
        for axis, matrix in enumerate(self.matrices):
            values = _along(matrix.T, values, axis)
        return values.reshape(-1)[self.order[: self.num_modes]]


class PrincipalComponents(Basis):
    """Eigenvectors of the matrix of Matern correlations between all nodes (Karhunen-Loeve), for walls without a law."""

    vectors: Float[Array, "nodes modes"]
    eigenvalues: Float[Array, " modes"]
    shape: tuple[int, ...] = eqx.field(static=True)
    num_modes: int = eqx.field(static=True)
    complete: bool = eqx.field(static=True)

    def __init__(self, space: Space, length: float, smoothness: float, num_modes: int | None):
        points = np.stack(np.meshgrid(*space.axes, indexing="ij"), axis=-1).reshape(-1, space.dim)
        if len(points) > MAX_NODES:
            raise UnsupportedError(
                f"the principal components of {len(points)} nodes need a dense matrix of that size, and {MAX_NODES} "
                "is the limit: give the walls a law, GaussianRandomField(space.with_boundary(Neumann(0.0)), ...), for "
                "cosines by axis, or put the field on a coarser grid and interpolate."
            )
        if any(map(space.is_periodic, range(space.dim))):
            raise UnsupportedError(
                "a random field with periodic axes and walls that carry no law: give those walls one, "
                "space.with_boundary(Neumann(0.0)), and it is made of waves along every axis."
            )
        gaps = points[:, None] - points
        eigenvalues, vectors = np.linalg.eigh(correlation(np.linalg.norm(gaps, axis=-1) / length, smoothness))
        eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
        self.num_modes = num_modes or len(points)
        self.complete = self.num_modes == len(points) and bool(eigenvalues[-1] > 1e-13 * eigenvalues[0])
        self.vectors = jnp.asarray(vectors[:, : self.num_modes], float)
        self.eigenvalues = jnp.asarray(np.maximum(eigenvalues[: self.num_modes], 0.0), float)
        self.shape = space.grid.shape

    def synthesis(self, coefficients):
        return (self.vectors.astype(coefficients.dtype) @ coefficients).reshape(self.shape)

    def analysis(self, values):
        return values.reshape(-1) @ self.vectors.astype(values.dtype)


def has_free_walls(space: Space) -> bool:
    """Whether a wall of the space carries no law."""
    return isinstance(space, FiniteDifference) and any(isinstance(law, Free) for pair in space.sides for law in pair)


def axis_waves(space: Space, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The orthonormal waves of one axis as columns, and their wavenumbers."""
    n, length = space.grid.shape[axis], space.grid.box.lengths[axis]
    j, m = np.arange(n)[:, None], np.arange(n)
    if isinstance(space, Fourier) or space.is_periodic(axis):
        k = (m + 1) // 2
        waves = np.where(m % 2, np.cos(2 * np.pi * j * k / n), np.sin(2 * np.pi * j * k / n))
        waves[:, 0] = 1.0
        return _unit(waves), 2 * np.pi * k / length
    low, high = (_is_zero_value(law, space) for law in space.sides[axis])
    shift = 0.5 if low != high else 1.0 if low else 0.0
    phases = np.pi * (j + 0.5) * (m + shift) / n
    return _unit(np.sin(phases) if low else np.cos(phases)), np.pi * (m + shift) / length


def _unreflected(space: Space, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Wavenumbers of an axis without its walls, and how often each counts."""
    _, k = axis_waves(space, axis)
    if isinstance(space, Fourier) or space.is_periodic(axis):
        return k, np.ones(len(k))
    low, high = (_is_zero_value(law, space) for law in space.sides[axis])
    if low != high:
        return k, np.ones(len(k))
    weights = np.ones(len(k) + low)
    weights[0] = 0.5
    if low:
        k, weights[-1] = np.concatenate([[0.0], k]), 0.5
    return k, weights


def _unit(columns: np.ndarray) -> np.ndarray:
    return columns / np.linalg.norm(columns, axis=0)


def _is_zero_value(law: BoundaryLaw, space: Space) -> bool:
    if isinstance(law, (Dirichlet, Neumann)):
        return isinstance(law, Dirichlet)
    raise UnsupportedError(
        f"a random field on {space!r}: no waves obey a {type(law).__name__} law. Use Dirichlet or Neumann walls, or "
        "space.derived, whose walls carry no law."
    )


def _along(matrix: Array, values: Array, axis: int) -> Array:
    """Apply a matrix along one axis."""
    return jnp.moveaxis(jnp.tensordot(matrix.astype(values.dtype), values, axes=(1, axis)), 0, axis)
