"""An epidemic: `dS/dt = -beta S I / N`, `dI/dt = beta S I / N - gamma I`, `dR/dt = gamma I`.

Solutions: one wave if `beta S / N > gamma`, else the infection dies out. `N = S + I + R` stays, and so does
`invariant`, which gives peak and final size without integration. Good values: influenza in an English boarding school,
1978, 763 boys: `beta = 1.7`, `gamma = 0.5` a day.

Reference: Kermack & McKendrick, Proc. R. Soc. A 115 (1927) 700.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._core.precision import as_floating
from .base import Equation
from .coefficients import nonnegative
from .states import entries_of


class SIR(Equation):
    """Susceptible, infected, recovered; the state is the array `(S, I, R)`, persons or shares.

    $$\\dot S = -\\beta S I / N, \\quad \\dot I = \\beta S I / N - \\gamma I, \\quad \\dot R = \\gamma I,
      \\quad N = S + I + R$$

    Args:
        beta: Contacts per day that would transmit the infection.
        gamma: Recovery rate, the inverse of the mean infectious time.

    Raises:
        ValueError: If a rate is negative.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import SIR
        >>> SIR(beta=2.0, gamma=0.5)(0.0, jnp.array([0.75, 0.25, 0.0])).tolist()
        [-0.375, 0.25, 0.125]
    """

    beta: Array = eqx.field(converter=as_floating, default=1.7)
    gamma: Array = eqx.field(converter=as_floating, default=0.5)
    entries: ClassVar[tuple[str, ...]] = ("S", "I", "R")

    def __check_init__(self):
        nonnegative("beta", self.beta)
        nonnegative("gamma", self.gamma)

    def __call__(self, t, u: Inexact[Array, "3 *batch"], args: Any = None) -> Inexact[Array, "3 *batch"]:
        S, I, R = entries_of(self, u)  # noqa: E741
        infections = self.beta * S * I / (S + I + R)
        recoveries = self.gamma * I
        return jnp.stack([-infections, infections - recoveries, recoveries])

    def population(self, state: Inexact[Array, "3 *batch"]) -> Inexact[Array, "*batch"]:
        """`N = S + I + R`, constant."""
        return state.sum(axis=0)

    def invariant(self, state: Inexact[Array, "3 *batch"]) -> Inexact[Array, "*batch"]:
        """`S + I - N (gamma/beta) log S`, constant along every epidemic."""
        S, I, R = entries_of(self, state)  # noqa: E741
        return S + I - (S + I + R) * self.gamma / self.beta * jnp.log(S)

    @property
    def basic_reproduction_number(self) -> Array:
        """`beta / gamma`: persons one case infects when everybody is susceptible."""
        return self.beta / self.gamma
