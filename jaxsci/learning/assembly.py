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
from ..geometry import Box, Periodic
from ..geometry.box import axis_name
from ..networks import split
from .conditions.built_in import Conditions, Trial, check_network, check_walls, sides_of, start_mismatch, wall_value
from .conditions.soft import soft_terms
from .points import scattered, spread
from .problem import Problem, Term
from .refreshing import Adaptive, Refresh, Schedule, region_of
from .residuals.local import num_real, real_parts
from .residuals.residual import FromState, Residual, Shape, is_second_order, shape_of

USUAL_POINTS = 2500


class Wanted(NamedTuple):
    """What a user says of a problem, apart from its law, domain and network."""

    initial: Any = None
    boundary: Any = None
    times: tuple[float, float | None] = (0.0, None)
    args: Any = None
    exact: Callable | None = None
    points: Any = USUAL_POINTS
    weighting: Any = ()
    weight: float = 10.0


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
    schedule: Schedule | None


class Start(eqx.Module):
    """The start as a function of one point, made of fields, functions and numbers."""

    state: Any

    def __call__(self, x: Array) -> Any:
        return jax.tree.map(lambda part: part(x) if callable(part) else jnp.asarray(part), self.state, is_leaf=callable)


def set_up(equation, domain, network, *, key, **options) -> Setup:
    """Read a problem off the arguments of `solve_pinn`."""
    wanted = Wanted(**options)
    times, args, boundary = wanted.times, wanted.args, wanted.boundary
    timed = _check_times(wanted.initial, times, domain)
    dtype = _precision(network)
    start = _as_function(wanted.initial)
    bounds = np.array(([times] if timed else []) + list(domain.intervals if domain else ()), float)
    shape = _shape(equation, domain, network, start, wanted.exact, timed, args, boundary, dtype)
    sides = sides_of(boundary, shape)
    check_walls(shape, sides, dtype)
    periodic = tuple(isinstance(pair[0], Periodic) for pair in sides[0])
    embedded = check_network(network, shape, periodic, dtype)
    instants = tuple(jnp.asarray(t, dtype) for t in times) if timed else None
    conditions = Conditions(shape, sides, start, instants, embedded, timed)
    keys = jax.random.split(key, 4)
    _check_finite(conditions, scattered(64, bounds, dtype=dtype, key=keys[3]), wanted.exact)
    gap = start_mismatch(conditions, dtype)
    if gap > 1e-3:
        conditions = Conditions(shape, sides, start, instants, embedded, False)
    closed = (False,) * timed + periodic
    law = Residual(equation, shape, args)
    schedule = scheduled(wanted.points, wanted.weighting, bounds, dtype, timed, keys[0])
    if isinstance(wanted.points, Adaptive):
        points = scattered(wanted.points.number, bounds, dtype=dtype, key=keys[0])
    else:
        points = spread(wanted.points, bounds, closed, dtype=dtype, key=keys[0])
    terms = [Term("law", law, points, jnp.ones(points.shape[0] if schedule else (), dtype))]
    others, built_in, soft = soft_terms(conditions, bounds, closed, gap, wanted.weight, dtype, keys[1])
    weights, rest = split(network)
    problem = Problem((*terms, *others), Trial(weights, None), Trial(rest, conditions))
    known = None if wanted.exact is None else FromState(wanted.exact, shape)
    fresh = scattered(min(4096, max(512, points.shape[0])), bounds, dtype=dtype, key=keys[2])
    return Setup(problem, law, conditions, bounds, known, built_in, soft, fresh, boundary, schedule)


def scheduled(points, weighting, bounds, dtype, timed: bool, key) -> Schedule | None:
    """What changes during a training, or None if nothing does."""
    weighting = (weighting,) if isinstance(weighting, Refresh) else tuple(weighting)
    changes = (*((points,) if isinstance(points, Adaptive) else ()), *weighting)
    for change in changes:
        if not isinstance(change, Refresh):
            raise TypeError(f"weighting={change!r}: write Causal(), Balanced(), or a tuple of these.")
    if not changes:
        return None
    schedule = Schedule(changes, region_of(bounds, None, dtype), key)
    schedule.check(timed)
    return schedule


def _precision(network: Any) -> Any:
    """The precision of the first weights of a network."""
    kinds = [a.dtype for a in jax.tree.leaves(network) if eqx.is_inexact_array(a)]
    return kinds[0] if kinds else jnp.zeros(()).dtype


def _as_function(initial: Any) -> Callable | None:
    """The start as a function of one point."""
    return initial if initial is None or (callable(initial) and not is_field(initial)) else Start(initial)


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
