"""Every value between two bounds alike."""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..._core.precision import as_floating
from ..transforms import Between
from .base import Elementwise


class Uniform(Elementwise):
    """Every value between two finite bounds is equally likely.

    Args:
        lower: least value.
        upper: largest value.
    """

    least_squares: ClassVar[bool] = True
    is_flat: ClassVar[bool] = True
    closed: ClassVar[bool] = True

    lower: Array = eqx.field(converter=as_floating)
    upper: Array = eqx.field(converter=as_floating)

    @property
    def support(self):
        return self.lower, self.upper

    @property
    def transform(self):
        return Between(self.lower, self.upper)

    def _log_density(self, x, lower, upper):
        return -jnp.log(upper - lower) + 0 * x

    def _draw(self, key, shape, dtype, lower, upper):
        return lower + (upper - lower) * jax.random.uniform(key, shape, dtype)

    def residual(self, x):
        return jnp.zeros((0,), self._checked(x).dtype)


class Flat(Elementwise):
    """Density 1 everywhere between two bounds, which may be infinite: it cannot be normalised or drawn from.

    Args:
        lower: least value.
        upper: largest value.
    """

    proper: ClassVar[bool] = False
    least_squares: ClassVar[bool] = True
    is_flat: ClassVar[bool] = True
    closed: ClassVar[bool] = True

    lower: Array = eqx.field(converter=as_floating, default=-math.inf)
    upper: Array = eqx.field(converter=as_floating, default=math.inf)

    @property
    def support(self):
        return self.lower, self.upper

    @property
    def transform(self):
        return Between(self.lower, self.upper)

    def _log_density(self, x, lower, upper):
        return 0 * x

    def _draw(self, key, shape, dtype, lower, upper):
        raise ValueError(
            "a Flat prior cannot be drawn from, because it cannot be normalised: use Normal, Uniform or another "
            "distribution of finite total."
        )

    def residual(self, x):
        return jnp.zeros((0,), self._checked(x).dtype)
