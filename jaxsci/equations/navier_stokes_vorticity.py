"""The Navier-Stokes equations in the plane, for the vorticity: `w_t + (u . grad) w = nu lap w - alpha w + f`.

Formula: `w = dv/dx - du/dy`, `(u, v) = (psi_y, -psi_x)`, `lap psi = -w`. Solutions: energy runs to large scales,
enstrophy to small ones; vortices merge. Without forcing and friction `energy` falls at `2 nu` times `enstrophy`. Good
values: `nu = 1e-3` at 256^2; Kolmogorov flow with `nu = 1e-3`, wavenumber 4, drag 0.1.

Reference: Basdevant, J. Comput. Phys. 50 (1983) 209 (the form with four transforms); Arnold & Meshalkin (1960).
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.errors import ShapeError
from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Periodic
from ..operators import curl, derivative, laplacian, mean, solve_poisson
from .base import Example, SemilinearEquation
from .coefficients import Source, as_source, is_function, nonnegative, with_source
from .navier_stokes import mean_square
from .states import check_field, share_lost

MOST_MEAN = 0.3


class KolmogorovForcing(eqx.Module):
    """The curl of a force along x that varies as a sine along y, `f = curl (A sin(k y), 0) = -A k cos(k y)`.

    Args:
        wavenumber: Wavenumber `k` of the force; it must fit the box.
        amplitude: Amplitude `A` of the force.
    """

    wavenumber: Array = eqx.field(converter=as_floating, default=4.0)
    amplitude: Array = eqx.field(converter=as_floating, default=1.0)

    def __call__(self, x: Array) -> Array:
        return -self.amplitude * self.wavenumber * jnp.cos(self.wavenumber * x[1])


class NavierStokesVorticity(SemilinearEquation):
    """Incompressible flow in a periodic plane, for a scalar vorticity; the mean velocity is zero.

    $$\\omega_t = (\\partial_y^2 - \\partial_x^2)(u v) + \\partial_x \\partial_y (u^2 - v^2)
      + \\nu \\nabla^2 \\omega - \\alpha \\omega + f$$

    Basdevant's form of `-(u . grad) w`: it needs the two velocities and two products, four transforms in all.

    Args:
        viscosity: Kinematic viscosity `nu`.
        drag: Linear friction `alpha` with the ground, which takes the energy that gathers at large scales.
        forcing: Curl of the force: a field, a function of one point, or None.

    Raises:
        ValueError: If viscosity or drag is negative, the forcing is constant, or a simulation starts with a mean
            vorticity.
        ShapeError: If the field is not a scalar on a plane.
        UnsupportedError: If the storage cannot solve Poisson's equation.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> grid = js.Grid(js.Box((0.0, 2 * jnp.pi), (0.0, 2 * jnp.pi)), (16, 16))
        >>> w = js.Fourier(grid).field(lambda x: 2 * jnp.cos(x[0]) * jnp.cos(x[1]))
        >>> rate = js.equations.NavierStokesVorticity(viscosity=0.25)(0.0, w)
        >>> round(float(rate(jnp.array([0.0, 0.0]))), 4)
        -1.0
    """

    viscosity: Array = eqx.field(converter=as_floating, default=1e-3)
    drag: Array = eqx.field(converter=as_floating, default=0.0)
    forcing: Source = eqx.field(converter=as_source, default=None)

    def __check_init__(self):
        nonnegative("viscosity", self.viscosity)
        nonnegative("drag", self.drag)
        if not is_function(self.forcing) and self.forcing is not None:
            raise ValueError(
                "NavierStokesVorticity(forcing=a number) would spin up a mean vorticity, which a periodic flow cannot "
                "have: the curl of a force varies; give a field or a function of one point."
            )

    @classmethod
    def kolmogorov(cls, viscosity=1e-3, drag=0.1, wavenumber=4.0, amplitude=1.0) -> "NavierStokesVorticity":
        """Kolmogorov flow: a force `A sin(k y)` along x, laminar at first, then turbulent as viscosity falls."""
        return cls(viscosity, drag, KolmogorovForcing(wavenumber, amplitude))

    def check_state(self, u: Field) -> None:
        check_field(self, u)
        if u.space.dim != 2 or u.shape != ():
            raise ShapeError(
                f"NavierStokesVorticity needs a scalar field on a plane, got value shape {u.shape} in {u.space.dim} "
                "dimensions: pass js.curl(velocity), or use NavierStokes for velocities."
            )

    def check_start(self, u: Field) -> None:
        self.check_state(u)
        share = share_lost(_squares, u)
        if share > MOST_MEAN:
            raise ValueError(
                "NavierStokesVorticity needs a start of zero mean, as every curl of a periodic velocity has: the mean "
                f"of this vorticity is {share:.1%} of its root mean square. Start from w - js.mean(w)."
            )

    def linear(self, u: Field) -> Field:
        return self.viscosity * laplacian(u) - self.drag * u

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        psi, home = self.stream_function(u), u.space.home
        u, v = derivative(psi, 1).sampled(), (-derivative(psi, 0)).sampled()
        uv, difference = (u * v).to(home), (u * u - v * v).to(home)
        rate = derivative(uv, 1, 2) - derivative(uv, 0, 2) + derivative(derivative(difference, 0), 1)
        return with_source(rate, self.forcing)

    def stream_function(self, state: Field) -> Field:
        """`psi` with `lap psi = -w`."""
        return -solve_poisson(state)

    def velocity(self, state: Field) -> Field:
        """The velocity `(psi_y, -psi_x)`."""
        return curl(self.stream_function(state))

    def energy(self, state: Field) -> Array:
        """Mean kinetic energy, `mean |u|^2 / 2`."""
        return mean_square(self.velocity(state)) / 2

    def enstrophy(self, state: Field) -> Array:
        """`mean w^2 / 2`."""
        return mean_square(state) / 2

    @classmethod
    def example(cls) -> Example:
        """The Taylor-Green vortices, which decay at rate `2 nu` and keep their shape."""
        law = cls(viscosity=0.1)

        def solution(t, x):
            return 2 * jnp.exp(-2 * law.viscosity * t) * jnp.cos(x[0]) * jnp.cos(x[1])

        return Example(law, solution, Box((0.0, 2 * jnp.pi), (0.0, 2 * jnp.pi)), Periodic())


@eqx.filter_jit
def _squares(w: Field) -> tuple[Array, Array]:
    """The square of the mean of a vorticity, and the mean of its square."""
    return mean(w) ** 2, mean_square(w)
