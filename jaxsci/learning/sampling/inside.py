"""Points of regions that are no boxes: inside them by rejection, on their walls by walking there."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..._core.errors import ShapeError
from ...geometry import Region
from .points import scattered

SIFTED = 16


def inside(points, region: Region, times: np.ndarray, *, dtype, key) -> Array:
    """Points `(n, coordinates)` of a region, the time first where there is one.

    Args:
        points: How many: the points of a scrambled Sobol sequence that lie inside; or the points.
        region: The region.
        times: One `(first, last)` row, or none.
        dtype: Precision.
        key: Random key of the scrambling.

    Raises:
        ShapeError: If points lie outside of the region, or numbers per coordinate were given.
        ValueError: If the region holds no points.
    """
    bounds = np.concatenate([times, np.array(region.bounds.intervals)])
    within = jax.jit(lambda r, z: r.distance(z[:, len(times) :]))
    if np.ndim(points) == 2:
        points = jnp.asarray(points, dtype)
        slack = 1e-6 * max(region.bounds.lengths)
        if points.shape[1] != len(bounds) or not bool(jnp.all(within(region, points) < slack)):
            raise ShapeError(
                f"points of a region need {len(bounds)} coordinates each and lie in {region!r}: drop others."
            )
        return points
    if np.ndim(points) != 0 or points < 1:
        raise ShapeError(f"points={points} for a region that is no box: give one number, how many, or the points.")
    tried = 2 * int(points)
    for _ in range(8):
        z = scattered(tried, bounds, dtype=dtype, key=key)
        found = np.asarray(z)[np.asarray(within(region, z)) < 0]
        if len(found) >= points:
            return jnp.asarray(found[: int(points)])
        if tried > 2_000_000:
            break
        tried *= max(2, min(16, int(1.2 * points / max(len(found), 1))))
    share = len(found) / tried
    raise ValueError(
        f"the region {region!r} is empty, or nearly so: {share:.1e} of the points of {region.bounds!r} lie inside. "
        "Check its parts, or give a function for Region.of a box that fits more closely."
    )


def on_walls(number: int, region: Region, pieces: list[Region], times: np.ndarray, *, dtype, key) -> list[Array]:
    """About `number` points of the wall of a region, spread evenly, `(n, coordinates)` for each of its pieces.

    Points near a piece walk along the gradient of its distance by Newton's method; those that arrive at the wall of the
    whole region are thinned to be far from each other, which leaves each piece its share of them within about 15 %.
    Times are spread over the points.
    """
    box = region.bounds
    room = 0.05 * max(box.lengths)
    bounds = np.array(box.intervals) + room * np.array([-1.0, 1.0])
    x = scattered(max(4096, SIFTED * number), bounds, dtype=jnp.zeros(()).dtype, key=key)
    band = max(box.lengths) * 0.1
    found, owners = [], []
    for index, piece in enumerate(pieces):
        y = np.asarray(_walked(piece, region, x, band))
        y = y[np.all(np.isfinite(y), axis=1)]
        found.append(y)
        owners.append(np.full(len(y), index))
    everything, owners = np.concatenate(found), np.concatenate(owners)
    if len(everything) == 0:
        raise ValueError(f"no points of the wall of {region!r} were found: check that its parts meet.")
    keep = _far_apart(everything, number)
    everything, owners = everything[keep], owners[keep]
    if len(times):
        seed = np.asarray(jax.random.bits(key, (1,), "uint32"))[0]
        order = np.random.default_rng(seed).permutation(len(everything))
        low, high = times[0]
        t = low + (high - low) * (order + 0.5) / len(everything)
        everything = np.concatenate([t[:, None], everything], axis=1)
    return [jnp.asarray(everything[owners == index], dtype) for index in range(len(pieces))]


@jax.jit
def _walked(piece: Region, region: Region, x: Array, band: Array) -> Array:
    """Points on the wall of a piece; NaN where they do not lie on the wall of the region, or began far away."""

    def step(y):
        d, slope = jax.value_and_grad(piece.distance)(y)
        square = jnp.sum(slope**2)
        return y - jnp.where(square > 0, d / jnp.where(square > 0, square, 1.0), 0.0) * slope

    y = jax.lax.fori_loop(0, 6, lambda _, y: jax.vmap(step)(y), x)
    arrived = (jnp.abs(piece.distance(y)) < 1e-6 * band) & (jnp.abs(region.distance(y)) < 1e-5 * band)
    near = jnp.linalg.norm(y - x, axis=1) < band
    return jnp.where((arrived & near)[:, None], y, jnp.nan)


def _far_apart(points: np.ndarray, number: int) -> np.ndarray:
    """Which points to keep: each the farthest from all that were kept before."""
    if len(points) <= number:
        return np.arange(len(points))
    kept = [0]
    gaps = np.sum((points - points[0]) ** 2, axis=1)
    while len(kept) < number:
        kept.append(int(np.argmax(gaps)))
        gaps = np.minimum(gaps, np.sum((points - points[kept[-1]]) ** 2, axis=1))
    return np.array(kept)
