"""Fixed steps: one pure step, many steps, and the derivative through all of them."""

import operator
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .._core.errors import PrecisionError, UnsupportedError
from ..fields import has_stencils, pack, rings, unpack
from .adjoints import Adjoint, Checkpointed, Implicit, Loop, Reversible, add, pullback, zeros_like_inexact
from .methods.base import Method, check_derivative, time_dtype
from .watch.progress import report


def step_time(t0, n, dt) -> jax.Array:
    """The time at which step `n` starts."""
    return t0 + n.astype(dt.dtype) * dt


def march(
    method: Method, system: tuple, num_saves: int, every: int, adjoint: Adjoint, first=0, token=None
) -> tuple[PyTree, PyTree]:
    """The arrays after `num_saves * every` steps, and after each `every`.

    `system` is `(equation, template, arrays, t0, dt, args)`; step `n` starts at `t0 + (first + n) dt`.
    """
    if isinstance(adjoint, Reversible):
        return _reversible((method, system), (num_saves, every, first))
    if not isinstance(adjoint, Loop):
        raise UnsupportedError(
            f"{type(adjoint).__name__} differentiates a steady state, not a run through time: use js.steady_state, or "
            "adjoint=js.Checkpointed() here."
        )
    equation, template, arrays, t0, dt, args = system
    prepared = method.prepare(equation, template, dt, args)

    def body(y, n):
        if token is not None:
            done = (first + n).astype(float) / (num_saves * every)
            report(token, done, done + 1 / (num_saves * every))
        return method.step(prepared, equation, template, step_time(t0, first + n, dt), y, dt, args)

    return adjoint.trajectory(body, arrays, num_saves, every, rings(template) if has_stencils(template) else None)


def one_step(method: Method, equation, template, t, arrays, dt, args) -> PyTree:
    """A step with its coefficients computed on the spot."""
    return method.step(method.prepare(equation, template, dt, args), equation, template, t, arrays, dt, args)


@eqx.filter_custom_vjp
def _reversible(differentiable, counts):
    method, system = differentiable
    num_saves, every, first = counts
    return march(method, system, num_saves, every, Checkpointed(), first)


@_reversible.def_fwd
def _reversible_forward(perturbed, differentiable, counts):
    end, saved = _reversible(differentiable, counts)
    return (end, saved), end


@_reversible.def_bwd
def _reversible_backward(end, cotangents, perturbed, differentiable, counts):
    method, (equation, template, arrays, t0, dt, args) = differentiable
    num_saves, every, first = counts

    def filled(bar, lead):
        return jax.tree.map(lambda y, g: jnp.zeros((*lead, *y.shape), y.dtype) if g is None else g, arrays, bar)

    end_bar, saved_bar = filled(cotangents[0], ()), filled(cotangents[1], (num_saves,))
    fixed = (method, equation, template, args)

    def step(inputs):
        (method, equation, template, args), t0, dt, n, y = inputs
        return one_step(method, equation, template, step_time(t0, n, dt), y, dt, args)

    def back(carry, m):
        y, bar, total = carry
        bar = jax.tree.map(lambda a, b: jnp.where((m + 1) % every == 0, a + b[(m + 1) // every - 1], a), bar, saved_bar)
        n = first + m
        before = one_step(method, equation, template, step_time(t0, n + 1, dt), y, -dt, args)
        f, dt0, ddt, _, bar = pullback(step, (fixed, t0, dt, n, before), bar)
        return (before, bar, add(total, (f, dt0, ddt))), None

    total = zeros_like_inexact((fixed, t0, dt))
    (_, bar, total), _ = jax.lax.scan(back, (end, end_bar, total), jnp.arange(num_saves * every)[::-1])
    (method_bar, equation_bar, template_bar, args_bar), t0_bar, dt_bar = total
    return method_bar, (equation_bar, template_bar, bar, t0_bar, dt_bar, args_bar)


class Step(eqx.Module):
    """A pure step `state = step(state, args=None, t=0.0)`, made by `stepper`."""

    method: Method
    equation: Callable
    prepared: PyTree
    dt: jax.Array

    def __hash__(self):
        return id(self)

    def __eq__(self, other):
        return self is other

    def __call__(self, state: PyTree, args: Any = None, t=0.0) -> PyTree:
        """The state one step later."""
        t = jnp.asarray(t, self.dt.dtype)
        arrays = self.method.step(self.prepared, self.equation, state, t, unpack(state), self.dt, args)
        return pack(state, arrays, t + self.dt)


def stepper(equation: Callable, state: PyTree, dt, method: Method | None = None, args: Any = None) -> Step:
    """A pure function that moves a state by one step.

    Args:
        equation: the law, or a plain function `f(t, state, args)`.
        state: a state like those that will be moved; it decides the method and its coefficients.
        dt: the step.
        method: a fixed-step method; the default is that of `simulate` with `dt`.
        args: arguments like those that the step will be given, for the law to be looked at before; a law that cannot do
            without is looked at by the first step.

    Returns:
        `step(state, args=None, t=0.0) -> state`, to be jitted, vmapped or differentiated as one likes.

    Raises:
        UnsupportedError: the method asks for a contract that the equation lacks.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> step = js.stepper(lambda t, u, args: -u, jnp.array(1.0), dt=0.1, method=js.RK4())
        >>> round(float(step(jnp.array(1.0))), 4)
        0.9048
    """
    from .choice import as_arrays, check_dt, choose_fixed

    state = as_arrays(state)
    method = choose_fixed(equation, state, method)
    dtype = time_dtype(unpack(state))
    dt = jnp.asarray(check_dt(dt), dtype)
    method.check(equation, state)
    try:
        check_derivative(equation, state, jnp.zeros((), dtype), args)
    except (AttributeError, KeyError, TypeError) as error:
        if args is not None or isinstance(error, PrecisionError):
            raise
    return Step(method, equation, method.prepare(equation, state, dt, args), dt)


@eqx.filter_jit
def _rollout(step, state, num_saves, every, args, adjoint):
    # a Step keeps its prepared coefficients; any other function is moved as it is, as a state of its own
    if isinstance(step, Step):
        arrays = unpack(state)

        def body(y, n):
            return unpack(step(pack(state, y), args, n.astype(step.dt.dtype) * step.dt))
    else:
        arrays, fixed = eqx.partition(state, eqx.is_array)

        def body(y, n):
            moved = step(eqx.combine(y, fixed)) if args is None else step(eqx.combine(y, fixed), args)
            return eqx.filter(moved, eqx.is_array)

    _, saved = adjoint.trajectory(body, arrays, num_saves, every)
    if isinstance(step, Step):
        return pack(state, saved, _saved_times(step, num_saves, every))
    return eqx.combine(saved, fixed)


def rollout(
    step: Callable,
    state: PyTree,
    num_steps: int,
    save_every: int | None = None,
    args: Any = None,
    adjoint: Adjoint | None = None,
) -> PyTree:
    """Apply a step many times; gives the states after each `save_every` steps, stacked along a leading time axis.

    Args:
        step: a step made by `stepper`, or any pure `step(state)` or `step(state, args)`, a trained surrogate for
        instance.
        state: where to start.
        num_steps: how many steps.
        save_every: steps between saved states; the default saves the last one only.
        args: passed on to the step, the same at every step.
        adjoint: what reverse mode stores; `Checkpointed()` by default.

    Returns:
        The saved states; each array has a leading axis of length `num_steps / save_every`.

    Raises:
        ValueError: `save_every` does not divide `num_steps`.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> step = js.stepper(lambda t, u, args: -u, jnp.array(1.0), dt=0.1, method=js.RK4())
        >>> js.rollout(step, jnp.array(1.0), 10, save_every=5).shape
        (2,)
    """
    from .choice import as_arrays

    num_steps = operator.index(num_steps)
    every = num_steps if save_every is None else operator.index(save_every)
    if num_steps < 1 or every < 1 or num_steps % every:
        raise ValueError(
            f"num_steps={num_steps} with save_every={save_every}: both must be positive and save_every must divide "
            "num_steps."
        )
    adjoint = Checkpointed() if adjoint is None else adjoint
    if isinstance(adjoint, Reversible):
        return _rollout_reversible(step, as_arrays(state), num_steps // every, every, args)
    if isinstance(adjoint, Implicit):
        raise UnsupportedError(
            "Implicit() differentiates a steady state: use js.steady_state, or adjoint=js.Checkpointed() here."
        )
    return _rollout(step, as_arrays(state), num_steps // every, every, args, adjoint)


@eqx.filter_jit
def _rollout_reversible(step, state, num_saves, every, args):
    method = getattr(step, "method", None)
    if method is None or not method.reversible:
        raise UnsupportedError(_irreversible(method if method is not None else step))
    system = (step.equation, state, unpack(state), jnp.zeros_like(step.dt), step.dt, args)
    saved = march(method, system, num_saves, every, Reversible())[1]
    return pack(state, saved, _saved_times(step, num_saves, every))


def _saved_times(step: Step, num_saves: int, every: int) -> jax.Array:
    return every * step.dt * (1 + jnp.arange(num_saves, dtype=step.dt.dtype))


def _irreversible(method) -> str:
    return (
        f"adjoint=js.Reversible() runs time backwards, which {type(method).__name__} cannot do without losing the "
        "solution: use it with js.Leapfrog(), js.Yoshida4() or a js.Strang() of such, or use "
        "adjoint=js.Checkpointed()."
    )


def check_reversible(method: Method) -> None:
    """Raise for a method that cannot run backwards stably."""
    if not method.reversible:
        raise UnsupportedError(_irreversible(method))
