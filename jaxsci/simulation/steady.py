"""Where a law leaves its state alone: `F(u) = 0`, with the derivative of the equation and not of the iterations."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax
import optimistix
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from .._core.errors import SimulationError, UnsupportedError
from .._core.tracing import is_traced
from ..fields import is_field
from .adjoints import Adjoint, Implicit
from .choice import as_arguments, as_arrays
from .closures import with_closure
from .methods.base import check_derivative, time_dtype
from .solution import Solution

DENSE, INVERSE_ITERATIONS = 2048, 3


def _values(state: PyTree) -> PyTree:
    """Real numbers that describe a state: function values, complex ones as pairs."""

    def split(u):
        a = u.values if is_field(u) else u
        return (a.real, a.imag) if jnp.iscomplexobj(a) else a

    return jax.tree.map(split, state, is_leaf=is_field)


def _state(template: PyTree, values: PyTree) -> PyTree:
    def join(u, a):
        a = jax.lax.complex(*a) if isinstance(a, tuple) else a
        return u.space.field(a) if is_field(u) else a

    return jax.tree.map(join, template, values, is_leaf=is_field)


def _residual(values, system):
    equation, template, args = system
    return _values(equation(jnp.zeros((), time_dtype(values)), _state(template, values), args))


@eqx.filter_jit
def _find(system, values, solver, max_steps):
    return optimistix.root_find(
        _residual, solver, values, system, max_steps=max_steps, throw=False, adjoint=optimistix.ImplicitAdjoint()
    )


@eqx.filter_jit
def _leaves_free(system, values) -> Array:
    """Whether the Jacobian is singular to rounding: inverse iteration for its smallest singular value."""
    flat, restore = ravel_pytree(values)
    jacobian = jax.jacfwd(lambda v: ravel_pytree(_residual(restore(v), system))[0])(flat)
    factors = jax.scipy.linalg.lu_factor(jacobian)

    def inverted(_, v):
        v = jax.scipy.linalg.lu_solve(factors, jax.scipy.linalg.lu_solve(factors, v, trans=1))
        return v / jnp.linalg.norm(v)

    v = jax.lax.fori_loop(0, INVERSE_ITERATIONS, inverted, jax.random.normal(jax.random.key(0), flat.shape, flat.dtype))
    smallest = jnp.linalg.norm(jacobian @ v)
    return ~(smallest > 4 * jnp.finfo(flat.dtype).eps * jnp.max(jnp.sum(jnp.abs(jacobian), axis=1)))


def _check_found(ok: bool, free: bool, max_steps: int) -> None:
    if free:
        raise SimulationError(
            "the Jacobian is singular at the steady state: the law leaves something free, such as the mean of a field "
            "that only diffuses, and what Newton's method finds is arbitrary there. For the state nearest to the start "
            "write method=optimistix.Newton(1e-8, 1e-8, linear_solver=lineax.SVD()), or fix in the law what is free."
        )
    if not ok:
        raise SimulationError(
            f"no steady state was found within {max_steps} steps from this start: start nearer, for example from "
            "js.simulate(...).final after a long time, or check that a steady state exists."
        )


def steady_state(
    equation: Callable,
    state: PyTree,
    *,
    args: Any = None,
    method: optimistix.AbstractRootFinder | None = None,
    adjoint: Adjoint | None = None,
    rtol: float = 1e-8,
    atol: float = 1e-8,
    max_steps: int = 256,
) -> Solution:
    r"""Find a state that the law does not change: :math:`F(0, u, \mathrm{args}) = 0`.

    Newton's method from the given state, with the Jacobian as a matrix up to 2048 numbers and by products beyond
    (GMRES). The derivative with respect to coefficients, boundary values and arguments solves one transposed linear
    system; it does not depend on the start. Newton finds unstable steady states as readily as stable ones.

    Args:
        equation: the law, or a plain function `f(t, state, args)`.
        state: where to start looking.
        args: passed on to the equation.
        method: an optimistix root finder.
        adjoint: `Implicit()`, the only one that fits.
        rtol: relative accuracy of the root.
        atol: absolute accuracy of the root.
        max_steps: where to give up.

    Returns:
        A solution whose `final` is the steady state; `ts` and `states` are None.

    Raises:
        SimulationError: no steady state was found, or one with a singular Jacobian: the law leaves something free, such
            as the mean of a field that only diffuses. Under `jit` look at `solution.ok`, which knows of the first.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> round(float(js.steady_state(lambda t, u, args: 2.0 - u**2, jnp.array(1.0)).final), 6)
        1.414214
    """
    if not isinstance(adjoint, (Implicit, type(None))):
        raise UnsupportedError(
            f"{type(adjoint).__name__} differentiates a run through time; a steady state has no run: use "
            "adjoint=js.Implicit()."
        )
    state, args = as_arrays(state), as_arguments(args)
    values = _values(state)
    dtype = time_dtype(values)
    equation = with_closure(equation, state, args, dtype)
    check_derivative(equation, state, jnp.zeros((), dtype), args)
    small = method is None and sum(leaf.size for leaf in jax.tree.leaves(values)) <= DENSE
    if method is None:
        linear = (
            lineax.AutoLinearSolver(well_posed=None)
            if small
            else lineax.GMRES(rtol=1e-2 * rtol, atol=1e-2 * atol, restart=50)
        )
        method = optimistix.Newton(rtol, atol, linear_solver=linear)
    result = _find((equation, state, args), values, method, max_steps)
    final = _state(state, result.value)
    ok = result.result == optimistix.RESULTS.successful
    if not is_traced((ok, values)):
        free = small and bool(_leaves_free((equation, state, args), result.value if ok else values))
        _check_found(bool(ok), free, max_steps)
    return Solution(None, None, final, {"steps": result.stats["num_steps"]}, ok, type(method).__name__)
