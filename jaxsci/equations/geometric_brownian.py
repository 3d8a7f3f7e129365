"""Geometric Brownian motion: `dX = mu X dt + sigma X dW` (Ito), growth with random rates.

Solutions: `X(t) = X(0) exp((mu - sigma^2/2) t + sigma W(t))`, lognormal and never of changed sign. The mean grows at
rate `mu`, the typical path only at `mu - sigma^2/2`: for `sigma^2 > 2 mu` almost every path dies while the mean grows.
Good values: the defaults, those of a share per year.

Reference: Oksendal, Stochastic Differential Equations, example 5.1.1.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._core.precision import as_floating
from .base import StochasticEquation
from .coefficients import nonnegative


class GeometricBrownian(StochasticEquation):
    """Random multiplicative growth; the state is an array, each of its entries an independent process.

    $$dX = \\mu X dt + \\sigma X dW$$

    Args:
        mu: Growth rate of the mean.
        sigma: Noise amplitude (volatility).

    Raises:
        ValueError: If the amplitude is negative.

    Example:
        >>> from jaxsci.equations import GeometricBrownian
        >>> float(GeometricBrownian(mu=0.0).mean(t=10.0, start=3.0))
        3.0
    """

    mu: Array = eqx.field(converter=as_floating, default=0.05)
    sigma: Array = eqx.field(converter=as_floating, default=0.2)

    def __check_init__(self):
        nonnegative("sigma", self.sigma)

    def drift(self, t, u: Inexact[Array, "*shape"], args: Any = None) -> Inexact[Array, "*shape"]:
        return self.mu * u

    def diffusion(self, t, u: Inexact[Array, "*shape"], args: Any = None) -> Inexact[Array, "*shape"]:
        return self.sigma * u

    def solution(self, t, start: Array, noise: Array) -> Array:
        """The path with Brownian motion `noise = W(t)`, exactly: what strong convergence is measured against."""
        return start * jnp.exp((self.mu - self.sigma**2 / 2) * t + self.sigma * noise)

    def mean(self, t, start: Array) -> Array:
        """`E[X(t)]`."""
        return start * jnp.exp(self.mu * t)

    def variance(self, t, start: Array) -> Array:
        """Variance of `X(t)`."""
        return self.mean(t, start) ** 2 * jnp.expm1(self.sigma**2 * t)
