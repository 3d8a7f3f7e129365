"""From what the user says to a problem: the unknown, its conditions, the points and the terms of the loss."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..._core.errors import ShapeError, UnsupportedError
from ...fields import is_field
from ...geometry import Box, Periodic, Region, at_time
from ...geometry.boundary import moves
from ...geometry.box import axis_name
from ...networks import split
from ...networks.base import dtype_of, real_type
from ..conditions.built_in import (
    Conditions,
    Trial,
    check_network,
    check_walls,
    laws_at,
    sides_of,
    start_mismatch,
    wall_value,
)
from ..conditions.family import EachMember, Parameters, bound, marked, of_member
from ..conditions.normal import even_axes, misfit, normal_axes
from ..conditions.region import region_conditions, region_start_mismatch, region_terms
from ..conditions.soft import soft_terms
from ..residuals.local import num_real, real_parts
from ..residuals.residual import FromState, Residual, Shape, is_second_order, shape_for, shape_of
from ..sampling.inside import inside
from ..sampling.points import scattered, spread
from ..sampling.refreshing import Adaptive, Refresh, Schedule, region_of
from .data import data_terms
from .problem import Problem, Term
from .unknowns import LawOfUnknowns, Unknowns, unknowns_of

USUAL_POINTS = 2500


class Sought(NamedTuple):
    """What is to be found besides the solution, and from what; the arguments of `solve_pinn` of the same names."""

    data: Any = None
    unknowns: Sequence[str] = ()
    positive: Sequence[str] = ()
    parameters: Box | None = None


class Wanted(NamedTuple):
    """What a user says of a problem; the arguments of `solve_pinn` of the same names."""

    equation: Callable
    domain: Any
    network: Callable
    initial: Any = None
    boundary: Any = None
    times: tuple[float, float | None] = (0.0, None)
    args: Any = None
    exact: Callable | None = None
    points: Any = USUAL_POINTS
    weighting: Any = ()
    weight: float = 10.0
    sought: Sought = Sought()


class Setup(NamedTuple):
    """A problem with all that its report needs."""

    problem: Problem
    law: Any
    conditions: Conditions
    bounds: np.ndarray
    exact: Callable | None
    built_in: list[str]
    soft: list[str]
    fresh: Array
    boundary: Any
    schedule: Schedule | None = None
    unknowns: Unknowns | None = None
    region: Region | None = None

    def found(self, trial: Any) -> "Setup":
        """The problem whose law has the values that were learned."""
        if self.unknowns is None:
            return self
        if isinstance(self.law, EachMember):
            law = EachMember(self.unknowns.put(self.law.one, trial.unknowns), self.law.num_parameters)
        else:
            law = self.unknowns.put(self.law, trial.unknowns)
        return self._replace(law=law)

    def member(self, p: Array) -> "Setup":
        """One problem of a family."""
        n = self.law.num_parameters
        exact = None if self.exact is None else bound(self.exact.one, p)
        return self._replace(
            law=bound(self.law.one, p),
            conditions=self.conditions.member(p),
            exact=exact,
            bounds=self.bounds[:-n],
            fresh=self.fresh[:, :-n],
        )


class Start(eqx.Module):
    """The start as a function of one point, made of fields, functions and numbers."""

    state: Any

    def __call__(self, x: Array) -> Any:
        return jax.tree.map(lambda part: part(x) if callable(part) else jnp.asarray(part), self.state, is_leaf=callable)


def set_up(wanted: Wanted, key: Array) -> Setup:
    """The problem that is wanted."""
    equation, domain, network, times, family = *wanted[:3], wanted.times, wanted.sought.parameters
    timed = _check_times(wanted.initial, times, domain)
    if not timed and moves(wanted.boundary):
        raise ValueError("a wall value is given by InTime(...), and a law at rest has no time: give a function of x.")
    region, box = (domain, domain.bounds) if isinstance(domain, Region) else (None, domain)
    dtype = dtype_of(network) or real_type(None)
    start, exact, args = _as_function(wanted.initial), wanted.exact, wanted.args
    extra = _check_family(family, args, region)
    if family:
        start, exact, args = of_member(start, 1), of_member(exact, 1 + (box is not None)), Parameters()
    boxes = [one.intervals for one in (box, family) if one is not None]
    bounds = np.array([pair for pairs in ([times] * timed, *boxes) for pair in pairs], float)
    keys = jax.random.split(key, 4)
    members = scattered(2, bounds[len(bounds) - extra :], dtype=dtype, key=key) if family else jnp.zeros((1, 0), dtype)
    shape = _shape(equation, box, network, *bound((start, exact, args), members[0]), timed, extra, dtype)
    instants = tuple(jnp.asarray(t, dtype) for t in times) if timed else None

    def draw(number, key):
        if region is None:
            return scattered(number, bounds, dtype=dtype, key=key)
        return inside(number, region, bounds[:timed], dtype=dtype, key=key)

    _check_potentials(shape, wanted.boundary, equation)
    few = draw(64, keys[3])[:, : shape.num_coordinates]
    if region is None:
        conditions, closed, gap = _box_conditions(network, shape, wanted.boundary, start, instants, family, members)
    else:
        check_network(network, shape, (False,) * region.dim, dtype)
        conditions, walls = region_conditions(region, wanted.boundary, shape, start, instants, dtype)
        gap = region_start_mismatch(conditions, dtype)
    for p in members:
        _check_finite(conditions.member(p) if family else conditions, few, bound(exact, p))
    if gap > 1e-3:
        conditions = dataclasses.replace(conditions, start_exact=False)
    schedule = scheduled(wanted.points, wanted.weighting, bounds, region, dtype, timed, keys[0])
    number = wanted.points.number if isinstance(wanted.points, Adaptive) else wanted.points
    if region is not None:
        points = inside(number, region, bounds[:timed], dtype=dtype, key=keys[0])
        others, built_in, soft = region_terms(conditions, walls, bounds[:timed], gap, wanted.weight, dtype, keys[1])
    else:
        even = number is wanted.points
        points = spread(number, bounds, closed, dtype=dtype, key=keys[0]) if even else draw(number, keys[0])
        others, built_in, soft = soft_terms(conditions, bounds, closed, gap, wanted.weight, dtype, keys[1])
    law = Residual(equation, shape, args)
    unknowns = _unknowns(law, wanted.sought, dtype)
    residual = law if unknowns is None else LawOfUnknowns(law, unknowns)
    known = None if exact is None else FromState(exact, shape)
    terms = [Term("law", residual, points, jnp.ones(points.shape[0] if schedule else (), dtype)), *others]
    if family:
        law, known = EachMember(law, extra), None if known is None else EachMember(known, extra)
        terms = [Term(term.name, EachMember(term.residual, extra), term.points, term.weight) for term in terms]
    terms += [] if wanted.sought.data is None else data_terms(wanted.sought.data, shape, bounds, dtype)
    weights, rest = split((network, None if unknowns is None else unknowns.start))
    problem = Problem(tuple(terms), Trial(weights[0], None, weights[1]), Trial(rest[0], conditions, rest[1]))
    fresh = draw(min(4096, max(512, points.shape[0])), keys[2])
    said = built_in, soft, fresh, wanted.boundary
    return Setup(problem, law, conditions, bounds, known, *said, schedule, unknowns, region)


def _box_conditions(network, shape, boundary, start, instants, family, members) -> tuple[Conditions, tuple, float]:
    """Conditions on a box, which coordinates close on themselves, and by how much the start misses the walls."""
    dtype, extra = members.dtype, members.shape[1]
    sides = sides_of(boundary, shape)
    sides = marked(sides) if family else sides
    periodic = tuple(isinstance(pair[0], Periodic) for pair in sides[0])
    embedded = check_network(network, shape, periodic, dtype, extra)
    conditions = Conditions(shape, sides, start, instants, embedded, shape.timed, family)
    gap = 0.0
    for p in members:
        one = conditions.member(p) if family else conditions
        for t in one.times if shape.timed else [None]:
            check_walls(shape, at_time(one.sides, t), dtype)
        gap = max(gap, start_mismatch(one, dtype))
    axes, even = ((), ()) if family else (normal_axes(conditions), even_axes(conditions))
    if axes or even:
        found = dataclasses.replace(conditions, normal=axes, even=() if axes else even)
        exact = misfit(Trial(network, found), found, dtype) < float(jnp.finfo(dtype).eps) ** 0.4
        conditions = found if exact else conditions
    return conditions, (False,) * shape.timed + periodic + (False,) * extra, gap


class Inside(eqx.Module):
    """Whether a point of time and space belongs to a region."""

    region: Region
    timed: bool = eqx.field(static=True)

    def __call__(self, z: Array) -> Array:
        return self.region.contains(z[self.timed :])


def scheduled(points, weighting, bounds, region, dtype, timed: bool, key) -> Schedule | None:
    """What changes during a training, or None if nothing does."""
    weighting = tuple(weighting) if isinstance(weighting, Sequence) else (weighting,)
    changes = (*((points,) if isinstance(points, Adaptive) else ()), *weighting)
    for change in changes:
        if not isinstance(change, Refresh):
            raise TypeError(f"weighting={change!r}: write Causal(), Balanced(), or a tuple of these.")
    if not changes:
        return None
    schedule = Schedule(changes, region_of(bounds, None if region is None else Inside(region, timed), dtype), key)
    schedule.check(timed)
    return schedule


def _check_family(family: Any, args: Any, region: Region | None) -> int:
    """The number of parameters."""
    if family is None:
        return 0
    if not isinstance(family, Box):
        raise ShapeError(f"parameters={family!r} is no Box: write js.Box((low, high), ...), a pair per parameter.")
    if args is not None:
        raise ValueError("args and parameters were both given: the parameters are what the law gets as its args.")
    if region is not None:
        raise UnsupportedError("parameters= on a Region: families are for boxes; solve for one member at a time.")
    return family.dim


def _unknowns(law: Residual, sought: Sought, dtype) -> Unknowns | None:
    if not sought.unknowns:
        if sought.positive:
            raise ValueError(f"positive={sought.positive} without unknowns: name them in unknowns= as well.")
        return None
    if sought.data is None:
        raise ValueError(
            f"unknowns={sought.unknowns} without data: the law alone does not tell them. Give measured values, "
            "data=js.learning.Data(points, values)."
        )
    return unknowns_of(law, sought.unknowns, sought.positive, dtype)


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


def _shape(equation, domain, network, start, exact, args, timed, extra, dtype) -> Shape:
    """The shape of the unknown: from the start, the solution, or what the network gives."""
    x = jnp.zeros(domain.dim if domain else 0, dtype)
    if start is not None:
        value = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, start(x)))
    elif exact is not None:
        value = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, exact(jnp.zeros((), dtype), x)))
    else:
        value = _output(network, domain, dtype, extra)
    shape = shape_for(shape_of(value, domain, timed, dtype), equation, args, dtype)
    pair = len(shape.parts) % 2 == 0 and timed and is_second_order(equation, shape, args, dtype)
    whole = _output(network, domain, dtype, timed + extra).size == num_real(shape.unknowns)
    return dataclasses.replace(shape, twice=True) if pair and not whole else shape


def _output(network, domain, dtype, others: int = 0) -> jax.ShapeDtypeStruct:
    dim = domain.dim if domain else 0
    for size in range(dim + others, 2 * (dim + others) + 1):
        try:
            return jax.eval_shape(lambda z: jnp.asarray(network(z)), jnp.zeros(size, dtype))
        except Exception:
            continue
    return jax.ShapeDtypeStruct((), dtype)


def _check_potentials(shape: Shape, boundary: Any, equation: Callable) -> None:
    """Raise if a law with a Poisson solve or a projection meets a wall, where the potential would need its own law."""
    if shape.potentials and any(not isinstance(law, Periodic) for pair in sides_of(boundary, shape)[0] for law in pair):
        raise UnsupportedError(
            f"{type(equation).__name__} holds a Poisson solve or a projection, which a network replaces by one more "
            "number, periodic along all axes; next to walls it would need a law of its own there. Use boundary="
            "js.Periodic(), or write the law with the potential as a part of its state."
        )


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
                wall, kind = inside.at[:, shape.timed + axis].set(shape.box.intervals[axis][end]), shape.unknowns[part]
                values = jax.vmap(
                    lambda z, law=law, kind=kind: wall_value(laws_at(law, shape, z), z[shape.timed :], kind)
                )(wall)
                if not bool(jnp.all(jnp.isfinite(values))):
                    side = axis_name(axis) + "-+"[end]
                    raise ValueError(f"NaN or infinity in the data: the law at side {side!r} is not finite everywhere.")
    if exact is not None:
        values = jax.vmap(FromState(exact, shape))(inside)
        if not bool(jnp.all(jnp.isfinite(values))):
            raise ValueError("NaN or infinity in the data: exact(t, x) is not finite at some points.")
