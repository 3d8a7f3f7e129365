"""From what the user says to a problem: the unknown, its conditions, the points and the terms of the loss."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import ShapeError
from ..fields import is_field
from ..geometry import Box, Free, Periodic
from ..geometry.box import axis_name
from ..networks import split
from .conditions import Conditions, Trial, check_network, check_walls, is_value, sides_of, start_mismatch, wall_value
from .local import complex_parts, num_real, real_parts
from .points import on_faces, scattered, spread
from .problem import Problem, Term
from .residual import FromState, Residual, Shape, is_second_order, shape_of
from .taylor import derivatives

NUM_POINTS = 2500


class Setup(NamedTuple):
    """A problem with all that its report needs."""

    problem: Problem
    law: Residual
    conditions: Conditions
    bounds: np.ndarray
    exact: FromState | None
    built_in: list[str]
    soft: list[str]
    fresh: Array
    boundary: Any


class Start(eqx.Module):
    """The start as a function of one point, made of fields, functions and numbers."""

    state: Any

    def __call__(self, x: Array) -> Any:
        return jax.tree.map(lambda part: part(x) if callable(part) else jnp.asarray(part), self.state, is_leaf=callable)


def set_up(equation, domain, network, initial, boundary, times, args, exact, num_points, weight, key) -> Setup:
    """Read a problem off the arguments of `solve_pinn`."""
    timed = _check_times(initial, times, domain)
    leaves = [
        a.dtype for a in jax.tree.leaves(network) if hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jnp.floating)
    ]
    dtype = leaves[0] if leaves else jnp.zeros(()).dtype
    start = None if initial is None else initial if callable(initial) and not is_field(initial) else Start(initial)
    bounds = np.array(([times] if timed else []) + list(domain.intervals if domain else ()), float)
    shape = _shape(equation, domain, network, start, exact, timed, args, boundary, dtype)
    sides = sides_of(boundary, shape)
    check_walls(shape, sides, dtype)
    periodic = tuple(isinstance(pair[0], Periodic) for pair in sides[0])
    embedded = check_network(network, shape, periodic, dtype)
    instants = tuple(jnp.asarray(t, dtype) for t in times) if timed else None
    conditions = Conditions(shape, sides, start, instants, embedded, timed)
    inside = scattered(64, bounds, dtype=dtype, key=key)
    _check_finite(conditions, inside, exact)
    gap = start_mismatch(conditions, dtype)
    if gap > 1e-3:
        conditions = Conditions(shape, sides, start, instants, embedded, False)
    trial_axes = (False,) * timed + periodic
    number = NUM_POINTS if num_points is None else num_points
    keys = jax.random.split(key, 4)
    points = spread(number, bounds, trial_axes, dtype=dtype, key=keys[0])
    law = Residual(equation, shape, args)
    terms = [Term("law", law, points, jnp.ones((), dtype))]
    soft_terms, built_in, soft = _conditions(conditions, bounds, trial_axes, gap, weight, dtype, keys[1])
    weights, rest = split(network)
    problem = Problem((*terms, *soft_terms), Trial(weights, None), Trial(rest, conditions))
    known = None if exact is None else FromState(exact, shape)
    fresh = scattered(min(4096, max(512, points.shape[0])), bounds, dtype=dtype, key=keys[2])
    return Setup(problem, law, conditions, bounds, known, built_in, soft, fresh, boundary)


def _check_times(initial, times, domain) -> bool:
    timed = times[1] is not None
    if timed != (initial is not None):
        missing, given = ("initial", "t1") if timed else ("t1", "initial")
        raise ValueError(f"{given} was given without {missing}: a law in time needs both, a law at rest neither.")
    if timed and not times[1] > times[0]:
        raise ValueError(f"t1={times[1]} must be later than t0={times[0]}.")
    if not (domain is None or isinstance(domain, Box)):
        raise ShapeError(f"domain={domain!r} is no Box: write js.Box((0.0, 1.0)), or None for an ordinary law.")
    if domain is None and not timed:
        raise ValueError("an ordinary law needs initial and t1; give a Box for a law of fields.")
    return timed


def _shape(equation, domain, network, start, exact, timed, args, boundary, dtype) -> Shape:
    """The shape of the unknown: from the start, the solution, or what the network gives."""
    x = jnp.zeros(domain.dim if domain else 0, dtype)
    if start is not None:
        value = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, start(x)))
    elif exact is not None:
        value = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, exact(jnp.zeros((), dtype), x)))
    else:
        value = _output(network, domain, dtype)
    shape = shape_of(value, domain, timed, dtype)
    pair = len(shape.parts) % 2 == 0 and timed and is_second_order(equation, shape, args, dtype)
    whole = _output(network, domain, dtype, timed).size == num_real(shape.parts)
    return Shape(shape.structure, shape.parts, domain, timed, True) if pair and not whole else shape


def _output(network, domain, dtype, timed: bool = False) -> jax.ShapeDtypeStruct:
    dim = timed + (domain.dim if domain else 0)
    for size in range(dim, 2 * dim + 1):
        try:
            return jax.eval_shape(lambda z: jnp.asarray(network(z)), jnp.zeros(size, dtype))
        except Exception:
            continue
    return jax.ShapeDtypeStruct((), dtype)


def _check_finite(conditions: Conditions, inside: Array, exact: Any) -> None:
    shape = conditions.shape
    x = inside[:, shape.timed :]
    if conditions.start is not None:
        values = jax.vmap(lambda y: real_parts(conditions.begin(y, x.dtype)))(x)
        if not bool(jnp.all(jnp.isfinite(values))):
            raise ValueError("NaN or infinity in the data: initial(x) is not finite at some points inside the domain.")
    for part, laws in enumerate(conditions.sides):
        for axis, pair in enumerate(laws):
            for end, law in enumerate(pair):
                if not hasattr(law, "value"):
                    continue
                wall = x.at[:, axis].set(shape.box.intervals[axis][end])
                values = jax.vmap(lambda y, law=law, part=part: jnp.abs(wall_value(law, y, shape.unknowns[part])))(wall)
                if not bool(jnp.all(jnp.isfinite(values))):
                    side = axis_name(axis) + "-+"[end]
                    raise ValueError(f"NaN or infinity in the data: the law at side {side!r} is not finite everywhere.")
    if exact is not None:
        values = jax.vmap(FromState(exact, shape))(inside)
        if not bool(jnp.all(jnp.isfinite(values))):
            raise ValueError("NaN or infinity in the data: exact(t, x) is not finite at some points.")


def _conditions(conditions, bounds, closed, gap, weight, dtype, key) -> tuple[list[Term], list[str], list[str]]:
    """Terms for the conditions that are not built in, and both kinds in words."""
    shape, terms, built_in, soft = conditions.shape, [], [], []
    timed = shape.timed
    each = jnp.asarray(weight, dtype)

    def face(axis, end, key):
        number = 1 if len(bounds) == 1 else 128 if len(bounds) == 2 else 1024
        return on_faces(number, bounds, axis, end, closed, dtype=dtype, key=key)

    if timed and conditions.start_exact:
        built_in.append("start")
    elif timed:
        soft.append(f"start (it misses the values at the walls by {gap:.2g})")
        terms.append(Term("start", AtStart(conditions), face(0, 0, key), each))
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
            if not all(is_value(law) or isinstance(law, Free) for law in laws):
                points = face(timed + axis, end, jax.random.fold_in(key, 2 * axis + end))
                soft.append(f"law at {side}")
                terms.append(Term(f"law at {side}", AtWall(shape, laws, axis, end), points, each))
    return terms, built_in, soft


class AtStart(eqx.Module):
    """The trial function less the start, at the first time."""

    conditions: Conditions

    def __call__(self, trial: Callable, z: Array) -> Array:
        c, n = self.conditions, len(self.conditions.shape.unknowns)
        start = c.begin(z[1:], z.dtype)
        if not c.shape.twice:
            return trial(z) - real_parts(start)
        first = (1,) + (0,) * (z.size - 1)
        found = derivatives(trial, z, [(0,) * z.size, first])
        return jnp.concatenate([found[(0,) * z.size] - real_parts(start[:n]), found[first] - real_parts(start[n:])])


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
        gaps = []
        for law, u, slope, kind in zip(self.laws, values, slopes, shape.unknowns, strict=True):
            if not is_value(law) and not isinstance(law, Free):
                a, b = (jnp.asarray(number).astype(kind.dtype) for number in law.weights)
                gaps.append(a * u + (1 if self.end else -1) * b * slope - wall_value(law, z[shape.timed :], kind))
        return real_parts(gaps)


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
