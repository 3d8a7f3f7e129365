"""Exponential time differencing: the linear part exactly, the rest by Runge-Kutta stages.

A method is a page of data: stage times `c`, the functions of `z = h L` that weigh the slopes, and a table of
`(number, function)` entries. Stage `i` is `exp(c_i z) u + h sum_j a_ij(z) N_j`, with `N_j` the nonlinear part at stage
`j`. The engine knows the exponentials.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
from jaxtyping import PyTree

from ...fields import evaluated, pack, unpack
from .base import Method
from .symbol import Symbol, check_spectral, symbol_of

Entry = tuple[float, str] | None


class ExponentialRungeKutta(Method):
    """The engine of all exponential Runge-Kutta methods; a subclass is a table."""

    c: ClassVar[tuple[float, ...]]
    a: ClassVar[tuple[tuple[Entry, ...], ...]]
    b: ClassVar[tuple[Entry, ...]]

    @staticmethod
    def functions(z: Symbol) -> dict[str, Symbol]:
        """The functions of `z` that the table names."""
        raise NotImplementedError

    def check(self, equation: Callable, state: PyTree) -> None:
        check_spectral(equation, state, type(self).__name__)

    def prepare(self, equation: Callable, state: PyTree, dt, args: Any = None) -> PyTree:
        z = symbol_of(equation, state) * dt
        growths = {c: (z * c).exponential() for c in self.c if c}
        return growths, {name: f * dt for name, f in self.functions(z).items()}

    def step(
        self, prepared: PyTree, equation: Callable, template: PyTree, t, arrays: PyTree, dt, args: Any = None
    ) -> PyTree:
        growths, functions = prepared

        def stage(c, row, arrays, *slopes):
            u = growths[c].advance(arrays, _increment(row, slopes, functions)) if c else arrays
            return unpack(equation.nonlinear(t + c * dt, pack(template, u), args))

        def last(arrays, *slopes):
            slopes = (*slopes, stage(self.c[-1], self.a[-1], arrays, *slopes))
            return growths[1.0].advance(arrays, _increment(self.b, slopes, functions))

        slopes = []
        for c, row in zip(self.c[:-1], self.a[:-1], strict=True):
            slopes.append(evaluated(template, functools.partial(stage, c, row), arrays, *slopes))
        return evaluated(template, last, arrays, *slopes)


def _increment(row: tuple[Entry, ...], slopes: Sequence[PyTree], functions: dict[str, Symbol]) -> PyTree:
    """`sum_j number_j f_j(z) N_j`, slopes that share a function summed first."""
    groups: dict[str, list[tuple[float, PyTree]]] = {}
    for entry, slope in zip(row, slopes, strict=False):
        if entry is not None:
            groups.setdefault(entry[1], []).append((entry[0], slope))
    terms = []
    for name, members in groups.items():
        numbers = [number for number, _ in members]
        weighed = jax.tree.map(lambda *leaves, numbers=numbers: _weighed(numbers, leaves), *(s for _, s in members))
        terms.append(functions[name].apply(weighed))
    return jax.tree.map(lambda *parts: sum(parts[1:], start=parts[0]), *terms)


def _weighed(numbers, leaves):
    parts = [leaf if number == 1.0 else number * leaf for number, leaf in zip(numbers, leaves, strict=True)]
    return sum(parts[1:], start=parts[0])


class ETDRK2(ExponentialRungeKutta):
    """Two stages, order 2: `a = E u + h phi_1 N(u)`, `u + = a + h phi_2 (N(a) - N(u))`.

    References:
        Cox and Matthews, J. Comput. Phys. 176 (2002) 430, equation 22.
    """

    c = (0.0, 1.0)
    a = ((), ((1.0, "phi1"),))
    b = ((1.0, "b1"), (1.0, "phi2"))

    @property
    def order(self) -> int:
        return 2

    @staticmethod
    def functions(z: Symbol) -> dict[str, Symbol]:
        _, phi1, phi2 = z.phis(2)
        return {"phi1": phi1, "phi2": phi2, "b1": phi1 - phi2}


class ETDRK4(ExponentialRungeKutta):
    """Four stages, order 4: the standard for stiff semilinear laws with smooth solutions.

    The last stage starts from the second one, which makes its weight of the first slope
    `phi_1(z/2) (exp(z/2) - 1) / 2`. Stable where the nonlinear part alone would be with classical Runge-Kutta;
    stiff order reduction is possible when boundary layers or rough forcing excite fast modes.

    References:
        Cox and Matthews, J. Comput. Phys. 176 (2002) 430, equations 26-29; Kassam and Trefethen, SIAM J. Sci. Comput.
        26 (2005) 1214.
    """

    c = (0.0, 0.5, 0.5, 1.0)
    a = (
        (),
        ((1.0, "half"),),
        (None, (1.0, "half")),
        ((1.0, "again"), None, (2.0, "half")),
    )
    b = ((1.0, "first"), (1.0, "middle"), (1.0, "middle"), (1.0, "last"))

    @property
    def order(self) -> int:
        return 4

    @staticmethod
    def functions(z: Symbol) -> dict[str, Symbol]:
        _, phi1, phi2, phi3 = z.phis(3)
        half = (z * 0.5).phis(1)[1] * 0.5
        return {
            "half": half,
            "again": half @ half @ z,
            "first": phi1 - 3.0 * phi2 + 4.0 * phi3,
            "middle": 2.0 * phi2 - 4.0 * phi3,
            "last": 4.0 * phi3 - phi2,
        }
