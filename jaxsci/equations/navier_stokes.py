"""Incompressible flow: `u_t + (u . grad) u = -grad p + nu lap u - alpha u + f`, `div u = 0`, periodic.

Solutions: at small `nu` turbulence: energy cascades to the scale `(nu^3 / dissipation)^(1/4)`, which the grid must
resolve. `energy` falls at the rate `dissipation`. Good values: the Taylor-Green vortex at `nu = 1/1600`: mean energy
1/8 and its rate of fall 4.6875e-4 at the start, 1.29e-2 at most, at `t = 8.97`.

Reference: Taylor & Green, Proc. R. Soc. A 158 (1937) 499; Basdevant, J. Comput. Phys. 50 (1983) 209.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.errors import ShapeError
from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Periodic
from ..operators import derivative, divergence_free, gradient, inner, integral, laplacian, stack
from .base import Example, SemilinearEquation
from .coefficients import Source, as_source, nonnegative, sampled, with_source
from .states import check_field, share_lost

MOST_DIVERGENCE = 0.3


class NavierStokes(SemilinearEquation):
    """Incompressible flow in a periodic box of two or three dimensions, for a divergence-free velocity.

    $$u_t = P\\left[-\\nabla \\cdot (u \\otimes u) + f\\right] + \\nu \\nabla^2 u - \\alpha u$$

    `P` projects onto divergence-free fields, which is what the pressure does; it lets the last diagonal product be
    subtracted from the others, so that 8 transforms do in three dimensions and 4 in two.

    Args:
        viscosity: Kinematic viscosity `nu`.
        drag: Linear friction `alpha`.
        forcing: Force per mass: one number per component, a vector field, a function of one point, or None.

    Raises:
        ValueError: If viscosity or drag is negative, or a simulation starts with divergence.
        ShapeError: If the field, or the forcing, is not a vector with one component per axis.
        UnsupportedError: If the storage has no projection.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> grid = js.Grid(js.Box((0.0, 2 * jnp.pi), (0.0, 2 * jnp.pi)), (16, 16))
        >>> u = js.Fourier(grid).field(js.equations.taylor_green)
        >>> rate = js.equations.NavierStokes(viscosity=0.25)(0.0, u)
        >>> round(float(rate(jnp.array([0.0, jnp.pi / 2]))[0]), 4)
        0.5
    """

    viscosity: Array = eqx.field(converter=as_floating, default=1 / 1600)
    drag: Array = eqx.field(converter=as_floating, default=0.0)
    forcing: Source = eqx.field(converter=as_source, default=None)

    def __check_init__(self):
        nonnegative("viscosity", self.viscosity)
        nonnegative("drag", self.drag)

    def check_state(self, u: Field) -> None:
        check_field(self, u)
        dim = u.space.dim
        if dim not in (2, 3) or u.shape != (dim,):
            raise ShapeError(
                f"NavierStokes needs a velocity with {dim} components in two or three dimensions, got value shape "
                f"{u.shape} in {dim}: write space.field(lambda x: jnp.stack([...]))."
            )

    def check_start(self, u: Field) -> None:
        self.check_state(u)
        share = share_lost(_squares, u)
        if share > MOST_DIVERGENCE:
            raise ValueError(
                "NavierStokes keeps the divergence of its start, which must be zero: a gradient makes up "
                f"{share:.1%} of this velocity. Start from js.divergence_free(velocity)."
            )

    def linear(self, u: Field) -> Field:
        return self.viscosity * laplacian(u) - self.drag * u

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        dim = u.space.dim
        pairs = [(i, j) for i in range(dim) for j in range(i, dim) if i < dim - 1]
        products = u.map(lambda v: jnp.stack([_product(v, i, j) for i, j in pairs])).to(u.space.home)
        flux = {pair: products[k] for k, pair in enumerate(pairs)}
        rates = []
        for i in range(dim):
            terms = [derivative(flux[min(i, j), max(i, j)], j) for j in range(dim) if (min(i, j), max(i, j)) in flux]
            rates.append(sum(terms[1:], start=terms[0]))
        return divergence_free(with_source(-stack(*rates), self._force(u)))

    def _force(self, u: Field) -> Source:
        if self.forcing is None:
            return None
        force = sampled(self.forcing, u)
        if force.shape != u.shape:
            raise ShapeError(
                f"the forcing has a value of shape {force.shape} at each point, but a force has {u.space.dim} "
                "components: write forcing=lambda x: jnp.stack([...]), or one number per component."
            )
        return force

    def energy(self, state: Field) -> Array:
        """Mean kinetic energy, `mean |u|^2 / 2`."""
        return mean_square(state) / 2

    def dissipation(self, state: Field) -> Array:
        """Mean energy turned into heat per time, `nu mean |grad u|^2`."""
        return self.viscosity * mean_square(gradient(state))

    @classmethod
    def example(cls) -> Example:
        """The Taylor-Green vortices in the plane, which decay at rate `2 nu` and keep their shape."""
        law = cls(viscosity=0.1)

        def solution(t, x):
            return jnp.exp(-2 * law.viscosity * t) * taylor_green(x)

        return Example(law, solution, Box((0.0, 2 * jnp.pi), (0.0, 2 * jnp.pi)), Periodic())

    @classmethod
    def beltrami_example(cls) -> Example:
        """The flow of Arnold, Beltrami and Childress, its own curl: it decays at rate `nu` and keeps its shape."""
        law = cls(viscosity=0.1)

        def solution(t, x):
            s, c = jnp.sin(x), jnp.cos(x)
            flow = jnp.stack([s[2] + 0.5 * c[1], 0.8 * s[0] + c[2], 0.5 * s[1] + 0.8 * c[0]])
            return jnp.exp(-law.viscosity * t) * flow

        return Example(law, solution, Box(*((0.0, 2 * jnp.pi),) * 3), Periodic())


@eqx.filter_jit
def _squares(u: Field) -> tuple[Array, Array]:
    """Mean squares of the part of a velocity that the projection takes away, and of the whole."""
    return mean_square(u - divergence_free(u)), mean_square(u)


def _product(v, i, j):
    return v[i] * v[j] if i < j else (v[i] - v[-1]) * (v[i] + v[-1])


def taylor_green(x: Array) -> Array:
    """Velocity of the Taylor-Green vortices at a point of a plane or of space, on a box of side `2 pi`.

    Plane: `(-cos x sin y, sin x cos y)`. Space: `(sin x cos y cos z, -cos x sin y cos z, 0)`.

    Args:
        x: A point.
    """
    s, c = jnp.sin(x), jnp.cos(x)
    if x.shape == (2,):
        return jnp.stack([-c[0] * s[1], s[0] * c[1]])
    return jnp.stack([s[0] * c[1] * c[2], -c[0] * s[1] * c[2], jnp.zeros_like(s[0])])


def mean_square(field: Field) -> Array:
    """Average over the domain of the sum of the squares of all components."""
    return inner(field, field) / integral(field.space.constant(field, jnp.ones((), field.dtype)))
