"""The front door: an equation and a state go in, a solution comes out."""

import math
from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from .._core.memory import can_choose_loops, for_rings, for_stencils
from .._core.tracing import is_traced
from ..fields import has_near_stencils, has_stencils, pack, unpack
from . import adaptive
from .adjoints import Adjoint
from .delegate import integrate_by_diffrax
from .methods.base import Method, check_derivative
from .planning import Plan, plan_run
from .rollout import march
from .solution import Solution, slice_states
from .watch.failure import check_start, explain
from .watch.progress import Bar
from .watch.segments import in_segments


def simulate(
    equation: Callable,
    state: PyTree,
    t1,
    dt=None,
    *,
    t0=0.0,
    save_at=None,
    args: Any = None,
    method: Method | diffrax.AbstractSolver | None = None,
    adjoint: Adjoint | None = None,
    progress: bool = False,
    rtol: float = 1e-6,
    atol: float | None = None,
    max_steps: int = 65536,
    event: Callable | diffrax.Event | None = None,
    store: Any = None,
    key=None,
) -> Solution:
    r"""Move a state through time by its law.

    .. math:: \frac{du}{dt} = F(t, u, \mathrm{args}), \qquad u(t_0) = u_0.

    With `dt` the run has `(t1 - t0) / dt` equal steps, rounded up, so the last one ends at `t1`. Without `dt` the
    method chooses its steps so that the error of each is below `atol + rtol |u|`. The method follows from the law and
    its storage where none is given: ETDRK4 for semilinear laws in Fourier modes with `dt`, leapfrog for Hamiltonian
    systems with `dt`, an implicit solver of diffrax for laws that call themselves stiff, Euler-Maruyama for stochastic
    ones (`dt` and `key` needed), else RK4 with `dt` and Tsitouras' 5(4) pair without. Everything is differentiable:
    coefficients, state, boundary values, arguments and times.

    Args:
        equation: the law; a plain function `f(t, state, args)` works too.
        state: a Field, an array, or a container of them.
        t1: the end.
        dt: the step; None lets the method choose.
        t0: the beginning.
        save_at: None (the end only), how many equally spaced times, `t1` the last of them, an array of times, or a
            `diffrax.SaveAt`.
        args: passed on to the equation: inputs, controls, anything.
        method: a method of this library or any diffrax solver.
        adjoint: what reverse mode stores; `Checkpointed()` by default.
        progress: show a progress bar.
        rtol: relative error allowed a step, for runs without `dt`.
        atol: absolute error allowed a step, for runs without `dt`; by default 1e-9, or a thousandth of `rtol` where
            that is less.
        max_steps: where a run without `dt` gives up; reverse mode stores up to twice its square root states.
        event: `event(t, state, args)`, whose first zero ends the run, or a `diffrax.Event`. Saves after it are left
            out; under `jit` their times are infinite.
        store: an object that keeps states while the run goes on, so that it can be resumed, as
            `js.data.ZarrStore(path)`.
        key: random key, for stochastic equations.

    Returns:
        The solution. Under `jit`, `vmap` or `grad`, look at `solution.ok`.

    Raises:
        SimulationError: the state became non-finite or the steps ran out; says when, where and why.
        ValueError: times or steps that do not fit together.
        TypeError: a state that cannot move, or something that is not a method.
        UnsupportedError: the method asks for a contract or a storage that is not there.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> solution = js.simulate(lambda t, u, args: -u, jnp.array(1.0), t1=1.0, save_at=2)
        >>> [round(float(u), 5) for u in solution.states]
        [0.60653, 0.36788]
    """
    plan, inputs = plan_run(
        equation, state, t0, t1, dt, save_at=save_at, args=args, method=method, adjoint=adjoint, rtol=rtol, atol=atol,
        max_steps=max_steps, event=event, progress=progress, key=key,
    )  # fmt: skip
    traced = is_traced((inputs, plan.method))
    return _with_states(_run(plan, inputs, None) if traced else _reached(_watched(plan, inputs, store, progress)))


def _with_states(solution: Solution) -> Solution:
    """The end as the one saved state, of a run that gave back nothing else: two results of a program cost a copy that
    is dearer than this one.
    """
    if solution.states is not None or solution.ts is None:
        return solution
    states = pack(solution.final, jax.tree.map(lambda a: a[None], unpack(solution.final)), solution.ts)
    return eqx.tree_at(lambda s: s.states, solution, states, is_leaf=lambda node: node is None)


def _reached(solution: Solution) -> Solution:
    """Without the places of times that the run did not come to, since an event ended it or it took fewer steps."""
    if solution.ts is None or np.isfinite(solution.ts).all():
        return solution
    count = int(np.isfinite(solution.ts).sum())
    states = slice_states(solution.states, slice(0, count))
    return eqx.tree_at(lambda s: (s.ts, s.states), solution, (solution.ts[:count], states))


def _watched(plan: Plan, inputs: tuple, store, progress: bool) -> Solution:
    """A run outside any transformation: with a bar, a store, and an explanation where it fails."""
    check_start(inputs)
    run = _way(inputs[1])
    if store is not None:
        solution = in_segments(plan, inputs, store)
    elif progress and isinstance(plan.method, Method):
        bar = Bar(type(inputs[0]).__name__)
        solution = jax.block_until_ready(run(plan, inputs, jnp.asarray(bar.token)))
        jax.effects_barrier()
        bar.close(bool(solution.ok))
    else:
        solution = run(plan, inputs, None)
    if not bool(solution.ok):
        explain(plan, inputs, solution)
    return solution


def _way(state) -> Callable:
    """How a run outside any transformation is compiled: derivatives are not asked for, so that stencils may read
    neighbours in the way that suits the program forwards.
    """
    if not has_stencils(state) or jax.default_backend() != "cpu":
        return _run
    return _run_stencils if has_near_stencils(state) and can_choose_loops() else _run_rings


def _solved(plan: Plan, inputs, token) -> Solution:
    """One traced run."""
    equation, state, args, (t0, t1, dt, times), tolerances, key = inputs
    check_derivative(equation, state, t0, args)
    name = type(plan.method).__name__ if getattr(plan.method, "name", None) is None else plan.method.name
    if not isinstance(plan.method, Method):
        return _by_diffrax(plan, inputs, name)
    arrays = unpack(state)
    if plan.num_steps is not None and plan.indices is not None:
        h = (t1 - t0) / plan.num_steps
        every = math.gcd(plan.num_steps, *plan.indices)
        system = (equation, state, arrays, t0, h, args)
        end, saved = march(plan.method, system, plan.num_steps // every, every, plan.adjoint, token=token)
        stats = {"steps": jnp.asarray(plan.num_steps)}
        if plan.indices == (plan.num_steps,):
            return _solution(state, (t1[None], t1), None, end, stats, jnp.asarray(True), name)
        picks = np.array(plan.indices) // every - 1
        if not np.array_equal(picks, np.arange(plan.num_steps // every)):
            if picks[0] < 0:
                saved, picks = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), arrays, saved), picks + 1
            saved = jax.tree.map(lambda a: a[picks], saved)
        ts = t0 + jnp.asarray(plan.indices, h.dtype) * h
        return _solution(state, (ts, t1), saved, end, stats, jnp.asarray(True), name)
    knots = jnp.concatenate([t0[None], times, t1[None]])
    saved, counters = adaptive.integrate(
        plan.method, (equation, state, arrays, knots, args), tolerances, plan.max_steps, plan.adjoint, token
    )
    accepted, rejected, failure, reached = counters
    stats = {"steps": accepted, "rejected": rejected, "failure": failure, "reached": reached}
    end = jax.tree.map(lambda a: a[-1], saved)
    saved = jax.tree.map(lambda a: a[:-1], saved)
    return _solution(state, (times, reached), saved, end, stats, failure == 0, name)


_run, _run_stencils, _run_rings = eqx.filter_jit(_solved), for_stencils(_solved), for_rings(_solved)


def _solution(state, times, saved, end, stats, ok, name, dense=None) -> Solution:
    ts, last = times
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(end)]
    states, final = None if saved is None else pack(state, saved, ts), pack(state, end, last)
    return Solution(ts, states, final, stats, jnp.all(jnp.stack([ok, *finite])), name, dense)


def _by_diffrax(plan, inputs, name) -> Solution:
    equation, state, args, (t0, t1, dt, times), tolerances, key = inputs
    wanted = plan.save_at
    options = {
        "key": key,
        "save_at": diffrax.SaveAt(ts=times) if wanted is None else wanted,
        "event": plan.options["event"],
        "adjoint": plan.adjoint,
        "max_steps": plan.max_steps,
        "progress": plan.options["progress"],
    }
    result, (ts, saved), (reached, end) = integrate_by_diffrax(
        plan.method, (equation, state, args), (t0, t1, dt), tolerances, options
    )
    stats = {
        "steps": result.stats["num_accepted_steps"],
        "rejected": result.stats["num_rejected_steps"],
        "failure": _failure(result.result),
        "reached": reached,
    }
    dense = None if wanted is None else result
    return _solution(state, (ts, reached), saved, end, stats, diffrax.is_okay(result.result), name, dense)


def _failure(result: diffrax.RESULTS) -> Array:
    """Why diffrax ended a run before its end; zero if it did not."""
    too_many = result == diffrax.RESULTS.max_steps_reached
    return jnp.where(diffrax.is_okay(result), 0, jnp.where(too_many, adaptive.TOO_MANY_STEPS, adaptive.NOT_SOLVED))
