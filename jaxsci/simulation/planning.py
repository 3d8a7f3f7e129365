"""What is decided before a run is traced: the method, the steps, and when it saves."""

import functools
import math
import operator
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._core.errors import UnsupportedError
from .._core.tracing import is_traced
from ..equations.base import StochasticEquation
from ..fields import unpack
from .adjoints import Adjoint, Checkpointed, Reversible
from .choice import (
    as_arguments,
    as_arrays,
    check_dt,
    check_times,
    check_tolerances,
    choose,
    number,
)
from .closures import closed, with_closed_walls, with_closure
from .delegate import as_diffrax
from .methods.base import Method, time_dtype
from .rollout import check_reversible


class Plan(eqx.Module):
    """What is decided before a run is traced: the method, and when it saves."""

    method: Any
    adjoint: Adjoint
    save_at: diffrax.SaveAt | None
    fixed: bool = eqx.field(static=True)
    indices: tuple[int, ...] | None = eqx.field(static=True)
    num_steps: int | None = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    options: dict = eqx.field(static=True)


def plan_run(
    equation, state, t0, t1, dt, *, save_at, args, method, adjoint, rtol, atol, max_steps, event, progress, key
) -> tuple[Plan, tuple]:
    """The plan of a run, and its inputs `(equation, state, args, clocks, tolerances, key)` as arrays."""
    state, args = as_arrays(state), as_arguments(args)
    check_times(t0, t1)
    dtype = time_dtype(unpack(state))
    state = with_closed_walls(state, dtype)
    equation = with_closure(equation, state, args, dtype)
    method = choose(equation, state, method, dt is not None, event is not None)
    method = _engine(method, equation, dt, event, save_at, key)
    if dt is None and isinstance(method, Method):
        equation, args = closed(equation, state, args, dtype)
    rtol, atol = check_tolerances(rtol, atol)
    adjoint = Checkpointed() if adjoint is None else adjoint
    if isinstance(adjoint, Reversible) and isinstance(method, Method) and dt is not None:
        check_reversible(method)
    times, indices, num_steps = schedule(
        t0, t1, None if dt is None else check_dt(dt), save_at, isinstance(method, Method), dtype
    )
    if event is not None and save_at is None:
        save_at = diffrax.SaveAt(t1=True)
    options = {"event": event, "progress": progress}
    limit = operator.index(max_steps)
    if dt is not None and None not in (ends := (number(t1 - t0, "t1 - t0"), number(dt, "dt"))):
        limit = math.ceil(ends[0] / ends[1]) + 2
    wanted = save_at if isinstance(save_at, diffrax.SaveAt) else None
    plan = Plan(method, adjoint, wanted, dt is not None, indices, num_steps, limit, options)
    clocks, tolerances = _of_type(dtype, ((t0, t1, dt, None if times is None else jnp.asarray(times)), (rtol, atol)))
    return plan, (equation, state, args, clocks, tolerances, key)


@functools.partial(jax.jit, static_argnums=0)
def _of_type(dtype, numbers: PyTree) -> PyTree:
    """The numbers as arrays, by one call where each would cost one."""
    return jax.tree.map(lambda x: jnp.asarray(x, dtype), numbers)


def _engine(method, equation, dt, event, save_at, key):
    """The method, handed to diffrax where only diffrax can do what is asked."""
    if event is not None or isinstance(save_at, diffrax.SaveAt):
        return as_diffrax(method)
    if isinstance(equation, StochasticEquation) and (dt is None or key is None):
        missing = " and ".join(name for name, value in (("dt", dt), ("key", key)) if value is None)
        raise UnsupportedError(
            f"{type(equation).__name__} is a StochasticEquation, and a noisy path needs a step and a random key; "
            f"missing: {missing}. Write js.simulate(equation, state, t1, dt=1e-3, key=jax.random.key(0))."
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
        save_at = _within(save_at, t0, t1)
    if dt is None or not ours:
        if count is not None:
            return _spread(t0, t1, np.arange(1, count + 1) / count, dtype), None, None
        return (_spread(t0, t1, np.ones(1), dtype) if save_at is None else save_at), None, None
    return (None, *_fixed_schedule(t0, t1, dt, count, save_at))


def _within(save_at, t0, t1) -> np.ndarray:
    """Saved times, after checking that they increase from t0 to t1, within the rounding errors of their type."""
    given = np.asarray(save_at)
    wanted = given.astype(float)
    a, b = number(t0, "t0"), number(t1, "t1")
    if wanted.ndim == 1 and wanted.size and np.all(np.diff(wanted) > 0):
        if a is None or b is None:
            return wanted
        rounding = 4 * np.finfo(given.dtype if given.dtype.kind == "f" else float).eps * max(abs(a), abs(b), b - a)
        if wanted[0] >= a - rounding and wanted[-1] <= b + rounding:
            return np.clip(wanted, a, b)
    raise ValueError(f"save_at must be increasing times between t0={t0} and t1={t1}, got {wanted}.")


def _spread(t0, t1, fractions, dtype):
    """Times between t0 and t1, which the last one is to the last digit."""
    a, b = number(t0, "t0"), number(t1, "t1")
    if a is None or b is None or is_traced((t0, t1)):
        a, b, fractions = jnp.asarray(t0, dtype), jnp.asarray(t1, dtype), jnp.asarray(fractions, dtype)
    return a * (1 - fractions) + b * fractions


def _fixed_schedule(t0, t1, dt, count, save_at):
    span, step = number(t1 - t0, "t1 - t0"), number(dt, "dt")
    if span is None or step is None:
        raise TypeError(
            "under jit the number of steps cannot depend on traced times: keep t0, t1 and dt Python numbers, or "
            "make a step with js.stepper(equation, state, dt) and apply it with js.rollout(step, state, num_steps)."
        )
    num_steps = max(1, math.ceil(span / step * (1 - 1e-9) - 1e-9))
    if count is not None:
        every = math.ceil(num_steps / count)
        return tuple(every * k for k in range(1, count + 1)), every * count
    if save_at is None:
        return (num_steps,), num_steps
    if isinstance(save_at, jax.core.Tracer):
        raise TypeError(
            "with dt the saved times cannot be traced: give them as numbers, or leave dt out (error control hits any "
            "time)."
        )
    places = (np.asarray(save_at, float) - float(t0)) / (span / num_steps)
    indices = np.rint(places)
    if np.abs(places - indices).max() > 1e-5 * max(1.0, num_steps**0.5):
        worst = np.asarray(save_at)[np.argmax(np.abs(places - indices))]
        raise ValueError(
            f"save_at holds the time {worst}, which is not on a step of dt={span / num_steps:.6g}: choose dt that "
            "divides the saved times, or leave dt out (error control hits any time exactly)."
        )
    return tuple(int(i) for i in indices), num_steps
