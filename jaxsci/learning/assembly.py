"""From what the user says to a problem: the unknown, its conditions, the points and the terms of the loss."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import ShapeError
from ..fields import is_field
from ..geometry import Box, Periodic, Region
from ..geometry.box import axis_name
from ..networks import split
from .conditions.built_in import Conditions, Trial, check_network, check_walls, sides_of, start_mismatch, wall_value
from .conditions.normal import even_axes, misfit, normal_axes
from .conditions.region import region_conditions, region_start_mismatch, region_terms
from .conditions.soft import soft_terms
from .inside import inside
from .points import scattered, spread
from .problem import Problem, Term
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
    region: Region | None = None


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
    region, domain = (domain, domain.bounds) if isinstance(domain, Region) else (None, domain)
    dtype = _precision(network)
    start = _as_function(wanted.initial)
    bounds = np.array(([times] if timed else []) + list(domain.intervals if domain else ()), float)
    shape = _shape(equation, domain, network, start, wanted.exact, timed, args, boundary, dtype)
    instants = tuple(jnp.asarray(t, dtype) for t in times) if timed else None
    keys = jax.random.split(key, 4)
    if region is None:
        conditions, closed = _box_conditions(network, shape, boundary, start, instants, dtype)
        gap = start_mismatch(conditions, dtype)
    else:
        check_network(network, shape, (False,) * region.dim, dtype)
        conditions, walls = region_conditions(region, boundary, shape, start, instants, dtype)
        gap = region_start_mismatch(conditions, dtype)

    def draw(number, key):
        if region is None:
            return scattered(number, bounds, dtype=dtype, key=key)
        return inside(number, region, bounds[:timed], dtype=dtype, key=key)

    _check_finite(conditions, draw(64, keys[3]), wanted.exact)
    if gap > 1e-3:
        conditions = dataclasses.replace(conditions, start_exact=False)
    if region is None:
        points = spread(wanted.points, bounds, closed, dtype=dtype, key=keys[0])
        others, built_in, soft = soft_terms(conditions, bounds, closed, gap, wanted.weight, dtype, keys[1])
    else:
        points = inside(wanted.points, region, bounds[:timed], dtype=dtype, key=keys[0])
        others, built_in, soft = region_terms(conditions, walls, bounds[:timed], gap, wanted.weight, dtype, keys[1])
    law = Residual(equation, shape, args)
    terms = [Term("law", law, points, jnp.ones((), dtype))]
    weights, rest = split(network)
    problem = Problem((*terms, *others), Trial(weights, None), Trial(rest, conditions))
    known = None if wanted.exact is None else FromState(wanted.exact, shape)
    fresh = draw(min(4096, max(512, points.shape[0])), keys[2])
    return Setup(problem, law, conditions, bounds, known, built_in, soft, fresh, boundary, region)


def _box_conditions(network, shape, boundary, start, instants, dtype) -> tuple[Conditions, tuple[bool, ...]]:
    """Conditions on a box, and which coordinates close on themselves."""
    sides = sides_of(boundary, shape)
    check_walls(shape, sides, dtype)
    periodic = tuple(isinstance(pair[0], Periodic) for pair in sides[0])
    embedded = check_network(network, shape, periodic, dtype)
    conditions = Conditions(shape, sides, start, instants, embedded, shape.timed)
    axes, even = normal_axes(conditions), even_axes(conditions)
    if axes or even:
        found = dataclasses.replace(conditions, normal=axes, even=() if axes else even)
        conditions = (
            found if misfit(Trial(network, found), found, dtype) < float(jnp.finfo(dtype).eps) ** 0.4 else conditions
        )
    return conditions, (False,) * shape.timed + periodic


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
    if not (domain is None or isinstance(domain, (Box, Region))):
        raise ShapeError(
            f"domain={domain!r} is no Box and no Region: write js.Box((0.0, 1.0)), or None for an ordinary law."
        )
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
