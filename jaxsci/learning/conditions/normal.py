"""Laws with a normal derivative on the faces of a box, built in.

From any function f, `f - H (B f - g)` obeys `B u = g` on a face, B the law's left side taken on that face and H the
cubic that has zero value at both ends of the axis, zero slope at the other end, and `B H = 1` here. It is linear in f,
so one least-squares solve still finds linear networks. The network is evaluated on both faces too: three times the
work, so one axis at most. Where more axes are insulated, the network sees `cos(pi s)` in place of their coordinates,
which has no slope at either face.

Reference: Lagaris, Likas & Fotiadis, IEEE Trans. Neural Networks 9 (1998) 987; Coons's Boolean sums.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...geometry import Neumann, Robin
from ..residuals.local import complex_parts, real_parts
from .built_in import Conditions, is_value, laws_at, shortfall

MOST_AXES = 1


def normal_axes(conditions: Conditions) -> tuple[int, ...]:
    """The axis whose laws hold a normal derivative; none if there are more, or a law's flux weight vanishes."""
    found = []
    for axis in range(conditions.shape.box.dim if conditions.shape.box else 0):
        laws = [law for sides in conditions.sides for law in sides[axis]]
        normal = [law for law in laws if isinstance(law, (Neumann, Robin))]
        if any(not np.all(np.asarray(law.weights[1]) != 0) for law in normal):
            return ()
        if normal:
            found.append(axis)
    return tuple(found) if len(found) <= MOST_AXES else ()


def even_axes(conditions: Conditions) -> tuple[int, ...]:
    """Axes that are insulated at both ends, for all parts of the unknown."""

    def insulated(law):
        return isinstance(law, Neumann) and not callable(law.value) and not np.any(np.asarray(law.value))

    dim = conditions.shape.box.dim if conditions.shape.box else 0
    return tuple(a for a in range(dim) if all(insulated(law) for sides in conditions.sides for law in sides[a]))


def corrected(function: Callable, conditions: Conditions, axis: int, z: Array) -> Array:
    """A function made to obey the laws with normal derivatives at both ends of an axis."""
    shape = conditions.shape
    i, (low, high) = axis + shape.timed, shape.box.intervals[axis]
    s, length = (z[i] - low) / (high - low), high - low
    here = np.arange(z.size) == i
    values = function(z)
    for end, bound in enumerate((low, high)):
        laws = laws_at([sides[axis][end] for sides in conditions.sides], shape, z)
        if not any(isinstance(law, (Neumann, Robin)) for law in laws):
            continue
        wall = jnp.where(here, jnp.asarray(bound, z.dtype), z)
        found, slope = jax.jvp(function, (wall,), (jnp.asarray(here, z.dtype),))
        cubic = length * (s * s * (s - 1) if end else -s * (1 - s) ** 2)
        parts = []
        for law, u, du, kind in zip(
            laws,
            complex_parts(found, shape.unknowns),
            complex_parts(slope, shape.unknowns),
            shape.unknowns,
            strict=True,
        ):
            gap = jnp.zeros(kind.shape, kind.dtype)
            if isinstance(law, (Neumann, Robin)):
                gap = shortfall(law, u, (1 if end else -1) * du, wall[shape.timed :], kind)
                gap = gap / jnp.asarray(law.weights[1]).astype(kind.dtype) * cubic.astype(kind.dtype)
            parts.append(gap)
        values = values - real_parts(parts)
    return values


def misfit(trial: Callable, conditions: Conditions, dtype: Any) -> float:
    """By how much a trial function with corrected walls misses values, start and slopes, at most: they may conflict."""
    shape, worst = conditions.shape, 0.0
    lows, lengths = np.array(shape.box.lows), np.array(shape.box.lengths)
    inside = np.random.default_rng(0).random((16, shape.num_coordinates))
    inside[:, shape.timed :] = lows + lengths * inside[:, shape.timed :]
    if shape.timed:
        t0, t1 = (float(t) for t in conditions.times)
        inside[:, 0] = t0 + (t1 - t0) * inside[:, 0]
        if conditions.start_exact:
            z = jnp.asarray(inside, dtype).at[:, 0].set(t0)
            n = len(shape.unknowns)
            start = jax.vmap(lambda one: real_parts(conditions.begin(one[1:], one.dtype)[:n]))(z)
            worst = float(jnp.max(jnp.abs(shape.of_rates(jax.vmap(trial)(z) - start))))
    for axis in range(shape.box.dim):
        for end in (0, 1):
            z = jnp.asarray(inside, dtype).at[:, axis + shape.timed].set(shape.box.intervals[axis][end])
            worst = max(
                worst, float(jnp.max(jax.vmap(lambda one, a=axis, e=end: _gap(trial, shape, conditions, a, e, one))(z)))
            )
    return worst


def _gap(trial: Callable, shape: Any, conditions: Conditions, axis: int, end: int, z: Array) -> Array:
    direction = jnp.asarray(np.arange(z.size) == axis + shape.timed, z.dtype)
    values, slopes = jax.jvp(trial, (z,), (direction,))
    worst = jnp.zeros((), z.dtype)
    parts = zip(complex_parts(values, shape.unknowns), complex_parts(slopes, shape.unknowns), strict=True)
    for (u, du), sides, kind in zip(parts, laws_at(conditions.sides, shape, z), shape.unknowns, strict=True):
        law = sides[axis][end]
        if is_value(law) or isinstance(law, (Neumann, Robin)):
            gap = shortfall(law, u, (1 if end else -1) * du, z[shape.timed :], kind)
            worst = jnp.maximum(worst, jnp.max(jnp.abs(gap)))
    return worst
