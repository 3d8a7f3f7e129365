"""The normal distribution of each element, of its logarithm, between bounds, and folded."""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr, ndtr, ndtri
from jaxtyping import Array

from ..._core.precision import as_floating, in_type_of
from ..transforms import Between, Positive
from .base import Elementwise

LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class Normal(Elementwise):
    r"""The normal distribution, :math:`p(x) \propto \exp(-(x - \mu)^2 / 2 \sigma^2)`.

    Args:
        mean: mu.
        standard_deviation: sigma.

    Example:
        >>> import jaxsci as js
        >>> float(js.inference.Normal(1.0, 2.0).residual(5.0)[0])
        2.0
    """

    least_squares: ClassVar[bool] = True

    mean: Array = eqx.field(converter=as_floating)
    standard_deviation: Array = eqx.field(converter=as_floating)

    def _log_density(self, x, mean, sd):
        return -0.5 * ((x - mean) / sd) ** 2 - jnp.log(sd) - LOG_ROOT_TWO_PI

    def _draw(self, key, shape, dtype, mean, sd):
        return mean + sd * jax.random.normal(key, shape, dtype)

    def residual(self, x):
        x = self._checked(x)
        mean, sd = in_type_of(x, self.mean, self.standard_deviation)
        return ((x - mean) / sd).ravel()


class LogNormal(Elementwise):
    r"""log x is normal: for positive unknowns whose order of magnitude is known.

    Since :math:`-\log p = (\log x - \mu)^2 / 2 \sigma^2 + \log x`, up to a constant, is the square of
    :math:`(\log x - \mu) / \sigma + \sigma`, it fits into a least-squares problem; the top of the density is at
    :math:`\exp(\mu - \sigma^2)`.

    Args:
        mean: mean of the logarithm.
        standard_deviation: standard deviation of the logarithm.
    """

    least_squares: ClassVar[bool] = True

    mean: Array = eqx.field(converter=as_floating)
    standard_deviation: Array = eqx.field(converter=as_floating)

    @property
    def support(self):
        return 0.0, math.inf

    @property
    def transform(self):
        return Positive()

    def _log_density(self, x, mean, sd):
        z = jnp.log(x)
        return -0.5 * ((z - mean) / sd) ** 2 - jnp.log(sd) - LOG_ROOT_TWO_PI - z

    def _draw(self, key, shape, dtype, mean, sd):
        return jnp.exp(mean + sd * jax.random.normal(key, shape, dtype))

    def residual(self, x):
        x = self._checked(x)
        mean, sd = in_type_of(x, self.mean, self.standard_deviation)
        return ((jnp.log(x) - mean) / sd + sd).ravel()


class TruncatedNormal(Elementwise):
    """A normal distribution of which only what lies between two bounds is kept.

    Args:
        mean: mean before truncation.
        standard_deviation: standard deviation before truncation.
        lower: least value.
        upper: largest value.

    Example:
        >>> import jaxsci as js
        >>> float(js.inference.TruncatedNormal(1.0, 0.5, lower=0.0).log_density(-1.0))
        -inf
    """

    least_squares: ClassVar[bool] = True
    closed: ClassVar[bool] = True

    mean: Array = eqx.field(converter=as_floating)
    standard_deviation: Array = eqx.field(converter=as_floating)
    lower: Array = eqx.field(converter=as_floating, default=-math.inf)
    upper: Array = eqx.field(converter=as_floating, default=math.inf)

    @property
    def support(self):
        return self.lower, self.upper

    @property
    def transform(self):
        return Between(self.lower, self.upper)

    def _log_density(self, x, mean, sd, lower, upper):
        normal = -0.5 * ((x - mean) / sd) ** 2 - jnp.log(sd) - LOG_ROOT_TWO_PI
        return normal - _log_mass((lower - mean) / sd, (upper - mean) / sd)

    def _draw(self, key, shape, dtype, mean, sd, lower, upper):
        a, b = (lower - mean) / sd, (upper - mean) / sd
        mirrored = a > 0
        low, high = jnp.where(mirrored, -b, a), jnp.where(mirrored, -a, b)
        mass_low, mass_high = ndtr(low), ndtr(high)
        z = ndtri(mass_low + (mass_high - mass_low) * jax.random.uniform(key, shape, dtype))
        return jnp.clip(mean + sd * jnp.where(mirrored, -z, z), lower, upper)

    def residual(self, x):
        x = self._checked(x)
        mean, sd = in_type_of(x, self.mean, self.standard_deviation)
        return ((x - mean) / sd).ravel()


def _log_mass(a: Array, b: Array) -> Array:
    """log of the standard normal probability between a and b, stable in both tails and at infinite bounds."""
    finite_a, finite_b = jnp.isfinite(a), jnp.isfinite(b)
    far_a, far_b = -40.0 - jnp.abs(jnp.where(finite_b, b, 0.0)), 40.0 + jnp.abs(jnp.where(finite_a, a, 0.0))
    a, b = jnp.where(finite_a, a, far_a), jnp.where(finite_b, b, far_b)
    low, high = jnp.where(a > 0, -b, a), jnp.where(a > 0, -a, b)
    log_high = log_ndtr(high)
    return log_high + jnp.log1p(-jnp.exp(log_ndtr(low) - log_high))


class HalfNormal(Elementwise):
    """The normal distribution of mean zero, folded to positive numbers: for scales of noise.

    Args:
        scale: standard deviation before folding.
    """

    least_squares: ClassVar[bool] = True
    closed: ClassVar[bool] = True

    scale: Array = eqx.field(converter=as_floating)

    @property
    def support(self):
        return 0.0, math.inf

    @property
    def transform(self):
        return Positive()

    def _log_density(self, x, scale):
        return -0.5 * (x / scale) ** 2 - jnp.log(scale) - LOG_ROOT_TWO_PI + math.log(2.0)

    def _draw(self, key, shape, dtype, scale):
        return scale * jnp.abs(jax.random.normal(key, shape, dtype))

    def residual(self, x):
        x = self._checked(x)
        return (x / in_type_of(x, self.scale)[0]).ravel()
