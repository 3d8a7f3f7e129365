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
from ..equations.base import HamiltonianSystem, Phase, SemilinearEquation, StochasticEquation
from ..fields import Neural, is_field, unpack
from .methods.base import Method
from .methods.runge_kutta import RK4, RungeKutta, Tsit5, from_diffrax
from .methods.symplectic import Leapfrog

ADDITIVE_NOISE = (diffrax.SEA, diffrax.SRA1, diffrax.ShARK)


def as_arrays(state: PyTree) -> PyTree:
    """The state with numbers as arrays; raises when a part of it cannot move in time."""

    def convert(path, u):
        if is_field(u):
            leaves = jax.tree.leaves(unpack(u))
            if isinstance(u.space, Neural) or not all(map(eqx.is_inexact_array, leaves)):
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


def check_tolerances(rtol, atol) -> tuple:
    """Relative and absolute error allowed a step; where only the relative one is given, the other follows it down."""
    relative = number(rtol, "rtol")
    if atol is None:
        atol = 1e-9 if relative is None else min(1e-9, 1e-3 * relative)
    absolute = number(atol, "atol")
    if min(x for x in (relative, absolute, 1.0) if x is not None) < 0 or (relative == 0 and absolute == 0):
        raise ValueError(f"rtol={rtol} and atol={atol} are errors allowed a step: give positive numbers, as 1e-6.")
    return rtol, atol


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


def default_method(equation: Callable, state: PyTree, fixed: bool, event: bool = False) -> Any:
    """The method for a law and its storage where the user names none; one that can watch for an `event`."""
    if isinstance(equation, StochasticEquation):
        return diffrax.Euler()
    if event:
        return diffrax.Kvaerno5() if getattr(equation, "stiff", False) else Tsit5()
    if fixed and isinstance(equation, SemilinearEquation) and is_spectral(state):
        from .methods.etdrk import ETDRK4

        return ETDRK4()
    if fixed and isinstance(equation, HamiltonianSystem) and isinstance(state, Phase):
        return Leapfrog()
    if getattr(equation, "stiff", False):
        return diffrax.Kvaerno3() if fixed else diffrax.Kvaerno5()
    return RK4() if fixed else Tsit5()


def choose(
    equation: Callable, state: PyTree, method: Any, fixed: bool, event: bool = False
) -> Method | diffrax.AbstractSolver:
    """The method that will run: one of this library, or a solver left to diffrax."""
    if method is None:
        method = default_method(equation, state, fixed, event)
    if isinstance(method, type) and issubclass(method, (Method, diffrax.AbstractSolver)):
        raise TypeError(f"method={method.__name__} is a class: write method={method.__name__}().")
    if isinstance(method, diffrax.AbstractERK) and not isinstance(equation, StochasticEquation):
        method = from_diffrax(method)
    if not isinstance(method, (Method, diffrax.AbstractSolver)):
        raise TypeError(
            f"method={method!r} is not a time stepping method: give one of js.Tsit5(), js.RK4(), js.ETDRK4(), "
            "js.Leapfrog(), ..., or any diffrax solver such as diffrax.Kvaerno5()."
        )
    other_noise = isinstance(method, diffrax.AbstractStratonovichSolver) and not isinstance(method, ADDITIVE_NOISE)
    if isinstance(equation, StochasticEquation) and other_noise:
        raise UnsupportedError(
            f"{type(method).__name__} converges to the solution in the sense of Stratonovich, and the noise of "
            f"{type(equation).__name__} is meant in the sense of Ito: use method=diffrax.Euler()."
        )
    if isinstance(method, Method):
        if isinstance(equation, StochasticEquation):
            raise UnsupportedError(
                f"{type(method).__name__} does not know noise, and {type(equation).__name__} is a "
                "StochasticEquation: use method=diffrax.Euler() with dt and key."
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
