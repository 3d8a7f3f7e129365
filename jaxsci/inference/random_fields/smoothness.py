"""Penalties on the slopes of a function: of their squares (smoothness) and of their size (total variation)."""

import abc
import math
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._core.errors import ShapeError
from ..._core.precision import as_floating, in_type_of
from ...fields import Field, FiniteDifference, Space, is_field
from ..distributions.base import Distribution


class SlopePenalty(Distribution):
    """A density that falls with the slopes of a function, and leaves its mean free."""

    proper: ClassVar[bool] = False
    least_squares: ClassVar[bool] = True

    space: eqx.AbstractVar[Space]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.space.grid.shape

    @abc.abstractmethod
    def residual(self, x: Float[Array, "*grid"]) -> Float[Array, " residuals"]:
        """Slopes in units of what they may be."""

    def log_density(self, x):
        return -0.5 * jnp.sum(self.residual(x) ** 2)

    def sample(self, key, shape=None, dtype=float):
        raise ValueError(
            f"{type(self).__name__} cannot be drawn from: it says nothing about the mean of the function, so it "
            "cannot be normalised. Use GaussianRandomField(space, standard_deviation, length) where draws or an "
            "evidence are needed."
        )


class Smoothness(SlopePenalty):
    r"""Slopes are small: the function may bend, but not jump.

    .. math:: \log p(u) = -\tfrac{s}{2} \int |\nabla u|^2 dx

    Slopes are taken between neighbouring nodes, across periodic ends but not across walls. Constants cost nothing:
    they are the null space of this penalty, which therefore cannot be normalised; the data must tell the mean.

    Args:
        space: where the function lives; Fourier or FiniteDifference.
        strength: the weight s; `choose_strength` finds one.

    References:
        Tikhonov, Soviet Math. Dokl. 4 (1963) 1035.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> space = js.Fourier(js.Grid(js.Box((0.0, 1.0)), (64,)))
        >>> wave = space.field(lambda x: jnp.sin(2 * jnp.pi * x[0]))
        >>> round(float(js.inference.Smoothness(space, strength=2.0).log_density(wave)), 1)
        -19.7
    """

    space: Space
    strength: Array = eqx.field(converter=as_floating, default=1.0)

    def residual(self, x):
        slopes = slopes_between_nodes(self.space, x)
        strength, volume = in_type_of(slopes, self.strength, cell_volume(self.space))
        return (jnp.sqrt(strength * volume) * slopes).ravel()


class TotalVariation(SlopePenalty):
    r"""Few jumps: the function is made of patches; smooth slopes cost no less than a jump of the same height.

    .. math:: \log p(u) = -s \int \left(\sqrt{|\nabla u|^2 + \epsilon^2} - \epsilon\right) dx

    The corner at zero is rounded over slopes of size `rounding`, which makes it a sum of squares with smooth
    residuals :math:`\sqrt{2 s}\, \nabla u / (\sqrt{|\nabla u|^2 + \epsilon^2} + \epsilon)^{1/2}`. Constants cost
    nothing, as with `Smoothness`.

    Args:
        space: where the function lives; Fourier or FiniteDifference.
        strength: the weight s, one over a height of jumps times their area.
        rounding: slopes much smaller than this cost as their squares; take about a hundredth of the largest slope.

    References:
        Rudin, Osher & Fatemi, Physica D 60 (1992) 259; Vogel & Oman, SIAM J. Sci. Comput. 17 (1996) 227, for the
        rounding.
    """

    space: Space
    strength: Array = eqx.field(converter=as_floating, default=1.0)
    rounding: Array = eqx.field(converter=as_floating, default=0.01)

    def residual(self, x):
        slopes = slopes_between_nodes(self.space, x)
        strength, volume, eps = in_type_of(slopes, self.strength, cell_volume(self.space), self.rounding)
        size = jnp.sqrt(jnp.sum(slopes**2, axis=0) + eps**2)
        return (jnp.sqrt(2 * strength * volume / (size + eps)) * slopes).ravel()


def slopes_between_nodes(space: Space, field: Field | Array) -> Float[Array, "dim *grid"]:
    """Differences to the next node along each axis, over the spacing; zero at the last node before a wall."""
    values = field.values if is_field(field) else as_floating(field)
    if values.shape != space.grid.shape:
        raise ShapeError(
            f"nodal values of shape {values.shape} meet a penalty on a grid of {space.grid.shape} nodes: pass a Field "
            "or its nodal values. A vector field has one prior per component."
        )
    slopes = []
    for axis in range(space.dim):
        ahead = jnp.roll(values, -1, axis)
        if isinstance(space, FiniteDifference) and not space.is_periodic(axis):
            last = jnp.arange(values.shape[axis]) == values.shape[axis] - 1
            ahead = jnp.where(jnp.expand_dims(last, [i for i in range(space.dim) if i != axis]), values, ahead)
        slopes.append((ahead - values) / space.grid.spacing[axis])
    return jnp.stack(slopes)


def cell_volume(space: Space) -> float:
    """Volume that belongs to one node."""
    return math.prod(space.grid.spacing)
