"""Predator and prey: `du/dt = (alpha - beta v) u`, `dv/dt = (delta u - gamma) v`.

Solutions: every positive start returns to itself on a closed orbit around `(gamma/delta, alpha/beta)`, the prey
leading the predator by a quarter of a period; small orbits have period `2 pi / sqrt(alpha gamma)`. The level sets of
`invariant` are the orbits. Good values: those of the Canadian lynx and hare pelts 1900-1920, thousands and years, are
the defaults.

Reference: Lotka (1925); Volterra, Nature 118 (1926) 558.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._core.precision import as_floating
from .base import Equation
from .states import entries_of


class LotkaVolterra(Equation):
    """Predator-prey dynamics; the state is the array `(prey, predator)`, of any shape behind its first axis.

    $$\\dot u = (\\alpha - \\beta v) u, \\qquad \\dot v = (-\\gamma + \\delta u) v$$

    Args:
        alpha: Growth rate of prey left alone.
        beta: Rate at which one predator removes prey.
        gamma: Death rate of predators without prey.
        delta: Growth of predators for each prey present.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import LotkaVolterra
        >>> law = LotkaVolterra(alpha=1.0, beta=0.5, gamma=0.75, delta=0.25)
        >>> law(0.0, jnp.array([4.0, 1.0])).tolist()
        [2.0, 0.25]
    """

    alpha: Array = eqx.field(converter=as_floating, default=0.55)
    beta: Array = eqx.field(converter=as_floating, default=0.028)
    gamma: Array = eqx.field(converter=as_floating, default=0.80)
    delta: Array = eqx.field(converter=as_floating, default=0.024)
    entries: ClassVar[tuple[str, ...]] = ("prey", "predator")

    def __call__(self, t, u: Inexact[Array, "2 *batch"], args: Any = None) -> Inexact[Array, "2 *batch"]:
        prey, predator = entries_of(self, u)
        return jnp.stack([(self.alpha - self.beta * predator) * prey, (self.delta * prey - self.gamma) * predator])

    def invariant(self, state: Inexact[Array, "2 *batch"]) -> Inexact[Array, "*batch"]:
        """`delta u - gamma log u + beta v - alpha log v`, constant along every orbit."""
        u, v = entries_of(self, state)
        return self.delta * u - self.gamma * jnp.log(u) + self.beta * v - self.alpha * jnp.log(v)

    @property
    def equilibrium(self) -> Array:
        """The coexistence point `(gamma/delta, alpha/beta)`."""
        return jnp.stack([self.gamma / self.delta, self.alpha / self.beta])
