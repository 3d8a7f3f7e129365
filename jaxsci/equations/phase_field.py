"""Separation into two phases `u = -1` and `u = 1`: without conservation (Allen-Cahn) and with it (Cahn-Hilliard).

Both descend the energy of Ginzburg and Landau, `int gamma |grad u|^2 / 2 + (u^2 - 1)^2 / 4 dx`: mixtures separate
quickly, interfaces of width `sqrt(2 gamma)` form, `tanh(x / sqrt(2 gamma))` if flat, and then coarsen slowly.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Neumann, Periodic
from ..operators import biharmonic, gradient, inner, integral, laplacian
from .base import Example, SemilinearEquation
from .coefficients import nonnegative
from .states import check_field


class AllenCahn(SemilinearEquation):
    """Phase separation without conservation: interfaces move by their curvature, and small drops vanish.

    $$u_t = D \\nabla^2 u + r (u - u^3)$$

    Good values: `D = 1e-4`, `r = 5` on `[-1, 1]`, from `x^2 cos(pi x)`.

    Args:
        diffusivity: Diffusivity `D`; interfaces are `sqrt(2 D / r)` wide.
        reaction: Rate `r` at which mixtures separate.

    Raises:
        ValueError: If the diffusivity is negative.

    References:
        Allen & Cahn, Acta Metall. 27 (1979) 1085.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Neural(js.Box((0.0, 1.0))).field(lambda x: 0.5 * x[0])
        >>> float(js.equations.AllenCahn(reaction=8.0)(0.0, u)(jnp.array([1.0])))
        3.0
    """

    diffusivity: Array = eqx.field(converter=as_floating, default=1e-4)
    reaction: Array = eqx.field(converter=as_floating, default=5.0)

    def __check_init__(self):
        nonnegative("diffusivity", self.diffusivity)

    def check_state(self, u: Field) -> None:
        check_field(self, u)

    def linear(self, u: Field) -> Field:
        return self.diffusivity * laplacian(u) + self.reaction * u

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        return -self.reaction * u**3

    def energy(self, state: Field) -> Array:
        """`int D |grad u|^2 / 2 + r (u^2 - 1)^2 / 4 dx`, which never grows."""
        slope = gradient(state)
        wells = integral((state**2 - 1.0) ** 2)
        return self.diffusivity / 2 * inner(slope, slope) + self.reaction / 4 * wells

    @classmethod
    def example(cls) -> Example:
        """The exact front by which the phase 1 invades the unstable mixture 0, with `D = r = 1`."""
        law = cls(diffusivity=1.0, reaction=1.0)

        def solution(t, x):
            width = jnp.sqrt(2 * law.diffusivity / law.reaction)
            return jax.nn.sigmoid(-(x[0] - 3 * law.reaction * width / 2 * t) / width)

        return Example(law, solution, Box((-40.0, 45.0)), Neumann(0.0))


class CahnHilliard(SemilinearEquation):
    """Phase separation that conserves both substances: drops grow at the cost of smaller ones, with `t^(1/3)`.

    $$u_t = M \\nabla^2 (u^3 - u - \\gamma \\nabla^2 u)$$

    Mixtures with `3 u^2 < 1` separate, fastest at wavenumber `1 / sqrt(2 gamma)`. Good values: `gamma = 1e-2` on a box
    of side 10, small noise around 0.

    Args:
        gamma: Interface parameter; interfaces are `sqrt(2 gamma)` wide.
        mobility: Mobility `M`.

    Raises:
        ValueError: If `gamma` or the mobility is negative.

    References:
        Cahn & Hilliard, J. Chem. Phys. 28 (1958) 258.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,))).field(lambda x: 0.01 * jnp.cos(x[0]))
        >>> rate = js.equations.CahnHilliard(gamma=0.5)(0.0, u)
        >>> round(float(rate(jnp.array([0.0]))), 4)
        0.005
    """

    gamma: Array = eqx.field(converter=as_floating, default=1e-2)
    mobility: Array = eqx.field(converter=as_floating, default=1.0)

    def __check_init__(self):
        nonnegative("gamma", self.gamma)
        nonnegative("mobility", self.mobility)

    def check_state(self, u: Field) -> None:
        check_field(self, u)

    def linear(self, u: Field) -> Field:
        return -self.mobility * (laplacian(u) + self.gamma * biharmonic(u))

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        return self.mobility * laplacian(u**3)

    def mass(self, state: Field) -> Array:
        """`int u dx`, constant."""
        return integral(state)

    def energy(self, state: Field) -> Array:
        """`int gamma |grad u|^2 / 2 + (u^2 - 1)^2 / 4 dx`, which never grows."""
        slope = gradient(state)
        return self.gamma / 2 * inner(slope, slope) + integral((state**2 - 1.0) ** 2) / 4

    def interface(self, t, x) -> Array:
        """The flat interface, exact and at rest."""
        return jnp.tanh(x[0] / jnp.sqrt(2 * self.gamma))

    @classmethod
    def example(cls) -> Example:
        """A separating mixture that a source must sustain; the exact `interface` does not move."""

        def solution(t, x):
            return 0.1 + 0.5 * jnp.exp(-t) * jnp.cos(x[0]) + 0.2 * jnp.sin(2 * x[0] - t)

        return Example(cls(gamma=0.1), solution, Box((0.0, 2 * jnp.pi)), Periodic(), exact=False)
