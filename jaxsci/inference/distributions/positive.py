"""Distributions of positive numbers, and of fractions."""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import betaln, gammaln
from jaxtyping import Array

from ..._core.precision import as_floating
from ..transforms import Between, Positive
from .base import Elementwise


class Gamma(Elementwise):
    r"""Positive numbers, :math:`p(x) \propto x^{k - 1} e^{-\lambda x}`.

    Args:
        concentration: k; the mean is k / lambda.
        rate: lambda.
    """

    concentration: Array = eqx.field(converter=as_floating)
    rate: Array = eqx.field(converter=as_floating)

    @property
    def support(self):
        return 0.0, math.inf

    @property
    def transform(self):
        return Positive()

    def _log_density(self, x, k, rate):
        return k * jnp.log(rate) - gammaln(k) + (k - 1) * jnp.log(x) - rate * x

    def _draw(self, key, shape, dtype, k, rate):
        return jax.random.gamma(key, k, shape, dtype) / rate


class Exponential(Elementwise):
    r"""Positive numbers, :math:`p(x) = \lambda e^{-\lambda x}`.

    Args:
        rate: lambda, one over the mean.
    """

    closed: ClassVar[bool] = True

    rate: Array = eqx.field(converter=as_floating)

    @property
    def support(self):
        return 0.0, math.inf

    @property
    def transform(self):
        return Positive()

    def _log_density(self, x, rate):
        return jnp.log(rate) - rate * x

    def _draw(self, key, shape, dtype, rate):
        return jax.random.exponential(key, shape, dtype) / rate


class Beta(Elementwise):
    r"""Numbers between 0 and 1, :math:`p(x) \propto x^{\alpha - 1} (1 - x)^{\beta - 1}`.

    Args:
        alpha: weight of 1.
        beta: weight of 0; the mean is alpha / (alpha + beta).
    """

    alpha: Array = eqx.field(converter=as_floating)
    beta: Array = eqx.field(converter=as_floating)

    @property
    def support(self):
        return 0.0, 1.0

    @property
    def transform(self):
        return Between(0.0, 1.0)

    def _log_density(self, x, a, b):
        return (a - 1) * jnp.log(x) + (b - 1) * jnp.log1p(-x) - betaln(a, b)

    def _draw(self, key, shape, dtype, a, b):
        return jax.random.beta(key, a, b, shape, dtype)
