"""Explicit Runge-Kutta methods: each is a page of numbers, the engine is written once."""

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import diffrax
import equinox as eqx
from jaxtyping import PyTree

from .base import Method, move, vector_field, weighted_sum


@dataclass(frozen=True)
class Tableau:
    """Coefficients: rows `a` of the stages after the first, weights `b`, nodes `c`, and weights of the error
    estimate.
    """

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    order: int
    error: tuple[float, ...] | None = None

    @property
    def first_same_as_last(self) -> bool:
        """Whether the last stage is the slope at the new point, so that the next step can start from it."""
        return bool(self.a) and self.a[-1] == self.b[:-1] and self.b[-1] == 0 and self.c[-1] == 1


class RungeKutta(Method):
    """An explicit Runge-Kutta method: `y1 = y + h sum_i b_i k_i`, `k_i = f(t + c_i h, y + h sum_j a_ij k_j)`.

    With a fixed step it costs one evaluation of the law for each stage that `y1` needs; stable for smooth laws when
    `h` times the fastest rate is below about 3. With an embedded error estimate it can choose its own steps.
    """

    @property
    @abc.abstractmethod
    def tableau(self) -> Tableau:
        """The numbers of the method."""

    @property
    def order(self) -> int:
        return self.tableau.order

    def step(self, prepared, equation: Callable, template: PyTree, t, arrays: PyTree, dt, args: Any = None) -> PyTree:
        return self.stages(vector_field(equation, template, args), t, dt, arrays)[0]

    def stages(self, f: Callable, t, h, y: PyTree, slope: PyTree | None = None) -> tuple[PyTree, list[PyTree]]:
        """The new point and the slopes of all stages; `slope` is the first one where it is already known."""
        tableau = self.tableau
        k = [f(t, y, kept=bool(tableau.a)) if slope is None else slope]
        last = y
        for a, c in zip(tableau.a, tableau.c, strict=True):
            last = move(y, h, weighted_sum(a, k)) if any(a) else y
            k.append(f(t + c * h, last, kept=True))
        return (last if tableau.first_same_as_last else move(y, h, weighted_sum(tableau.b, k))), k


class TableauMethod(RungeKutta):
    """An explicit Runge-Kutta method given by its numbers.

    Args:
        numbers: the tableau.
        name: what the method is called when it is printed.
    """

    numbers: Tableau = eqx.field(static=True)
    name: str = eqx.field(static=True, default="RungeKutta")

    @property
    def tableau(self) -> Tableau:
        return self.numbers

    def __repr__(self):
        return f"{self.name}()"


def from_diffrax(solver: diffrax.AbstractERK) -> TableauMethod:
    """The numbers of a `diffrax` explicit Runge-Kutta solver, for the engine of this room."""
    table = solver.tableau

    def floats(row):
        return tuple(float(x) for x in row)

    numbers = Tableau(
        tuple(floats(row) for row in table.a_lower),
        floats(table.b_sol),
        floats(table.c),
        int(solver.order(None)),
        floats(table.b_error),
    )
    return TableauMethod(numbers, type(solver).__name__)


_TSIT5 = from_diffrax(diffrax.Tsit5()).numbers
_DOPRI5 = from_diffrax(diffrax.Dopri5()).numbers
_DOPRI8 = from_diffrax(diffrax.Dopri8()).numbers
_EULER = Tableau((), (1.0,), (), 1)
_RK4 = Tableau(((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0.5, 0.5, 1.0), 4)


class Euler(RungeKutta):
    """Forward Euler: `y1 = y + h f(t, y)`, order 1. For teaching and for comparisons."""

    @property
    def tableau(self) -> Tableau:
        return _EULER


class RK4(RungeKutta):
    """The classical Runge-Kutta method: order 4, four evaluations a step, stable up to `|h lambda|` of about 2.8.

    It has no error estimate, so it needs `dt`.
    """

    @property
    def tableau(self) -> Tableau:
        return _RK4


class Tsit5(RungeKutta):
    """Tsitouras' 5(4) pair: six evaluations a step; the default where a law is not stiff.

    References:
        Tsitouras, Computers & Mathematics with Applications 62 (2011), 770-775, table 1.
    """

    @property
    def tableau(self) -> Tableau:
        return _TSIT5


class Dopri5(RungeKutta):
    """Dormand and Prince's 5(4) pair: six evaluations a step.

    References:
        Dormand, Prince, Journal of Computational and Applied Mathematics 6 (1980), 19-26.
    """

    @property
    def tableau(self) -> Tableau:
        return _DOPRI5


class Dopri8(RungeKutta):
    """Dormand and Prince's method of order 8: for smooth problems and tolerances below about 1e-9.

    References:
        Prince, Dormand, Journal of Computational and Applied Mathematics 7 (1981), 67-75.
    """

    @property
    def tableau(self) -> Tableau:
        return _DOPRI8
