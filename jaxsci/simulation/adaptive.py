"""Runge-Kutta with error control: one attempt at a step, the loop around it, and the derivative of the accepted
steps.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .._core.errors import UnsupportedError
from .._core.memory import apart, in_memory
from ..fields import rounding_noise
from .adjoints import Adjoint, Checkpointed, Direct, Forward, add, pullback, zeros_like_inexact
from .methods.base import move, times, vector_field, weighted_sum
from .methods.runge_kutta import RungeKutta
from .watch.progress import report

LONG_SUM = 16
SAFETY, SHRINK, GROW = 0.9, 0.2, 10.0
TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_SOLVED = 1, 2, 3


class Progress(NamedTuple):
    """An error-controlled run on its way: time, next step, state, its slope, logarithm of the last error ratio, and
    counters. It is stuck when the next step would not move the clock.
    """

    t: Array
    h: Array
    arrays: PyTree
    slope: PyTree
    log_ratio: Array
    accepted: Array
    rejected: Array


class Record(NamedTuple):
    """What the derivative needs of a run: start, size and save interval of each step, and a state now and then."""

    ts: Array
    hs: Array
    intervals: Array
    states: PyTree


def mean_square(errors: PyTree, old: PyTree, new: PyTree, tolerances: tuple, template: PyTree, lanes=False) -> Array:
    """Mean square of `|e| / (atol + rtol max(|y0|, |y1|) + noise)` over all numbers of a state; each of the last axis
    with `lanes`. The noise is what rounding leaves of the numbers of a field in single precision: errors below it are
    not seen.
    """
    rtol, atol = tolerances
    dtype = rtol.dtype

    def squares(e, a, b, noise):
        scale = atol + jnp.asarray(noise, dtype) + rtol * jnp.maximum(jnp.abs(a), jnp.abs(b)).astype(dtype)
        square = jnp.square(jnp.abs(e).astype(dtype) / scale)
        # a long sum over the numbers of a lane runs inside the loop over lanes, where the rest makes vectors of them
        long = lanes and square[..., 0].size > LONG_SUM
        return jnp.sum(in_memory(square) if long else square, axis=tuple(range(e.ndim - lanes)))

    floors = rounding_noise(template, old, lanes)
    leaves = zip(*(jax.tree.leaves(x) for x in (errors, old, new)), floors, strict=True)
    sums = [squares(*parts) for parts in leaves]
    size = sum(leaf[..., 0].size if lanes else leaf.size for leaf in jax.tree.leaves(old))
    return sum(sums) / max(1, size)


def first_step(f: Callable, t, y: PyTree, slope: PyTree, order: int, span, tolerances: tuple, template) -> Array:
    """A first step of the size of the solution's own time scale.

    References:
        Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, section II.4.
    """

    def size(k):
        return jnp.sqrt(mean_square(k, y, y, tolerances, template))

    d0, d1 = size(y), size(slope)
    tiny = (d0 < 1e-5) | (d1 < 1e-5)
    h0 = jnp.minimum(jnp.where(tiny, 1e-6, 0.01 * d0 / jnp.where(tiny, 1.0, d1)), span)
    moved = f(t + h0, move(y, h0, slope))
    d2 = size(jax.tree.map(lambda a, b: a - b, moved, slope)) / h0
    steepest = jnp.maximum(d1, d2)
    h1 = jnp.where(steepest <= 1e-15, jnp.maximum(1e-6, h0 * 1e-3), (0.01 / steepest) ** (1 / (order + 1)))
    h = jnp.minimum(jnp.minimum(100 * h0, h1), span)
    return jnp.where(jnp.isfinite(h) & (h > 0), h, 1e-6 * span)


def begin(method: RungeKutta, f: Callable, t0, arrays: PyTree, span, tolerances: tuple, template: PyTree) -> Progress:
    """A run that has not taken a step yet."""
    slope = f(t0, arrays)
    h = first_step(f, t0, arrays, slope, method.order, span, tolerances, template)
    h = jnp.maximum(h, 2 * jnp.finfo(t0.dtype).eps * jnp.abs(t0))
    return at_start(t0, h, arrays, slope if method.tableau.first_same_as_last else None)


def at_start(t0, h, arrays: PyTree, slope: PyTree) -> Progress:
    """A run whose first step and slope are known; many side by side where there are many times."""
    zero = jnp.zeros(t0.shape, int)
    return Progress(t0, h, arrays, slope, jnp.zeros(t0.shape, jnp.float32), zero, zero)


def attempt(
    method: RungeKutta,
    f: Callable,
    run: Progress,
    target,
    tolerances: tuple,
    template: PyTree,
    alive=True,
    unit=1.0,
    lanes=False,
) -> tuple[Progress, Array]:
    """Try one step towards `target`, never past it; also gives the size that was tried.

    A run that is not `alive` stays where it is. `unit` is one; its derivative is that of the length of the save
    interval, so that forward mode, too, treats each step as a fixed fraction of its interval. With `lanes` the last
    axis of every array counts independent runs.

    The step is the proportional-integral rule `h <- 0.9 h r^(-0.85/q) r_last^(0.2/q)` with `r` the error over the
    tolerance; a step cut short by `target` does not shrink the following one. All after `r^2` is in single precision,
    which decides a step as well and is vectorised.

    References:
        Hairer, Wanner, Solving Ordinary Differential Equations II, section IV.2.
    """
    q = method.order
    remaining = target - run.t
    clipped = run.h * 1.001 >= remaining
    h = jax.lax.stop_gradient(jnp.where(clipped, remaining, run.h)) * unit
    arrays, k = method.stages(f, run.t, h, run.arrays, run.slope)
    error = times(h, weighted_sum(method.tableau.error, k))
    square = mean_square(error, run.arrays, arrays, tolerances, template, lanes)
    log_ratio = 0.5 * jnp.log(jnp.maximum(square, 1e-20).astype(jnp.float32))
    # many loops read whether lanes are accepted, and would each work it out
    accept = apart(lambda r, alive: (r <= 0) & alive, log_ratio, alive) if lanes else (log_ratio <= 0) & alive
    exponent = jnp.where(accept, (0.2 * run.log_ratio - 0.85 * log_ratio) / q, -log_ratio / q)
    factor = jnp.clip(SAFETY * jnp.exp(exponent), SHRINK, jnp.where(accept, GROW, 1.0))
    grown = h * jnp.where(jnp.isfinite(log_ratio), factor, SHRINK).astype(h.dtype)

    def pick(new, old):
        return jax.tree.map(lambda a, b: jnp.where(accept, a, b), new, old)

    return Progress(
        t=jnp.where(accept, jnp.where(clipped, target, run.t + h), run.t),
        h=jnp.where(accept & clipped, jnp.maximum(run.h, grown), jnp.where(alive, grown, run.h)),
        arrays=pick(arrays, run.arrays),
        slope=None if run.slope is None else pick(k[-1], run.slope),
        log_ratio=jnp.where(accept & ~clipped, jnp.maximum(log_ratio, -9.0), run.log_ratio),
        accepted=run.accepted + accept.astype(int),
        rejected=run.rejected + (~accept & alive).astype(int),
    ), h


def active(run: Progress, target, max_steps: int) -> Array:
    """Whether a run still has to move."""
    return (run.t < target) & (run.t + run.h > run.t) & (run.accepted + run.rejected < max_steps)


def failure(run: Progress, end) -> Array:
    """Why a run that no longer moves is not at its end; zero if it is."""
    return jnp.where(run.t < end, jnp.where(run.t + run.h > run.t, TOO_MANY_STEPS, STEP_TOO_SMALL), 0)


def through(
    method,
    system: tuple,
    run: Progress,
    knots: Array,
    tolerances,
    max_steps: int,
    record: Record | None = None,
    block=1,
    bar=None,
):
    """Run through the times `knots`, which are hit exactly; gives the run, the arrays at the knots, and the record."""
    equation, template, args = system
    f = vector_field(equation, template, args)

    def interval(carry, knot_and_index):
        target, index = knot_and_index
        length = target - carry[0].t
        frozen = jax.lax.stop_gradient(length)
        unit = jnp.where(frozen > 0, length / jnp.where(frozen > 0, frozen, 1.0), 1.0)

        def body(carry):
            run, record = carry
            moved, h = attempt(method, f, run, target, tolerances, template, unit=unit)
            if bar is not None and bar[0] is not None:
                token, t0, t1 = bar
                report(token, (run.t - t0) / (t1 - t0), (moved.t - t0) / (t1 - t0))
            if record is not None:
                n = run.accepted
                slot = jnp.where(n % block == 0, n // block, len(record.ts))
                states = jax.tree.map(lambda s, y: s.at[slot].set(y, mode="drop"), record.states, run.arrays)
                record = Record(
                    record.ts.at[n].set(run.t), record.hs.at[n].set(h), record.intervals.at[n].set(index), states
                )
            return moved, record

        run, record = jax.lax.while_loop(lambda c: active(c[0], target, max_steps), body, carry)
        return (run, record), run.arrays

    (run, record), saved = jax.lax.scan(interval, (run, record), (knots, jnp.arange(1, len(knots) + 1)))
    return run, saved, record


def integrate(method: RungeKutta, system: tuple, tolerances: tuple, max_steps: int, adjoint: Adjoint, token=None):
    """The arrays at the knots, and the counters, of an error-controlled run.

    `system` is `(equation, template, arrays, knots, args)` with the start as the first knot. The derivative is that of
    the map made of the accepted steps, each a fixed fraction of its save interval.
    """
    if isinstance(adjoint, Forward):
        return _integrate((method, system), tolerances, max_steps, token)
    if not isinstance(adjoint, (Checkpointed, Direct)):
        raise UnsupportedError(
            f"{type(adjoint).__name__} does not fit a run with error control by {type(method).__name__}: use "
            "adjoint=js.Checkpointed(), js.Direct() or js.Forward(); js.Reversible() goes with js.Leapfrog() and "
            "dt, js.Implicit() with js.steady_state."
        )
    block = 1 if isinstance(adjoint, Direct) else math.ceil(math.sqrt(max_steps))
    return _differentiable((method, system), tolerances, max_steps, block, token)


def _integrate(differentiable, tolerances, max_steps, token, record=None, block=1):
    method, (equation, template, arrays, knots, args) = differentiable
    f = vector_field(equation, template, args)
    # the choice of the first step is part of the frozen step sequence
    run = begin(method, f, knots[0], arrays, knots[-1] - knots[0], tolerances, template)
    run = run._replace(h=jax.lax.stop_gradient(run.h))
    run, saved, record = through(
        method,
        (equation, template, args),
        run,
        knots[1:],
        tolerances,
        max_steps,
        record,
        block,
        (token, knots[0], knots[-1]),
    )
    counters = (run.accepted, run.rejected, failure(run, knots[-1]), run.t)
    return (saved, counters) if record is None else ((saved, counters), record)


@eqx.filter_custom_vjp
def _differentiable(differentiable, tolerances, max_steps, block, token):
    return _integrate(differentiable, tolerances, max_steps, token)


@_differentiable.def_fwd
def _forward(perturbed, differentiable, tolerances, max_steps, block, token):
    arrays, knots = differentiable[1][2:4]
    slots = math.ceil(max_steps / block)
    record = Record(
        jnp.zeros(max_steps, knots.dtype),
        jnp.zeros(max_steps, knots.dtype),
        jnp.zeros(max_steps, int),
        jax.tree.map(lambda y: jnp.zeros((slots, *y.shape), y.dtype), arrays),
    )
    out, record = _integrate(differentiable, tolerances, max_steps, None, record, block)
    return out, (record, out[1][0])


@_differentiable.def_bwd
def _backward(residuals, cotangents, perturbed, differentiable, tolerances, max_steps, block, token):
    record, count = residuals
    method, (equation, template, arrays, knots, args) = differentiable
    fixed = (method, equation, template, args)
    saved_bar = jax.tree.map(
        lambda y, g: jnp.zeros((len(knots) - 1, *y.shape), y.dtype) if g is None else g, arrays, cotangents[0]
    )

    def step(inputs):
        (method, equation, template, args), t, h, y = inputs
        return method.stages(vector_field(equation, template, args), t, h, y)[0]

    def land(bar, pointer, interval):
        """Add the cotangents of all saves at the end of this interval, empty ones after it included."""

        def body(c):
            bar, k = c
            return jax.tree.map(lambda a, b: a + b[k - 1], bar, saved_bar), k - 1

        return jax.lax.while_loop(lambda c: c[1] >= interval, body, (bar, pointer))

    def pull(n, y, carry):
        bar, pointer, total, knots_bar = carry
        t, h, k = record.ts[n], record.hs[n], record.intervals[n]
        bar, pointer = land(bar, pointer, k)
        f, dt, dh, bar = pullback(step, (fixed, t, h, y), bar)
        length = knots[k] - knots[k - 1]
        share, start = h / length, (t - knots[k - 1]) / length
        knots_bar = knots_bar.at[k].add(share * dh + start * dt).at[k - 1].add((1 - start) * dt - share * dh)
        return bar, pointer, add(total, f), knots_bar

    def replay_block(carry):
        j, carry = carry
        first = j * block
        number = jnp.minimum(block, count - first)

        def store(i, c):
            states, y = c
            states = jax.tree.map(lambda s, a: s.at[i].set(a), states, y)
            return states, step((fixed, record.ts[first + i], record.hs[first + i], y))

        y = jax.tree.map(lambda s: s[j], record.states)
        states = jax.tree.map(lambda a: jnp.zeros((block, *a.shape), a.dtype), arrays)
        states, _ = jax.lax.fori_loop(0, number, store, (states, y))

        def back(i, c):
            m = number - 1 - i
            return pull(first + m, jax.tree.map(lambda s: s[m], states), c)

        return j - 1, jax.lax.fori_loop(0, number, back, carry)

    bar = jax.tree.map(jnp.zeros_like, arrays)
    carry = bar, jnp.asarray(len(knots) - 1), zeros_like_inexact(fixed), jnp.zeros_like(knots)
    last = (count - 1) // block
    _, (bar, pointer, total, knots_bar) = jax.lax.while_loop(lambda c: c[0] >= 0, replay_block, (last, carry))
    bar, _ = land(bar, pointer, 1)
    method_bar, equation_bar, template_bar, args_bar = total
    return method_bar, (equation_bar, template_bar, bar, knots_bar, args_bar)
