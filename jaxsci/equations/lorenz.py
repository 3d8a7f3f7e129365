"""Lorenz's models of unpredictable weather: three modes of convection (1963), a circle of latitude (1996)."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._core.errors import ShapeError
from .._core.precision import as_floating
from .base import Equation, Example
from .states import entries_of


class Lorenz63(Equation):
    """Three modes of convection; the state is the array `(x, y, z)`.

    $$\\dot x = \\sigma (y - x), \\qquad \\dot y = x (\\rho - z) - y, \\qquad \\dot z = x y - \\beta z$$

    At `rho < 1` all motion dies; up to 24.74 (with the other defaults) the convection rolls of `fixed_points` are
    stable; at the default 28 trajectories fill the butterfly, with largest Lyapunov exponent 0.9056: errors grow by a
    factor 10 every 2.5 time units, and derivatives of long averages by plain differentiation are meaningless. Volumes
    of phase space shrink at the constant rate `contraction`. For `beta = 2 sigma` the quantity `x^2 - 2 sigma z`
    decays exactly.

    Args:
        sigma: Prandtl number.
        rho: Rayleigh number over its critical value.
        beta: Geometric factor of the rolls.

    References:
        Lorenz, J. Atmos. Sci. 20 (1963) 130, equations 25-27.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import Lorenz63
        >>> Lorenz63(beta=2.0)(0.0, jnp.array([1.0, 2.0, 3.0])).tolist()
        [10.0, 23.0, -4.0]
    """

    sigma: Array = eqx.field(converter=as_floating, default=10.0)
    rho: Array = eqx.field(converter=as_floating, default=28.0)
    beta: Array = eqx.field(converter=as_floating, default=8 / 3)
    entries: ClassVar[tuple[str, ...]] = ("x", "y", "z")

    def __call__(self, t, u: Inexact[Array, "3 *batch"], args: Any = None) -> Inexact[Array, "3 *batch"]:
        x, y, z = entries_of(self, u)
        return jnp.stack([self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z])

    @property
    def contraction(self) -> Array:
        """Divergence of the flow, `-(sigma + 1 + beta)`: the sum of the Lyapunov exponents."""
        return -(self.sigma + 1.0 + self.beta)

    @property
    def fixed_points(self) -> Array:
        """The two steady rolls, one a row; they exist for `rho > 1`."""
        z = self.rho - 1.0
        x = jnp.sqrt(self.beta * z)
        return jnp.stack([jnp.stack([x, x, z]), jnp.stack([-x, -x, z])])


class Lorenz96(Equation):
    """Weather on a circle of latitude; the state is an array of sites along its first axis, four at least.

    $$\\dot x_i = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F$$

    The products conserve `energy`, the rest damps and forces it. Below `F = 8/9` the uniform state `x_i = F` is stable;
    with 40 sites and the default `F = 8` errors double every 0.42 time units, which Lorenz likened to two days.

    Args:
        forcing: The constant forcing `F`.

    References:
        Lorenz, Predictability: a problem partly solved, ECMWF (1996), equation 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import Lorenz96
        >>> Lorenz96(forcing=8.0)(0.0, jnp.array([1.0, 2.0, 3.0, 5.0])).tolist()
        [2.0, 4.0, 13.0, 0.0]
    """

    forcing: Array = eqx.field(converter=as_floating, default=8.0)

    def __call__(self, t, u: Inexact[Array, "sites *batch"], args: Any = None) -> Inexact[Array, "sites *batch"]:
        if u.ndim == 0 or u.shape[0] < 4:
            raise ShapeError(
                f"Lorenz96 needs four sites at least along the first axis, got an array of shape {u.shape}: on fewer "
                "the neighbours of a site are one site twice."
            )
        ahead, behind, two_behind = (jnp.roll(u, shift, axis=0) for shift in (-1, 1, 2))
        return (ahead - two_behind) * behind - u + self.forcing

    def energy(self, state: Inexact[Array, "sites *batch"]) -> Inexact[Array, "*batch"]:
        """`sum x_i^2 / 2`, which obeys `dE/dt = -2 E + F sum x_i`."""
        return (state * state).sum(axis=0) / 2

    @classmethod
    def example(cls) -> Example:
        """A uniform state relaxes, `x_i = F + (x_i(0) - F) exp(-t)`; for the default `F` it is unstable to ripples."""
        law = cls()
        return Example(law, lambda t: law.forcing - 7.0 * jnp.exp(-t) * jnp.ones(8))
