"""Where the law is asked to hold: points of space and time, spread evenly."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..._core.errors import ShapeError


def spread(points: int | Sequence[int] | Array, bounds: np.ndarray, periodic: Sequence[bool], *, dtype, key) -> Array:
    """Points of a box, shape `(n, dim)`.

    Args:
        points: How many, about: Gauss-Legendre points of one or two coordinates (equally spaced ones along a
            periodic axis), a scrambled Sobol sequence of more; or one number of points per coordinate; or the points.
        bounds: One `(low, high)` pair per coordinate.
        periodic: Which coordinates close on themselves.
        dtype: Precision.
        key: Random key of the scrambling.

    Raises:
        ShapeError: If points have another number of coordinates than the box, or lie outside, or there are none.
    """
    dim = len(bounds)
    if np.ndim(points) == 2:
        return _given(points, bounds, dtype)
    if np.ndim(points) == 1:
        numbers = tuple(int(n) for n in np.asarray(points))
        if len(numbers) != dim:
            raise ShapeError(f"points={numbers} for {dim} coordinates: give one number per coordinate, or one for all.")
        return _tensor(numbers, bounds, periodic, dtype)
    if points < 1:
        raise ShapeError(f"points={points}: at least one point is needed.")
    if dim <= 2:
        return _tensor((max(1, round(points ** (1 / dim))),) * dim, bounds, periodic, dtype)
    return scattered(int(points), bounds, dtype=dtype, key=key)


def scattered(number: int, bounds: np.ndarray, *, dtype, key) -> Array:
    """A scrambled Sobol sequence."""
    from scipy.stats import qmc

    seed = np.asarray(jax.random.bits(key, (1,), "uint32"))[0]
    sequence = qmc.Sobol(len(bounds), rng=np.random.default_rng(seed))
    unit = sequence.random_base2(int(np.ceil(np.log2(max(number, 2)))))[:number]
    return jnp.asarray(bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) * unit, dtype)


def on_faces(number: int, bounds: np.ndarray, axis: int, end: int, periodic: Sequence[bool], *, dtype, key) -> Array:
    """Points of one face of the box."""
    rest = [i for i in range(len(bounds)) if i != axis]
    if not rest:
        return jnp.asarray(bounds[:, end][None], dtype)
    inner = spread(number, bounds[rest], [periodic[i] for i in rest], dtype=dtype, key=key)
    return jnp.insert(inner, axis, jnp.asarray(bounds[axis, end], dtype), axis=1)


def _tensor(numbers, bounds, periodic, dtype) -> Array:
    axes = []
    for n, (low, high), closed in zip(numbers, bounds, periodic, strict=True):
        unit = np.arange(n) / n if closed else (np.polynomial.legendre.leggauss(n)[0] + 1) / 2
        axes.append(low + (high - low) * unit)
    return jnp.asarray(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(bounds)), dtype)


def _given(points, bounds, dtype) -> Array:
    points = np.asarray(points)
    if points.shape[1] != len(bounds):
        raise ShapeError(
            f"points of shape {points.shape} for {len(bounds)} coordinates: the last axis holds them, the time first."
        )
    slack = 1e-6 * (bounds[:, 1] - bounds[:, 0])
    if (
        not np.all(np.isfinite(points))
        or np.any(points < bounds[:, 0] - slack)
        or np.any(points > bounds[:, 1] + slack)
    ):
        raise ShapeError(f"some points are not finite or lie outside of the bounds {bounds.tolist()}: drop them.")
    return jnp.asarray(points, dtype)
