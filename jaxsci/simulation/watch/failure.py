"""Why a run stopped, in words: when, in which part of the state, and what to do about it."""

from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ..._core.errors import SimulationError, StabilityError
from ...equations.base import Equation, SemilinearEquation
from ...fields import is_field, unpack
from ..adaptive import NOT_SOLVED, STEP_TOO_SMALL, TOO_MANY_STEPS
from ..choice import is_spectral
from ..methods.base import Method, time_dtype, vector_field
from ..methods.runge_kutta import RungeKutta
from ..methods.stability import largest_stable_step
from ..rollout import step_time


def bad_parts(state: PyTree) -> list[str]:
    """Names of the parts of a state that hold a number that is not finite."""
    parts = jax.tree_util.tree_leaves_with_path(state, is_leaf=is_field)
    return [
        f"state{jax.tree_util.keystr(path)}" + (" (a field)" if is_field(u) else "")
        for path, u in parts
        if not all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(unpack(u)))
    ]


@eqx.filter_jit
def _initial(inputs):
    equation, state, args, (t0, *_), _, _ = inputs
    slope = vector_field(equation, state, args)(t0, unpack(state))
    return [jnp.all(jnp.isfinite(leaf)) for tree in (unpack(state), slope) for leaf in jax.tree.leaves(tree)]


def check_start(inputs: tuple) -> None:
    """Raise when the initial state, or its time derivative, is not finite, or the law refuses to start there."""
    equation, state = inputs[:2]
    if all(bool(flag) for flag in _initial(inputs)):
        if isinstance(equation, Equation):
            equation.check_start(state)
        return
    bad = bad_parts(state)
    if bad:
        raise SimulationError(
            f"the initial {', '.join(bad)} holds a number that is not finite: look at where it is made."
        )
    raise SimulationError(
        f"{getattr(equation, '__name__', type(equation).__name__)} gives a time derivative that is not finite at the "
        "initial state: look for a division by zero, a root or logarithm of a negative number, or a coefficient "
        "that is not finite."
    )


@eqx.filter_jit
def _locate(plan, inputs):
    """Run fixed steps again until a number is not finite; gives the number of steps done and the arrays."""
    equation, state, args, (t0, t1, _, _), _, _ = inputs
    h = (t1 - t0) / plan.num_steps
    prepared = plan.method.prepare(equation, state, h, args)

    def finite(carry):
        n, arrays = carry
        return (n < plan.num_steps) & jnp.all(
            jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(arrays)])
        )

    def body(carry):
        n, y = carry
        return n + 1, plan.method.step(prepared, equation, state, step_time(t0, n, h), y, h, args)

    return jax.lax.while_loop(finite, body, (jnp.asarray(0), unpack(state)))


def explain(plan: Any, inputs: tuple, solution: Any) -> None:
    """Raise the `SimulationError` of a run that did not end well."""
    equation, state, _, (t0, t1, _, _), _, _ = inputs
    name = solution.method
    bad = ", ".join(bad_parts(solution.final)) or "the state"
    if plan.num_steps is not None and isinstance(plan.method, Method):
        steps, _ = _locate(plan, inputs)
        h = (float(t1) - float(t0)) / plan.num_steps
        story = (
            f"{bad} became non-finite at t = {float(t0) + int(steps) * h:.6g} (step {int(steps)} of "
            f"{plan.num_steps}, {name}, dt = {h:.6g}). "
        )
        if isinstance(plan.method, RungeKutta):
            try:
                rate, stable = largest_stable_step(plan.method, inputs)
            except TypeError:  # a law with a backward derivative of its own has no forward one
                rate, stable = np.nan, np.inf
            if h > stable:
                raise StabilityError(
                    f"{story}The step is beyond the stability limit (CFL number, stiffness): the fastest mode of the "
                    f"law has rate {rate:.3g}, and {name} is stable up to dt = {stable:.2g}. Use a smaller dt, leave "
                    "it out for error control, or use an implicit method such as "
                    f"method=diffrax.Kvaerno5(){_semilinear(equation, state)}."
                )
        raise SimulationError(story + _cause(plan.method, equation, state, h))
    reached, failure = float(np.asarray(solution.stats["reached"])), int(solution.stats["failure"])
    single = _single_precision(state)
    if failure == TOO_MANY_STEPS:
        explicit = not isinstance(plan.method, diffrax.AbstractImplicitSolver)
        stiff = f"the law may be stiff (use method=diffrax.Kvaerno5()){_semilinear(equation, state)}, " * explicit
        raise SimulationError(
            f"{name} used up max_steps={plan.max_steps} and reached t = {reached:.6g} of {float(t1):.6g}: {stiff}the "
            f"tolerances may be too tight, or the run long: raise max_steps.{single}"
        )
    if failure == NOT_SOLVED:
        smaller = "leave dt out" if plan.fixed else "loosen rtol and atol"
        raise SimulationError(
            f"{name} could not solve the equations of an implicit step from t = {reached:.6g} of {float(t1):.6g}: "
            f"{smaller}, or use another solver, as method=diffrax.Kvaerno3().{single}"
        )
    if failure == STEP_TOO_SMALL:
        raise SimulationError(
            f"{name} could not take any step at t = {reached:.6g}, however small: {bad} grows without bound there, "
            "or the law is not finite or not smooth. End the run earlier, or look at the law at that time."
        )
    step = "the step is too large: give a smaller dt, or leave it out" if plan.fixed else "it is not smooth"
    raise SimulationError(
        f"{bad} became non-finite before t = {float(t1):.6g} ({name}): the law grows without bound, or {step}.{single}"
    )


def _single_precision(state) -> str:
    if time_dtype(unpack(state)) != np.float32:
        return ""
    return (
        ' In float32, stiff laws and tight tolerances fail: write jax.config.update("jax_enable_x64", True) before any '
        "array is made, or, where the law is mild, give rtol=1e-3, atol=1e-6."
    )


def _cause(method, equation, state, h) -> str:
    what = "the law" if isinstance(method, RungeKutta) else "its nonlinear part"
    hint = _semilinear(equation, state) if isinstance(method, RungeKutta) else ""
    return (
        f"The likely cause is a step too large for {what}, or a solution that grows without bound: try dt = "
        f"{h / 4:.2g}, or leave dt out for error control{hint}."
    )


def _semilinear(equation, state) -> str:
    if isinstance(equation, SemilinearEquation) and is_spectral(state):
        return " or, since the law is semilinear in Fourier modes, method=js.ETDRK4() with dt"
    return ""
