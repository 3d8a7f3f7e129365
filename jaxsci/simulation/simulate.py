"""The front door: an equation and a state go in, a solution comes out."""

import math
import operator
from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._core.errors import UnsupportedError
from ..equations.base import StochasticEquation
from ..fields import pack, unpack
from . import adaptive
from .adjoints import Adjoint, Checkpointed, Reversible
from .base import Method, check_derivative, time_dtype
from .choice import as_arguments, as_arrays, check_dt, check_times, choose, is_traced, number, with_closure
from .delegate import as_diffrax, integrate_by_diffrax
from .failure import check_start, explain
from .progress import Bar
from .rollout import check_reversible, march
from .segments import in_segments
from .solution import Solution


class Plan(eqx.Module):
    """What is decided before a run is traced: the method, and when it saves."""

    method: Any
    adjoint: Adjoint
    indices: tuple[int, ...] | None = eqx.field(static=True)
    num_steps: int | None = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    options: dict = eqx.field(static=True)


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
    atol: float = 1e-9,
    max_steps: int = 65536,
    event: Callable | diffrax.Event | None = None,
    store: Any = None,
    key=None,
) -> Solution:
    r"""Move a state through time by its law.

    .. math:: \frac{du}{dt} = F(t, u, \mathrm{args}), \qquad u(t_0) = u_0.

    With `dt` the run has `(t1 - t0) / dt` equal steps, rounded up, so the last one ends at `t1`. Without `dt` the method
    chooses its steps so that the error of each is below `atol + rtol |u|`. The method follows from the law and its storage
    where none is given: ETDRK4 for semilinear laws in Fourier modes with `dt`, leapfrog for Hamiltonian systems with `dt`,
    an implicit solver of diffrax for laws that call themselves stiff, Euler-Maruyama for stochastic ones (`dt` and `key`
    needed), else RK4 with `dt` and Tsitouras' 5(4) pair without. Everything is differentiable: coefficients, state, boundary
    values, arguments and times.

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
        atol: absolute error allowed a step, for runs without `dt`.
        max_steps: where a run without `dt` gives up; reverse mode stores up to twice its square root states.
        event: `event(t, state, args)`, whose first zero ends the run, or a `diffrax.Event`.
        store: an object that keeps states while the run goes on, so that it can be resumed: see `simulation.progress`.
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
    state, args = as_arrays(state), as_arguments(args)
    check_times(t0, t1)
    dtype = time_dtype(unpack(state))
    equation = with_closure(equation, state, args, dtype)
    method = choose(equation, state, method, dt is not None)
    method = _engine(method, equation, dt, event, save_at, key)
    adjoint = Checkpointed() if adjoint is None else adjoint
    if isinstance(adjoint, Reversible) and isinstance(method, Method) and dt is not None:
        check_reversible(method)
    times, indices, num_steps = schedule(
        t0, t1, None if dt is None else check_dt(dt), save_at, isinstance(method, Method), dtype
    )
    options = {"event": event, "progress": progress, "dense": save_at if isinstance(save_at, diffrax.SaveAt) else None}
    limit = operator.index(max_steps)
    if dt is not None and None not in (ends := (number(t1 - t0, "t1 - t0"), number(dt, "dt"))):
        limit = math.ceil(ends[0] / ends[1]) + 2
    plan = Plan(method, adjoint, indices, num_steps, limit, options)
    clocks = tuple(None if x is None else jnp.asarray(x, dtype) for x in (t0, t1, dt, times))
    tolerances = jnp.asarray(rtol, dtype), jnp.asarray(atol, dtype)
    inputs = (equation, state, args, clocks, tolerances, key)
    if is_traced((inputs, method)):
        return _run(plan, inputs, None)
    check_start(inputs)
    if store is not None:
        solution = in_segments(plan, inputs, store)
    elif progress and isinstance(method, Method):
        bar = Bar(type(equation).__name__)
        solution = jax.block_until_ready(_run(plan, inputs, jnp.asarray(bar.token)))
        jax.effects_barrier()
        bar.close(bool(solution.ok))
    else:
        solution = _run(plan, inputs, None)
    if not bool(solution.ok):
        explain(plan, inputs, solution)
    return solution


def _engine(method, equation, dt, event, save_at, key):
    """The method, handed to diffrax where only diffrax can do what is asked."""
    if event is not None or isinstance(save_at, diffrax.SaveAt):
        return as_diffrax(method)
    if isinstance(equation, StochasticEquation) and (dt is None or key is None):
        missing = " and ".join(name for name, value in (("dt", dt), ("key", key)) if value is None)
        raise UnsupportedError(
            f"{type(equation).__name__} is a StochasticEquation, and a noisy path needs a step and a random key; missing: {missing}. "
            "Write js.simulate(equation, state, t1, dt=1e-3, key=jax.random.key(0))."
        )
    return method


def schedule(t0, t1, dt, save_at, ours: bool, dtype):
    """Saved times, and for fixed steps of this library the step indices of the saves and the number of steps."""
    if isinstance(save_at, diffrax.SaveAt):
        return None, None, None
    count = None
    if save_at is not None and np.ndim(save_at) == 0:
        try:
            count = operator.index(save_at)
        except TypeError as error:
            raise TypeError(f"save_at={save_at!r}: give a number of saves (an int), or an array of times.") from error
        if count < 1:
            raise ValueError(
                f"save_at={count}: at least one state must be saved, or leave it out for the last one only."
            )
    if save_at is not None and count is None and not isinstance(save_at, jax.core.Tracer):
        wanted = np.asarray(save_at, float)
        ends = number(t0, "t0"), number(t1, "t1")
        inside = None in ends or (wanted.min() >= ends[0] - 1e-12 and wanted.max() <= ends[1] * (1 + 1e-12) + 1e-12)
        if wanted.ndim != 1 or not np.all(np.diff(wanted) > 0) or not inside:
            raise ValueError(f"save_at must be increasing times between t0={t0} and t1={t1}, got {wanted}.")
    if dt is None or not ours:
        if count is not None:
            return _spread(t0, t1, np.arange(1, count + 1) / count, dtype), None, None
        return (_spread(t0, t1, np.ones(1), dtype) if save_at is None else save_at), None, None
    return (None, *_fixed_schedule(t0, t1, dt, count, save_at))


def _spread(t0, t1, fractions, dtype):
    a, b = number(t0, "t0"), number(t1, "t1")
    if a is None or b is None or is_traced((t0, t1)):
        a, b, fractions = jnp.asarray(t0, dtype), jnp.asarray(t1, dtype), jnp.asarray(fractions, dtype)
    return a + (b - a) * fractions


def _fixed_schedule(t0, t1, dt, count, save_at):
    span, step = number(t1 - t0, "t1 - t0"), number(dt, "dt")
    if span is None or step is None:
        raise TypeError(
            "under jit the number of steps cannot depend on traced times: keep t0, t1 and dt Python numbers, or make a step with "
            "js.stepper(equation, state, dt) and apply it with js.rollout(step, state, num_steps)."
        )
    num_steps = max(1, math.ceil(span / step * (1 - 1e-9) - 1e-9))
    if count is not None:
        every = math.ceil(num_steps / count)
        return tuple(every * k for k in range(1, count + 1)), every * count
    if save_at is None:
        return (num_steps,), num_steps
    if isinstance(save_at, jax.core.Tracer):
        raise TypeError(
            "with dt the saved times cannot be traced: give them as numbers, or leave dt out (error control hits any time)."
        )
    places = (np.asarray(save_at, float) - float(t0)) / (span / num_steps)
    indices = np.rint(places)
    if np.abs(places - indices).max() > 1e-5 * max(1.0, num_steps**0.5):
        worst = np.asarray(save_at)[np.argmax(np.abs(places - indices))]
        raise ValueError(
            f"save_at holds the time {worst}, which is not on a step of dt={span / num_steps:.6g}: choose dt that divides the saved "
            "times, or leave dt out (error control hits any time exactly)."
        )
    return tuple(int(i) for i in indices), num_steps


@eqx.filter_jit
def _run(plan: Plan, inputs, token) -> Solution:
    """One traced run."""
    equation, state, args, (t0, t1, dt, times), tolerances, key = inputs
    check_derivative(equation, state, t0, args)
    name = type(plan.method).__name__ if getattr(plan.method, "name", None) is None else plan.method.name
    if not isinstance(plan.method, Method):
        return _by_diffrax(plan, inputs, name)
    arrays = unpack(state)
    if plan.num_steps is not None:
        h = (t1 - t0) / plan.num_steps
        every = math.gcd(plan.num_steps, *plan.indices)
        system = (equation, state, arrays, t0, h, args)
        end, saved = march(plan.method, system, plan.num_steps // every, every, plan.adjoint, token=token)
        picks = np.array(plan.indices) // every - 1
        if len(picks) != plan.num_steps // every:
            if picks[0] < 0:
                saved, picks = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), arrays, saved), picks + 1
            saved = jax.tree.map(lambda a: a[picks], saved)
        ts = t0 + jnp.asarray(plan.indices, h.dtype) * h
        stats = {"steps": jnp.asarray(plan.num_steps)}
        return _solution(state, ts, saved, end, stats, jnp.asarray(True), name)
    knots = jnp.concatenate([t0[None], times, t1[None]])
    saved, counters = adaptive.integrate(
        plan.method, (equation, state, arrays, knots, args), tolerances, plan.max_steps, plan.adjoint, token
    )
    accepted, rejected, failure, reached = counters
    stats = {"steps": accepted, "rejected": rejected, "failure": failure, "reached": reached}
    end = jax.tree.map(lambda a: a[-1], saved)
    return _solution(state, times, jax.tree.map(lambda a: a[:-1], saved), end, stats, failure == 0, name)


def _solution(state, ts, saved, end, stats, ok, name, dense=None) -> Solution:
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(end)]
    return Solution(ts, pack(state, saved), pack(state, end), stats, jnp.all(jnp.stack([ok, *finite])), name, dense)


def _by_diffrax(plan, inputs, name) -> Solution:
    equation, state, args, (t0, t1, dt, times), tolerances, key = inputs
    plain = plan.options["dense"] is None
    knots = jnp.concatenate([t0[None], t1[None] if times is None else times, t1[None]])
    options = {
        "key": key,
        "save_at": plan.options["dense"],
        "event": plan.options["event"],
        "adjoint": plan.adjoint,
        "max_steps": plan.max_steps,
        "progress": plan.options["progress"],
    }
    result = integrate_by_diffrax(plan.method, (equation, state, args), knots, dt, tolerances, options)
    stats = {
        "steps": result.stats["num_accepted_steps"],
        "rejected": result.stats["num_rejected_steps"],
        "failure": jnp.asarray(0),
        "reached": t1 if result.ts is None else result.ts[-1],
    }
    ok = diffrax.is_okay(result.result)
    if result.ys is None:
        end = result.evaluate(t1)
        return _solution(state, None, None, end, stats, ok, name, result)
    end = jax.tree.map(lambda a: a[-1], result.ys)
    extra = plain and plan.options["event"] is None
    ts, saved = (result.ts[:-1], jax.tree.map(lambda a: a[:-1], result.ys)) if extra else (result.ts, result.ys)
    return _solution(state, ts, saved, end, stats, ok, name, result if not plain else None)
