"""Which method fits a law and its storage, and what is wrong with an input, in words."""

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._core.errors import UnsupportedError
from .._core.precision import as_parameter
from .._core.tracing import is_tracing
from ..equations.base import HamiltonianSystem, Phase, SemilinearEquation, StochasticEquation
from ..fields import Field, FiniteDifference, is_field, unpack
from ..geometry import InTime
from .methods.base import Method
from .methods.runge_kutta import RK4, RungeKutta, Tsit5, from_diffrax
from .methods.symplectic import Leapfrog


def as_arrays(state: PyTree) -> PyTree:
    """The state with numbers as arrays; raises when a part of it cannot move in time."""

    def convert(path, u):
        if is_field(u):
            leaves = jax.tree.leaves(unpack(u))
            if not all(eqx.is_inexact_array(leaf) for leaf in leaves):
                raise TypeError(
                    f"the field state{jax.tree_util.keystr(path)} is stored as a function or as integers, which "
                    "cannot be moved in time: bring it to a space of numbers with `space.project(field)`."
                )
            return u
        if isinstance(u, (bool, int, np.integer)) or getattr(getattr(u, "dtype", None), "kind", "f") in "biu":
            raise TypeError(
                f"state{jax.tree_util.keystr(path)} holds integers ({u!r}), and a state changes continuously: write "
                "real numbers, for example jnp.array([1.0, 0.0])."
            )
        if isinstance(u, (float, complex, np.ndarray, np.inexact)):
            return jnp.asarray(u)
        if not eqx.is_inexact_array(u):
            raise TypeError(
                f"state{jax.tree_util.keystr(path)} is a {type(u).__name__}: a state is a Field, an array, or a "
                "container of them."
            )
        return u

    converted = jax.tree_util.tree_map_with_path(convert, state, is_leaf=is_field)
    if not jax.tree.leaves(converted):
        raise TypeError("the state is empty: give a Field, an array, or a container of them.")
    return converted


def as_arguments(args: PyTree) -> PyTree:
    """Arguments with Python numbers as arrays, so that changing one never recompiles."""
    return jax.tree.map(lambda leaf: leaf if isinstance(leaf, bool) else as_parameter(leaf), args)


def is_traced(tree: PyTree) -> bool:
    """Whether a transformation is at work, so that numbers cannot be looked at."""
    return is_tracing() or any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def with_closure(equation: Callable, state: PyTree, args: Any, dtype) -> Callable:
    """The law, with traced values that a plain function closes over made visible to derivatives."""
    return _with_closure(equation, jnp.zeros((), dtype), state, args)


def _with_closure(function: Callable, *arguments: Any) -> Callable:
    if isinstance(function, eqx.Module):
        return function
    converted = eqx.filter_closure_convert(function, *arguments)
    return converted if is_traced(converted) else function


def with_closed_walls(state: PyTree, dtype) -> PyTree:
    """The state, with traced values that functions at its walls close over made visible to derivatives."""

    def convert(u):
        if not is_field(u) or not isinstance(u.space, FiniteDifference):
            return u
        x, t = jnp.zeros(u.space.dim), jnp.zeros((), dtype)

        def wall(node):
            if isinstance(node, InTime):
                return InTime(_with_closure(node.function, t, x.astype(dtype)), node.t)
            return _with_closure(node, x) if callable(node) else node

        space = jax.tree.map(wall, u.space, is_leaf=lambda node: isinstance(node, InTime))
        return Field(u.data, space, u.layout)

    return jax.tree.map(convert, state, is_leaf=is_field)


def number(value, name: str) -> float | None:
    """The value of a concrete number, None for a traced one."""
    try:
        value = float(jax.lax.stop_gradient(value) if isinstance(value, jax.core.Tracer) else value)
    except (jax.errors.ConcretizationTypeError, TypeError) as error:
        if isinstance(value, jax.core.Tracer):
            return None
        raise TypeError(f"{name} must be a number, got {value!r}.") from error
    if not np.isfinite(value):
        raise ValueError(f"{name}={value} is not finite.")
    return value


def check_dt(dt):
    """The step, after checking that it is positive."""
    value = number(dt, "dt")
    if value is not None and value <= 0:
        raise ValueError(f"dt={value} must be positive: time runs from t0 up to t1.")
    return dt


def check_times(t0, t1) -> None:
    """Raise unless t1 > t0."""
    a, b = number(t0, "t0"), number(t1, "t1")
    if a is not None and b is not None and b <= a:
        raise ValueError(
            f"t1={b} is not after t0={a}: time runs forwards; for a reversed run negate the law and integrate over "
            "t0 - t1."
        )


def is_spectral(state: PyTree) -> bool:
    """Whether every part of the state is a field stored in modes of a Fourier space."""
    parts = jax.tree.leaves(state, is_leaf=is_field)
    return all(is_field(u) and type(u.space).__name__ == "Fourier" for u in parts)


def default_method(equation: Callable, state: PyTree, fixed: bool) -> Any:
    """The method for a law and its storage where the user names none."""
    if isinstance(equation, StochasticEquation):
        return diffrax.Euler()
    if fixed and isinstance(equation, SemilinearEquation) and is_spectral(state):
        from .methods.etdrk import ETDRK4

        return ETDRK4()
    if fixed and isinstance(equation, HamiltonianSystem) and isinstance(state, Phase):
        return Leapfrog()
    if getattr(equation, "stiff", False):
        return diffrax.Kvaerno5()
    return RK4() if fixed else Tsit5()


def choose(equation: Callable, state: PyTree, method: Any, fixed: bool) -> Method | diffrax.AbstractSolver:
    """The method that will run: one of this library, or a solver left to diffrax."""
    if method is None:
        method = default_method(equation, state, fixed)
    if isinstance(method, type) and issubclass(method, (Method, diffrax.AbstractSolver)):
        raise TypeError(f"method={method.__name__} is a class: write method={method.__name__}().")
    if isinstance(method, diffrax.AbstractERK) and not isinstance(equation, StochasticEquation):
        method = from_diffrax(method)
    if not isinstance(method, (Method, diffrax.AbstractSolver)):
        raise TypeError(
            f"method={method!r} is not a time stepping method: give one of js.Tsit5(), js.RK4(), js.ETDRK4(), "
            "js.Leapfrog(), ..., or any diffrax solver such as diffrax.Kvaerno5()."
        )
    if isinstance(method, Method):
        if isinstance(equation, StochasticEquation):
            raise UnsupportedError(
                f"{type(method).__name__} does not know noise, and {type(equation).__name__} is a "
                "StochasticEquation: use method=diffrax.Euler() or diffrax.ItoMilstein() with dt and key."
            )
        method.check(equation, state)
        if not fixed and not (isinstance(method, RungeKutta) and method.tableau.error):
            raise UnsupportedError(
                f"{type(method).__name__} does not estimate its error, so it cannot choose its steps: give dt, or use "
                "method=js.Tsit5()."
            )
    return method


def choose_fixed(equation: Callable, state: PyTree, method: Any) -> Method:
    """A fixed-step method of this library."""
    method = choose(equation, state, RK4() if method is None and getattr(equation, "stiff", False) else method, True)
    if not isinstance(method, Method):
        raise UnsupportedError(
            f"js.stepper makes pure steps of this library's fixed-step methods, and {type(method).__name__} is run "
            "by diffrax: use js.simulate with it, or method=js.RK4()."
        )
    return method
