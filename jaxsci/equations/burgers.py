"""Burgers' equation: `u_t + (u . grad) u = nu lap u`, the simplest fluid: it steepens, and viscosity stops it.

Solutions: in one dimension every start turns into fronts of width `nu / jump`, which merge and decay; the Cole-Hopf
transform `u = -2 nu phi_x / phi` gives them all from the heat equation. Fronts need a few nodes each.
Good values: `nu = 0.01/pi`, `u(0, x) = -sin(pi x)` on `[-1, 1]`: the slope at 0 reaches -152.0051616 at `t =
0.51046976`.

Reference: Burgers, Adv. Appl. Mech. 1 (1948) 171; Basdevant et al., Comput. Fluids 14 (1986) 23.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.errors import ShapeError
from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Periodic
from ..operators import advection, derivative, laplacian
from .base import Example, SemilinearEquation
from .coefficients import nonnegative
from .states import check_field


class Burgers(SemilinearEquation):
    """Burgers' equation in one to three dimensions.

    $$u_t = -(u \\cdot \\nabla) u + \\nu \\nabla^2 u, \\qquad\\text{for a scalar in one dimension}\\quad
      u_t = -\\tfrac12 (u^2)_x + \\nu u_{xx}$$

    The scalar form conserves the integral of `u` exactly on periodic grids.

    Args:
        viscosity: Viscosity `nu`.

    Raises:
        ValueError: If the viscosity is negative.
        ShapeError: If the field is neither a scalar in one dimension nor a vector with one component per axis.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,))).field(lambda x: 3 + jnp.sin(x[0]))
        >>> rate = js.equations.Burgers(viscosity=0.1)(0.0, u)
        >>> round(float(rate(jnp.array([0.0]))), 4)
        -3.0
    """

    viscosity: Array = eqx.field(converter=as_floating, default=0.01)

    def __check_init__(self):
        nonnegative("viscosity", self.viscosity)

    def check_state(self, u: Field) -> None:
        check_field(self, u)
        dim, shape = u.space.dim, u.shape
        if shape != (dim,) and (dim, shape) != (1, ()):
            raise ShapeError(
                f"Burgers needs a velocity with {dim} components on a {dim}-dimensional domain, got value shape "
                f"{shape}: write space.field(lambda x: jnp.stack([...]))."
            )

    def linear(self, u: Field) -> Field:
        return self.viscosity * laplacian(u)

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        return -advection(u, u) if u.shape else -0.5 * derivative(u**2)

    @classmethod
    def example(cls) -> Example:
        """A wave that steepens and decays, `phi = 2 + exp(-nu t) cos x` in the Cole-Hopf transform."""
        law = cls(viscosity=0.1)

        def solution(t, x):
            nu = law.viscosity
            decay = jnp.exp(-nu * t)
            return 2 * nu * decay * jnp.sin(x[0]) / (2 + decay * jnp.cos(x[0]))

        return Example(law, solution, Box((0.0, 2 * jnp.pi)), Periodic())
