"""The Ornstein-Uhlenbeck process: `dX = theta (mu - X) dt + sigma dW`, noise with a memory.

Solutions: Gaussian. From any start the mean relaxes to `mu` at rate `theta`, and the variance to `sigma^2 / (2
theta)`; the stationary correlation is `exp(-theta |t - s|)`. Good values: the defaults have stationary variance 1/2.

Reference: Uhlenbeck & Ornstein, Phys. Rev. 36 (1930) 823.
"""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._core.precision import as_floating
from .base import StochasticEquation
from .coefficients import nonnegative


class OrnsteinUhlenbeck(StochasticEquation):
    """Mean-reverting Gaussian noise; the state is an array, each of its entries an independent process.

    $$dX = \\theta (\\mu - X) dt + \\sigma dW$$

    Args:
        theta: Rate of return to the mean.
        mu: Long-time mean.
        sigma: Noise amplitude.

    Raises:
        ValueError: If a rate or amplitude is negative.

    Example:
        >>> from jaxsci.equations import OrnsteinUhlenbeck
        >>> float(OrnsteinUhlenbeck(theta=2.0, sigma=2.0).stationary_variance)
        1.0
    """

    theta: Array = eqx.field(converter=as_floating, default=1.0)
    mu: Array = eqx.field(converter=as_floating, default=0.0)
    sigma: Array = eqx.field(converter=as_floating, default=1.0)

    def __check_init__(self):
        nonnegative("theta", self.theta)
        nonnegative("sigma", self.sigma)

    def drift(self, t, u: Inexact[Array, "*shape"], args: Any = None) -> Inexact[Array, "*shape"]:
        return self.theta * (self.mu - u)

    def diffusion(self, t, u: Inexact[Array, "*shape"], args: Any = None) -> Inexact[Array, "*shape"]:
        return self.sigma * jnp.ones_like(u)

    def mean(self, t, start: Array) -> Array:
        """`E[X(t)]` of the process that starts at `start`."""
        return self.mu + (start - self.mu) * jnp.exp(-self.theta * t)

    def covariance(self, s, t) -> Array:
        """Covariance of `X(s)` and `X(t)` of a process with a fixed start at time 0; `sigma^2 min(s, t)` for
        `theta = 0`.
        """
        decay = jnp.exp(-self.theta * jnp.abs(jnp.subtract(t, s)))
        first = jnp.minimum(s, t)
        return self.sigma**2 * first * decay * _mean_decay(2.0 * self.theta * first)

    def variance(self, t) -> Array:
        """Variance of `X(t)` of a process with a fixed start at time 0."""
        return self.covariance(t, t)

    @property
    def stationary_variance(self) -> Array:
        """`sigma^2 / (2 theta)`, infinite for `theta = 0`."""
        return self.sigma**2 / (2.0 * self.theta)


def _mean_decay(x: Array) -> Array:
    """`(1 - exp(-x)) / x`, the mean of `exp` over `[-x, 0]`: by its series near 0, where derivatives would cancel."""
    near = jnp.abs(x) < 0.05
    small, large = jnp.where(near, x, 0.0), jnp.where(near, 1.0, x)
    series = sum((-small) ** k / math.factorial(k + 1) for k in range(1, 8)) + 1.0
    return jnp.where(near, series, -jnp.expm1(-large) / large)
