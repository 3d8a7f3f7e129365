"""Implicit-explicit Runge-Kutta: the linear part implicitly, the rest explicitly. A method is two tableaus."""

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import lineax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from ..._core.errors import UnsupportedError
from ..._core.precision import multiply, real_dtype
from ...fields import pack, unpack
from ...geometry import at_time
from ..choice import is_spectral
from .base import Method, move, time_dtype, weighted_sum
from .symbol import Symbol, symbol_of

DENSE = 1024


@dataclass(frozen=True)
class Pair:
    """Explicit rows and weights, implicit rows and weights with one diagonal `gamma` after an explicit first stage."""

    explicit: tuple[tuple[float, ...], ...]
    implicit: tuple[tuple[float, ...], ...]
    b_explicit: tuple[float, ...]
    b_implicit: tuple[float, ...]
    c: tuple[float, ...]
    gamma: float
    order: int


class ImplicitExplicit(Method):
    """An implicit-explicit Runge-Kutta method for `du/dt = L u + N(t, u)`.

    Stage `i` solves `(1 - h gamma L) U_i = u + h sum_j (a_ij L U_j + e_ij N_j)`: for Fourier fields by a division per
    wavenumber, for small states by one factorised matrix, for others by iterations (BiCGStab). The linear part imposes
    no limit on the step; the rest limits it as in an explicit method.
    """

    @property
    @abc.abstractmethod
    def pair(self) -> Pair:
        """The numbers of the method."""

    @property
    def order(self) -> int:
        return self.pair.order

    def check(self, equation: Callable, state: PyTree) -> None:
        if not (hasattr(equation, "linear") and hasattr(equation, "nonlinear")):
            raise UnsupportedError(
                f"{type(self).__name__} needs a SemilinearEquation with `linear(u)` and `nonlinear(t, u, args)`; "
                f"{getattr(equation, '__name__', type(equation).__name__)} has none: use method=js.Tsit5() or "
                "another Runge-Kutta method."
            )

    def prepare(self, equation: Callable, state: PyTree, dt, args: Any = None) -> PyTree:
        if is_spectral(state):
            z = symbol_of(equation, state) * dt
            return _Spectral(z, z.resolvent(self.pair.gamma))
        arrays = unpack(state)
        flat, _ = ravel_pytree(arrays)
        linear = _Linear(equation, state)
        if flat.size > DENSE:
            return _Iterative(linear, self.pair.gamma)
        return _Dense.factorise(linear, arrays, dt * self.pair.gamma)

    def step(
        self, prepared: PyTree, equation: Callable, template: PyTree, t, arrays: PyTree, dt, args: Any = None
    ) -> PyTree:
        pair = self.pair

        def nonlinear(c, stage):
            return unpack(equation.nonlinear(t + c * dt, pack(template, stage, t + c * dt), args))

        k, n = [prepared.slope(arrays, t, dt)], [nonlinear(0.0, arrays)]
        for a, e, c in zip(pair.implicit, pair.explicit, pair.c, strict=True):
            start = move(arrays, dt, weighted_sum((*a, *e), [*k, *n]) if any((*a, *e)) else _zeros(arrays))
            stage = prepared.solve(start, t + c * dt, dt)
            k.append(prepared.slope(stage, t + c * dt, dt))
            n.append(nonlinear(c, stage))
        return move(arrays, dt, weighted_sum((*pair.b_implicit, *pair.b_explicit), [*k, *n]))


def _zeros(arrays: PyTree) -> PyTree:
    return jax.tree.map(jnp.zeros_like, arrays)


class _Spectral(eqx.Module):
    """The linear part as a symbol."""

    z: Symbol
    inverse: Symbol

    def slope(self, arrays, t, dt):
        return jax.tree.map(lambda a: multiply(1.0 / dt.astype(real_dtype(a.dtype)), a), self.z.apply(arrays))

    def solve(self, start, t, dt):
        return self.inverse.apply(start)


class _Linear(eqx.Module):
    """The linear part of a law as a function of arrays; `b + A y` where walls hold values."""

    equation: Callable
    template: PyTree

    def __call__(self, arrays):
        return unpack(self.equation.linear(pack(self.template, arrays)))

    def offset(self, arrays):
        return self(_zeros(arrays))

    def matrix_product(self, arrays):
        return jax.tree.map(lambda a, b: a - b, self(arrays), self.offset(arrays))


class _Dense(eqx.Module):
    """The inverse as a matrix, made once per run."""

    linear: _Linear
    inverse: Array
    scale: Array

    @classmethod
    def factorise(cls, linear: _Linear, arrays: PyTree, scale) -> "_Dense":
        flat, restore = ravel_pytree(arrays)
        one = jnp.eye(flat.size, dtype=flat.dtype)
        columns = jax.vmap(lambda e: ravel_pytree(linear.matrix_product(restore(e)))[0])(one)
        return cls(linear, jnp.linalg.inv(one - multiply(scale.astype(real_dtype(flat.dtype)), columns.T)), scale)

    def slope(self, arrays, t, dt):
        return at_time(self.linear, t)(arrays)

    def solve(self, start, t, dt):
        flat, restore = ravel_pytree(move(start, self.scale, at_time(self.linear, t).offset(start)))
        return restore(self.inverse @ flat)


class _Iterative(eqx.Module):
    """Products with the linear part only: BiCGStab."""

    linear: _Linear
    gamma: float = eqx.field(static=True)

    def slope(self, arrays, t, dt):
        return at_time(self.linear, t)(arrays)

    def solve(self, start, t, dt):
        scale = self.gamma * dt
        right = move(start, scale, at_time(self.linear, t).offset(start))
        operator = lineax.FunctionLinearOperator(
            lambda y: move(y, -scale, self.linear.matrix_product(y)), jax.eval_shape(lambda: start)
        )
        tolerance = float(jnp.finfo(time_dtype(start)).eps) ** 0.75
        solver = lineax.BiCGStab(rtol=tolerance, atol=tolerance, max_steps=500)
        return lineax.linear_solve(operator, right, solver, options={"y0": start}, throw=False).value


def _from_diffrax(solver, order: int) -> Pair:
    explicit, implicit = solver.tableau.tableaus

    def rows(table):
        return tuple(tuple(float(x) for x in row) for row in table.a_lower)

    return Pair(
        rows(explicit),
        rows(implicit),
        tuple(map(float, explicit.b_sol)),
        tuple(map(float, implicit.b_sol)),
        tuple(map(float, implicit.c)),
        float(implicit.a_diagonal[1]),
        order,
    )


_G = 1 - 0.5**0.5
_D = 1 - 1 / (2 * _G)
_EULER = Pair(((1.0,),), ((0.0,),), (1.0, 0.0), (0.0, 1.0), (1.0,), 1.0, 1)
_ARS222 = Pair(((_G,), (_D, 1 - _D)), ((0.0,), (0.0, 1 - _G)), (_D, 1 - _D, 0.0), (0.0, 1 - _G, _G), (_G, 1.0), _G, 2)
_ARS443 = Pair(
    ((1 / 2,), (11 / 18, 1 / 18), (5 / 6, -5 / 6, 1 / 2), (1 / 4, 7 / 4, 3 / 4, -7 / 4)),
    ((0.0,), (0.0, 1 / 6), (0.0, -1 / 2, 1 / 2), (0.0, 3 / 2, -3 / 2, 1 / 2)),
    (1 / 4, 7 / 4, 3 / 4, -7 / 4, 0.0),
    (0.0, 3 / 2, -3 / 2, 1 / 2, 1 / 2),
    (1 / 2, 2 / 3, 1 / 2, 1.0),
    0.5,
    3,
)
_ARK4 = _from_diffrax(diffrax.KenCarp4, 4)


class IMEXEuler(ImplicitExplicit):
    """Backward Euler for the linear part, forward Euler for the rest: order 1, strongly damping."""

    @property
    def pair(self) -> Pair:
        return _EULER


class ARS222(ImplicitExplicit):
    """Ascher, Ruuth and Spiteri's two-stage method: order 2, L-stable.

    References:
        Ascher, Ruuth, Spiteri, Applied Numerical Mathematics 25 (1997), 151-167, section 2.6.
    """

    @property
    def pair(self) -> Pair:
        return _ARS222


class ARS443(ImplicitExplicit):
    """Ascher, Ruuth and Spiteri's four-stage method: order 3, L-stable.

    References:
        Ascher, Ruuth, Spiteri, Applied Numerical Mathematics 25 (1997), 151-167, section 2.8.
    """

    @property
    def pair(self) -> Pair:
        return _ARS443


class ARK4(ImplicitExplicit):
    """Kennedy and Carpenter's six-stage method: order 4, L-stable.

    References:
        Kennedy, Carpenter, Applied Numerical Mathematics 44 (2003), 139-181, ARK4(3)6L[2]SA.
    """

    @property
    def pair(self) -> Pair:
        return _ARK4
