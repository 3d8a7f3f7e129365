"""Trajectories side by side on one device, the lane axis last where that makes vectors of it."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..._core.memory import apart
from ...fields import unpack
from ..adaptive import Progress, active, at_start, attempt, begin, integrate
from ..adjoints import Checkpointed, Direct, Forward
from ..choice import is_spectral
from ..methods.base import Method, vector_field
from ..rollout import step_time
from .lanes_last import ignores, lanes_last

MOST_TRIES = 32


class Lanes(NamedTuple):
    """Runs on their way: each lane holds the trajectory `index` and goes to its save number `knot`."""

    run: Progress
    inputs: PyTree
    index: Array
    knot: Array
    queue: Array
    rounds: Array
    saved: PyTree
    counters: PyTree


@jax.jit
def first_row(varying: PyTree) -> PyTree:
    """The first row of all that varies, by one call where each array would cost one."""
    return jax.tree.map(lambda leaf: leaf[0], varying)


def fixed_template(varying: PyTree, fixed: PyTree) -> PyTree:
    """The first state of an ensemble, for its spaces."""
    return eqx.combine(first_row(varying), fixed)[1]


def run_lanes(plan: Any, fixed: PyTree, clocks: tuple, tolerances: tuple, rows: tuple, lanes: int):
    """Saved arrays, final arrays, counters and success of all rows; what a row did not reach is not a number."""
    varying, keys = rows
    t0, t1, dt, times = clocks
    if not isinstance(plan.method, Method):
        return _mapped(plan, fixed, clocks, tolerances, rows, lanes)
    if plan.num_steps is not None:
        return _fixed_steps(plan, fixed, clocks, varying, lanes)
    knots = jnp.stack([t0, t1]) if times is None else jnp.concatenate([t0[None], times, t1[None]])
    refilled = _refill if isinstance(plan.adjoint, Forward) else _refilled
    saved, (accepted, rejected) = refilled(
        (plan.method, varying, fixed, knots), tolerances, plan.max_steps, lanes, isinstance(plan.adjoint, Direct)
    )
    end = jax.tree.map(lambda a: a[:, -1], saved)
    saved = saved if times is None else jax.tree.map(lambda a: a[:, :-1], saved)
    return saved, end, {"steps": accepted, "rejected": rejected}, jnp.ones(len(accepted), bool)


def _mapped(plan, fixed, clocks, tolerances, rows, lanes):
    from ..simulate import _by_diffrax

    def one(row):
        varying, key = row
        solution = _by_diffrax(plan, (*eqx.combine(varying, fixed), clocks, tolerances, key), "")
        stats = {name: solution.stats[name] for name in ("steps", "rejected")}
        return unpack(solution.states), unpack(solution.final), stats, solution.ok

    return jax.lax.map(one, rows, batch_size=lanes)


def _lane_axis(state: PyTree) -> int:
    """Transforms want their lanes first, everything else wants them last."""
    return 0 if is_spectral(state) else -1


def _fixed_steps(plan, fixed, clocks, varying, lanes):
    t0, t1, _, _ = clocks
    h = (t1 - t0) / plan.num_steps
    every = math.gcd(plan.num_steps, *plan.indices)
    count = len(jax.tree.leaves(varying)[0])
    axis = _lane_axis(fixed_template(varying, fixed))
    method = plan.method

    def chunk(varying):
        varying = _to_lanes(varying, axis)
        kept = []

        def prepare(lane):
            equation, state, args = eqx.combine(lane, fixed)
            dynamic, static = eqx.partition(method.prepare(equation, state, h, args), eqx.is_array)
            kept.append(static)
            return dynamic, unpack(state)

        if jax.tree.leaves((varying[0], varying[2])):
            shared, (prepared, arrays) = axis, jax.vmap(prepare, in_axes=axis, out_axes=axis)(varying)
        else:  # one law for all has its coefficients once
            shared, prepared = None, prepare(jax.tree.map(lambda a: jnp.take(a, 0, axis), varying))[0]
            arrays = jax.vmap(lambda lane: unpack(eqx.combine(lane, fixed)[1]), in_axes=axis, out_axes=axis)(varying)

        def body(y, n):
            def step(lane, prepared, y):
                equation, state, args = eqx.combine(lane, fixed)
                return method.step(eqx.combine(prepared, kept[0]), equation, state, step_time(t0, n, h), y, h, args)

            return jax.vmap(step, in_axes=(axis, shared, axis), out_axes=axis)(varying, prepared, y)

        end, saved = plan.adjoint.trajectory(body, arrays, plan.num_steps // every, every)
        picks = np.array(plan.indices) // every - 1
        if picks[0] < 0:
            saved, picks = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), arrays, saved), picks + 1
        saved = jax.tree.map(lambda a: jnp.moveaxis(a[picks], -1 if axis == -1 else 1, 0), saved)
        return saved, jax.tree.map(lambda a: jnp.moveaxis(a, axis, 0), end)

    size = min(lanes, count)
    groups = math.ceil(count / size)
    order = np.minimum(np.arange(groups * size), count - 1).reshape(groups, size)
    grouped = jax.tree.map(lambda a: a[order], varying)
    out = jax.lax.map(chunk, grouped) if groups > 1 else jax.tree.map(lambda a: a[None], chunk(varying))
    saved, end = jax.tree.map(lambda a: a.reshape((-1, *a.shape[2:]))[:count], out)
    return saved, end, {"steps": jnp.full(count, plan.num_steps)}, jnp.ones(count, bool)


def _to_lanes(rows: PyTree, axis: int) -> PyTree:
    return jax.tree.map(lambda a: jnp.moveaxis(a, 0, axis), rows)


def _mover(method, fixed: PyTree, template: PyTree, tolerances: tuple, max_steps: int, axis: int, axes: Progress):
    """`moves(inputs, run, targets)`: one attempt at a step in every lane.

    With the lane axis last only the law is mapped, and compiled apart: a law that couples unknowns reads its argument
    many times, and the stages its result.
    """

    def slope(lane, t, y):
        equation, state, args = eqx.combine(lane, fixed)
        return vector_field(equation, state, args)(t, y)

    def move(lane, run, target):
        equation, state, args = eqx.combine(lane, fixed)
        f = vector_field(equation, state, args)
        return attempt(method, f, run, target, tolerances, state, alive=active(run, target, max_steps))[0]

    def move_last(lane, run, target):
        width, some_time = len(target), jnp.zeros((), target.dtype)
        timeless = ignores(slope, 1, lane, run.t, run.arrays)

        def f(t, y, kept=False):
            if timeless:  # nobody then works out the times of the stages
                return apart(lanes_last(lambda lane, y: slope(lane, some_time, y), width), lane, y)
            return apart(lanes_last(slope, width), lane, t, y)

        alive = active(run, target, max_steps)
        return attempt(method, f, run, target, tolerances, template, alive=alive, lanes=True)[0]

    return move_last if axis == -1 else jax.vmap(move, in_axes=(axis, axes, 0), out_axes=axes)


def _tries(steps: Array) -> Array:
    """Attempts between two looks at who has arrived, for trajectories of so many `steps`.

    A look costs about half an attempt, and a lane that has arrived idles for half of the tries.
    """
    return jnp.clip(jnp.sqrt(steps / 2).astype(int), 1, MOST_TRIES)


def _refill(differentiable, tolerances, max_steps, lanes, direct):
    """Error control per trajectory; a lane whose trajectory ends takes the next one from the queue."""
    method, varying, fixed, knots = differentiable
    count = len(jax.tree.leaves(varying)[0])
    template = fixed_template(varying, fixed)
    axis, width, saves = _lane_axis(template), min(lanes, count), len(knots) - 1

    def start(lane):
        equation, state, args = eqx.combine(lane, fixed)
        f = vector_field(equation, state, args)
        run = begin(method, f, knots[0], unpack(state), knots[-1] - knots[0], tolerances, state)
        return run.h, run.arrays, run.slope

    axes = Progress(0, 0, axis, axis, 0, 0, 0)
    begun = jax.lax.map(start, varying, batch_size=width)

    def taken(index: Array) -> tuple[PyTree, Progress]:
        rows = jax.tree.map(lambda a: jnp.moveaxis(a[jnp.minimum(index, count - 1)], 0, axis), (varying, begun))
        return rows[0], at_start(jnp.full(width, knots[0]), *rows[1])

    moves = _mover(method, fixed, template, tolerances, max_steps, axis, axes)

    def refilled(inputs: PyTree, run: Progress, index: Array, fresh: Array) -> tuple[PyTree, Progress]:
        def chosen(old, young, place):
            shape = [1] * old.ndim
            shape[place] = width
            return jnp.where(fresh.reshape(shape), young, old)

        new, begun = taken(index)
        parts = zip(run, begun, axes, strict=True)
        return (
            jax.tree.map(lambda a, b: chosen(a, b, axis), inputs, new),
            Progress(*(jax.tree.map(lambda a, b, place=place: chosen(a, b, place), *pair) for *pair, place in parts)),
        )

    def body(lanes: Lanes) -> Lanes:
        run, inputs, index, knot, queue, rounds, saved, counters = lanes
        targets = knots[knot]

        def arrivals(run):
            return ~active(run, targets, max_steps) & (index < count)

        def onwards(journey):
            run, made = journey
            tries = _tries((rounds + made) * width / queue)
            return jax.lax.fori_loop(0, tries, lambda _, run: moves(inputs, run, targets), run), made + tries

        run, made = jax.lax.while_loop(lambda journey: ~jnp.any(arrivals(journey[0])), onwards, (run, 0))
        arrived = arrivals(run)
        broken = (run.t < targets) & arrived
        row = jnp.where(arrived & ~broken, index, count)
        saved = jax.tree.map(
            lambda s, a: s.at[row, knot - 1].set(jnp.moveaxis(a, axis, 0), mode="drop"), saved, run.arrays
        )
        ended = arrived & (broken | (knot == saves))
        final = jnp.where(ended, index, count)
        counters = jax.tree.map(lambda c, a: c.at[final].set(a, mode="drop"), counters, (run.accepted, run.rejected))
        waiting = queue + jnp.cumsum(ended.astype(int)) - 1
        index = jnp.where(ended, jnp.minimum(waiting, count), index)
        fresh = ended & (index < count)
        # what is saved stays outside the branch, which would copy all of it each time
        inputs, run = jax.lax.cond(
            jnp.any(fresh), refilled, lambda inputs, run, *_: (inputs, run), inputs, run, index, fresh
        )
        knot = jnp.where(ended, 1, knot + arrived.astype(int))
        return Lanes(run, inputs, index, knot, queue + jnp.sum(ended), rounds + made, saved, counters)

    index = jnp.arange(width)
    inputs, run = taken(index)
    arrays = unpack(template)
    saved = jax.tree.map(lambda a: jnp.full((count, saves, *a.shape), jnp.nan, a.dtype), arrays)
    counters = jnp.zeros(count, int), jnp.zeros(count, int)
    ones = jnp.ones(width, int)
    lanes = Lanes(run, inputs, index, ones, jnp.asarray(width), jnp.ones((), int), saved, counters)
    lanes = jax.lax.while_loop(lambda lanes: jnp.any(lanes.index < count), body, lanes)
    return lanes.saved, lanes.counters


_refilled = eqx.filter_custom_vjp(_refill)


@_refilled.def_fwd
def _refilled_forward(perturbed, differentiable, tolerances, max_steps, lanes, direct):
    return _refilled(differentiable, tolerances, max_steps, lanes, direct), None


@_refilled.def_bwd
def _refilled_backward(residuals, cotangents, perturbed, differentiable, tolerances, max_steps, lanes, direct):
    moving, still = eqx.partition(differentiable, eqx.is_inexact_array)

    def again(moving):
        method, varying, fixed, knots = eqx.combine(moving, still)

        def one(row):
            equation, state, args = eqx.combine(row, fixed)
            system = (equation, state, unpack(state), knots, args)
            return integrate(method, system, tolerances, max_steps, Direct() if direct else Checkpointed())[0]

        return jax.lax.map(one, varying, batch_size=lanes)

    saved, pull = jax.vjp(again, moving)
    bars = jax.tree.map(lambda y, g: jnp.zeros_like(y) if g is None else g, saved, cotangents[0])
    return pull(bars)[0]
