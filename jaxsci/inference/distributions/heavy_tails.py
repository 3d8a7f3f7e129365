"""Distributions that forgive a far-off value."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array

from ..._core.precision import as_floating
from .base import Elementwise


class StudentT(Elementwise):
    """Student's t distribution: like a normal one with heavier tails.

    Args:
        location: the centre.
        scale: the width.
        degrees: degrees of freedom; 1 is the Cauchy distribution, infinitely many the normal one.
    """

    location: Array = eqx.field(converter=as_floating)
    scale: Array = eqx.field(converter=as_floating)
    degrees: Array = eqx.field(converter=as_floating)

    def _log_density(self, x, location, scale, degrees):
        return student_log_density((x - location) / scale, degrees) - jnp.log(scale)

    def _draw(self, key, shape, dtype, location, scale, degrees):
        return location + scale * jax.random.t(key, degrees, shape, dtype)


def student_log_density(r: Array, degrees: Array) -> Array:
    """The log density of Student's t distribution of location 0 and scale 1."""
    constant = gammaln((degrees + 1) / 2) - gammaln(degrees / 2) - 0.5 * jnp.log(math.pi * degrees)
    return constant - 0.5 * (degrees + 1) * jnp.log1p(r**2 / degrees)


class Laplace(Elementwise):
    r"""The two-sided exponential distribution, :math:`p(x) \propto \exp(-|x - m| / b)`.

    Args:
        location: m.
        scale: b.
    """

    location: Array = eqx.field(converter=as_floating)
    scale: Array = eqx.field(converter=as_floating)

    def _log_density(self, x, location, scale):
        return -jnp.abs(x - location) / scale - jnp.log(2 * scale)

    def _draw(self, key, shape, dtype, location, scale):
        return location + scale * jax.random.laplace(key, shape, dtype)
