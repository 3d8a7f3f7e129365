"""The library's own solver on the same problem: what a network has to beat."""

import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..._core.errors import SimulationError, UnsupportedError
from ...fields import FiniteDifference, Fourier, is_field
from ...geometry import Dirichlet, Grid, Periodic
from ...simulation import simulate, steady_state
from ..conditions.built_in import is_value
from ..conditions.family import Member
from ..problems.assembly import Setup
from ..residuals.local import real_parts

NODES = {1: 256, 2: 64, 3: 24}
STEPS_PER_NODE = 8


class Rival(NamedTuple):
    """A solution by the library's solver: its name, the points and values, its own error, and its seconds."""

    name: str
    points: Array | None
    values: Array | None
    error: float
    seconds: float


def compared(setup: Setup, trial: Any, nodes: int | None) -> Rival | None:
    """Solve by `simulate` (or the steady solvers) on a grid and on one half as fine, whose difference is its error.

    None where that was not asked for or cannot be; the name then says why.
    """
    if setup.conditions.family is not None:
        return _compared_member(setup, trial, nodes)
    shape = setup.law.shape
    if nodes != 0 and setup.region is not None:
        return Rival("none: the library's own solvers work on boxes, not on regions", None, None, np.nan, np.nan)
    if nodes != 0 and any(shape.algebraic):
        return Rival("none: time steppers do not take laws with an Algebraic part", None, None, np.nan, np.nan)
    if nodes == 0 or (shape.box is not None and shape.box.dim > 3):
        return None
    nodes = nodes or (NODES[shape.box.dim] if shape.box else 0)
    try:
        begin = time.perf_counter()
        fine = _solved(setup, nodes)
        jax.block_until_ready(fine)
        first = time.perf_counter() - begin
        begin = time.perf_counter()
        jax.block_until_ready(_solved(setup, nodes))
        seconds = min(first, time.perf_counter() - begin)
        return _judged(setup, fine, nodes, seconds)
    except (SimulationError, UnsupportedError, ValueError, TypeError, NotImplementedError) as error:
        why = f"the library's solver could not be run beside it ({str(error)[:99]})"
        return Rival(why, None, None, np.nan, np.nan)


def _compared_member(setup: Setup, trial: Any, nodes: int | None) -> Rival | None:
    """The solver on the member in the middle of a family."""
    family = setup.conditions.family
    p = jnp.asarray(family.lows, setup.fresh.dtype) + jnp.asarray(family.lengths, setup.fresh.dtype) / 2
    rival = compared(setup.member(p), Member(trial, p), nodes)
    if rival is None or rival.points is None:
        return rival
    points = jnp.concatenate([rival.points, jnp.broadcast_to(p, (rival.points.shape[0], p.size))], axis=1)
    return rival._replace(points=points, name=f"{rival.name}, for parameters {np.array2string(np.asarray(p))}")


def _judged(setup: Setup, fine: list, nodes: int, seconds: float) -> Rival:
    shape = setup.law.shape
    t1 = setup.conditions.times[1] if shape.timed else None
    if shape.box is None:
        return Rival("simulate", t1[None][None], real_parts(fine)[None], 1e-6, seconds)
    space = fine[0].space
    x = space.points.reshape(-1, shape.box.dim).astype(setup.fresh.dtype)
    z = x if t1 is None else jnp.concatenate([jnp.full((x.shape[0], 1), t1), x], axis=1)
    values = _rows(fine)
    if setup.exact is not None:
        truth = jax.vmap(setup.exact)(z)
        error = relative(values, truth)
    else:
        coarse = _solved(setup, nodes // 2)
        error = relative(jnp.concatenate([_row(u(x)) for u in coarse], axis=1), values)
    return Rival(f"{type(space).__name__}, {' x '.join(map(str, space.grid.shape))} nodes", z, values, error, seconds)


def relative(values: Array, truth: Array) -> float:
    """`|values - truth| / |truth|`, in the root mean square."""
    size = float(jnp.linalg.norm(truth))
    return float(jnp.linalg.norm(values - truth)) / (size if size > 0 else 1.0)


def _rows(fields: list) -> Array:
    """Values at the nodes, one row of real numbers per node."""
    return jnp.concatenate([_row(jnp.moveaxis(u.values.reshape(*u.shape, -1), -1, 0)) for u in fields], axis=1)


def _row(values: Array) -> Array:
    values = values.reshape(values.shape[0], -1)
    return jnp.concatenate([values.real, values.imag], axis=1) if jnp.iscomplexobj(values) else values


def _solved(setup: Setup, nodes: int) -> list:
    """The parts of the state that the network gives, by the library's solver.

    Where error control fails, in fixed steps. They are twice as long on half the nodes, so that the difference of both
    runs shows the error of the steps, too.
    """
    shape, conditions, law = setup.law.shape, setup.conditions, setup.law
    dtype = setup.fresh.dtype
    if shape.box is None:
        t0, t1 = conditions.times
        state = conditions.start(jnp.zeros(0, dtype))
        final = simulate(law.equation, state, t0=float(t0), t1=float(t1), args=law.args).final
        return jax.tree.leaves(final)[: len(shape.own)]
    grid = Grid(shape.box, (nodes,) * shape.box.dim)
    fields = [_space(conditions, grid, part).field(_Sampled(setup, part)) for part in range(len(shape.parts))]
    state = shape.structure.unflatten(fields)
    if not shape.timed:
        if hasattr(law.equation, "solve") and len(fields) == 1:
            return [law.equation.solve(fields[0].space)]
        final = steady_state(law.equation, state, args=law.args).final
    else:
        t0, t1 = map(float, conditions.times)
        run = partial(simulate, law.equation, state, t0=t0, t1=t1, args=law.args)
        walls = any(isinstance(field.space, FiniteDifference) for field in fields)
        implicit = shape.box.dim == 1 and walls and not any(jnp.iscomplexobj(field.data) for field in fields)
        final = _integrated(run, (t1 - t0) / (STEPS_PER_NODE * nodes), implicit)
    return jax.tree.leaves(final, is_leaf=is_field)[: len(shape.own)]


def _integrated(run: Callable, dt: float, implicit: bool) -> Any:
    """The end of a run with error control, by an explicit method and then an implicit one; else in fixed steps."""
    for way in [run, partial(run, method=diffrax.Kvaerno5())][: 1 + implicit]:
        with contextlib.suppress(SimulationError):
            return way().final
    return run(dt=dt).final


class _Sampled:
    """The start of one part, zero for a law at rest."""

    def __init__(self, setup: Setup, part: int):
        self.setup, self.part = setup, part

    def __call__(self, x: Array) -> Array:
        conditions, kind = self.setup.conditions, self.setup.law.shape.parts[self.part]
        if conditions.start is None:
            return jnp.zeros(kind.shape, kind.dtype)
        return conditions.begin(x, x.dtype)[self.part]


def _space(conditions: Any, grid: Grid, part: int) -> Fourier | FiniteDifference:
    """The space of one part: Fourier where all axes close, else finite differences with the laws of the walls."""
    shape = conditions.shape
    n = len(shape.own)
    sides = conditions.sides[part % n]
    if all(isinstance(law, Periodic) for pair in sides for law in pair):
        return Fourier(grid)
    if part >= n:
        sides = tuple(tuple(Dirichlet(0.0) if is_value(law) else law for law in pair) for pair in sides)
    return FiniteDifference(grid, sides, order=4)
