"""What a distribution over an array of unknowns can do."""

import abc
import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._core.errors import ShapeError
from ..._core.precision import as_floating, in_type_of
from ..._core.shown import with_numbers
from ..transforms import Identity, Transform


class Distribution(eqx.Module):
    """A density over one array of unknowns; a Field is seen as the array of its values.

    `proper` tells whether it can be normalised and drawn from; `least_squares` whether its logarithm is, up to a
    constant, minus half a sum of squares, those of `residual`; `is_flat` whether that sum is empty; `closed` whether
    the ends of the support belong to it.
    """

    proper: ClassVar[bool] = True
    least_squares: ClassVar[bool] = False
    is_flat: ClassVar[bool] = False
    closed: ClassVar[bool] = False

    def __repr__(self):
        return with_numbers(self)

    @abc.abstractmethod
    def log_density(self, x: Float[Array, "*shape"]) -> Float[Array, ""]:
        """The normalised log density, summed over the array; minus infinity outside the support."""

    @abc.abstractmethod
    def sample(self, key, shape: tuple[int, ...] | None = None, dtype=float) -> Float[Array, "*shape"]:
        """One draw of an array of that shape; without a shape, the one of the parameters."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape that the parameters have together."""

    @property
    def support(self) -> tuple[Array | float, Array | float]:
        """The least and the largest value."""
        return -math.inf, math.inf

    @property
    def transform(self) -> Transform:
        """A map of the real line onto the support."""
        return Identity()

    def residual(self, x: Float[Array, "*shape"]) -> Float[Array, " residuals"] | None:
        """Numbers r with log density `constant - |r|^2 / 2`; None where there are none."""
        return None


class Elementwise(Distribution):
    """A distribution under which the elements of the array are independent; its parameters broadcast against it."""

    @abc.abstractmethod
    def _log_density(self, x: Array, *parameters: Array) -> Array:
        """The log density of each element, inside the support."""

    @abc.abstractmethod
    def _draw(self, key, shape, dtype, *parameters: Array) -> Array:
        """One draw."""

    def _parameters(self) -> tuple[Array, ...]:
        return tuple(jax.tree.leaves(self))

    @property
    def shape(self):
        return jnp.broadcast_shapes(*(jnp.shape(a) for a in self._parameters()))

    def log_density(self, x):
        x = self._checked(x)
        lower, upper = in_type_of(x, *self.support)
        inside = (x >= lower) & (x <= upper) if self.closed else (x > lower) & (x < upper)
        safe = jnp.where(inside, x, self.transform.forward(jnp.zeros_like(x)))
        values = self._log_density(safe, *in_type_of(x, *self._parameters()))
        return jnp.sum(jnp.where(inside, values, -jnp.inf))

    def sample(self, key, shape=None, dtype=float):
        shape = self.shape if shape is None else shape
        return self._draw(key, shape, dtype, *in_type_of(jnp.zeros((), dtype), *self._parameters()))

    def _checked(self, x: Array) -> Array:
        x = as_floating(x)
        if not fits(self.shape, x.shape):
            raise ShapeError(
                f"a prior whose parameters have shape {self.shape} meets an unknown of shape {x.shape}: give one "
                "parameter for all elements, or one for each."
            )
        return x


def fits(shape: tuple[int, ...], onto: tuple[int, ...]) -> bool:
    """Whether an array of one shape broadcasts against another shape without enlarging it."""
    return len(shape) <= len(onto) and all(a in (1, b) for a, b in zip(shape[::-1], onto[::-1], strict=False))
