"""The Van der Pol oscillator in its stiff form: `dx/dt = y`, `epsilon dy/dt = (1 - x^2) y - x`.

Solutions: every start but the origin is drawn to one limit cycle of amplitude 2. For small `epsilon` it creeps along
the curve `y = x / (1 - x^2)` and jumps within a time of order `epsilon`: a test of stiff solvers. Time here is that of
the slow motion: with `s = mu t` and `epsilon = 1/mu^2` this is the textbook oscillator `x'' - mu (1 - x^2) x' + x =
0`.
Good values: `epsilon = 1e-6`, start `(2, 0)`: `x(2) = 1.706167732170483`, `y(2) = -0.8928097010247975`.

Reference: Hairer & Wanner, Solving Ordinary Differential Equations II, section IV.1, equation 1.5'.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._core.precision import as_floating
from .base import Equation
from .coefficients import positive
from .states import entries_of


class VanDerPol(Equation):
    """A relaxation oscillator; the state is the array `(x, y)` with `y = dx/dt`.

    $$\\dot x = y, \\qquad \\epsilon \\dot y = (1 - x^2) y - x$$

    Args:
        epsilon: Ratio of the fast to the slow time; the smaller, the stiffer.

    Raises:
        ValueError: If `epsilon` is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import VanDerPol
        >>> VanDerPol(epsilon=0.5)(0.0, jnp.array([2.0, 1.0])).tolist()
        [1.0, -10.0]
    """

    epsilon: Array = eqx.field(converter=as_floating, default=1e-6)
    entries: ClassVar[tuple[str, ...]] = ("x", "y")
    stiff: ClassVar[bool] = True

    def __check_init__(self):
        positive("epsilon", self.epsilon)

    def __call__(self, t, u: Inexact[Array, "2 *batch"], args: Any = None) -> Inexact[Array, "2 *batch"]:
        x, y = entries_of(self, u)
        return jnp.stack([y, ((1.0 - x * x) * y - x) / self.epsilon])

    def energy(self, state: Inexact[Array, "2 *batch"]) -> Inexact[Array, "*batch"]:
        """`(x^2 + epsilon y^2) / 2`, fed at small and drained at large amplitude: `dE/dt = (1 - x^2) y^2`."""
        x, y = entries_of(self, state)
        return (x * x + self.epsilon * y * y) / 2
