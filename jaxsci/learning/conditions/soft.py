"""Conditions that are not built in, as terms of the loss."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...geometry import Free, Neumann, Periodic, Robin
from ...geometry.box import axis_name
from ..problems.problem import Term
from ..residuals.local import complex_parts, real_parts
from ..residuals.residual import Shape
from ..residuals.taylor import derivatives
from ..sampling.points import on_faces
from .built_in import Conditions, is_value, missed


def soft_terms(conditions, bounds, closed, gap, weight, dtype, key) -> tuple[list[Term], list[str], list[str]]:
    """Terms for the conditions that are not built in, and both kinds in words."""
    shape, timed = conditions.shape, conditions.shape.timed
    each = jnp.asarray(weight, dtype)

    def face(axis, end, key):
        number = 1 if len(bounds) == 1 else 400 if len(bounds) == 2 else 1024
        return on_faces(number, bounds, axis, end, closed, dtype=dtype, key=key)

    terms, built_in, soft = start_terms(conditions, gap, each, lambda: face(0, 0, key))
    for axis, pair in enumerate(conditions.sides[0]):
        name = axis_name(axis)
        if isinstance(pair[0], Periodic):
            (built_in if conditions.embedded[axis] else soft).append(f"period along {name}")
            if not conditions.embedded[axis]:
                points = face(timed + axis, 0, jax.random.fold_in(key, axis))
                terms.append(Term(f"period along {name}", Closed(shape, axis), points, each))
            continue
        for end in (0, 1):
            laws = tuple(sides[axis][end] for sides in conditions.sides)
            side = name + "-+"[end]
            if any(map(is_value, laws)):
                built_in.append(f"value at {side}")
            if axis in conditions.normal + conditions.even:
                if any(isinstance(law, (Neumann, Robin)) for law in laws):
                    built_in.append(f"slope at {side}")
                continue
            if not all(is_value(law) or isinstance(law, Free) for law in laws):
                points = face(timed + axis, end, jax.random.fold_in(key, 2 * axis + end))
                soft.append(f"law at {side}")
                left = tuple(Free() if is_value(law) else law for law in laws)
                terms.append(Term(f"law at {side}", AtWall(shape, left, axis, end), points, each))
    return terms, built_in, soft


def start_terms(conditions, gap: float, weight: Array, points: Callable) -> tuple[list[Term], list[str], list[str]]:
    """The start in the loss, at `points()`, if it is not built in, and both kinds in words."""
    if not conditions.shape.timed:
        return [], [], []
    if conditions.start_exact:
        return [], ["start"], []
    words = f"start (it misses the values at the walls by {gap:.2g})"
    return [Term("start", AtStart(conditions), points(), weight)], [], [words]


class AtStart(eqx.Module):
    """The trial function less the start, at the first time."""

    conditions: Conditions

    def __call__(self, trial: Callable, z: Array) -> Array:
        c, n = self.conditions, len(self.conditions.shape.own)
        start = c.begin(z[1:], z.dtype)
        if not c.shape.twice:
            return c.shape.of_rates(trial(z)) - c.shape.of_rates(real_parts(start))
        first = (1,) + (0,) * (z.size - 1)
        found = derivatives(trial, z, [(0,) * z.size, first])
        values, slopes = (c.shape.of_rates(found[index]) for index in ((0,) * z.size, first))
        return jnp.concatenate([values - real_parts(start[:n]), slopes - real_parts(start[n:])])


class AtWall(eqx.Module):
    """`weight u + flux_weight du/dn - value` at a wall, for the parts whose law there is not built in."""

    shape: Shape
    laws: tuple
    axis: int = eqx.field(static=True)
    end: int = eqx.field(static=True)

    def __call__(self, trial: Callable, z: Array) -> Array:
        shape = self.shape
        none = (0,) * z.size
        normal = tuple(int(i == self.axis + shape.timed) for i in range(z.size))
        found = derivatives(trial, z, [none, normal])
        values, slopes = (complex_parts(found[index], shape.unknowns) for index in (none, normal))
        outward = [(1 if self.end else -1) * slope for slope in slopes]
        return missed(self.laws, values, outward, z, shape)


class Closed(eqx.Module):
    """The jump of the trial function and of its slope between both ends of a periodic axis."""

    shape: Shape
    axis: int = eqx.field(static=True)

    def __call__(self, trial: Callable, z: Array) -> Array:
        i = self.axis + self.shape.timed
        none, normal = (0,) * z.size, tuple(int(j == i) for j in range(z.size))
        low, high = self.shape.box.intervals[self.axis]
        first, last = (derivatives(trial, z.at[i].set(bound), [none, normal]) for bound in (low, high))
        return jnp.concatenate([first[index] - last[index] for index in (none, normal)])
