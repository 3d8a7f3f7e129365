"""The Korteweg-de Vries equation: `u_t - 6 u u_x + u_xxx = 0`, waves on shallow water.

Solutions: solitons, `u = -(c/2) sech^2(sqrt(c)/2 (x - c t - a))`: the deeper, the narrower and faster; they pass
through each other unchanged but for a shift. Infinitely many invariants; `mass`, `momentum` and `energy` are the first
three.
Good values: `c = 5` on a periodic box of length 20, 256 modes.

Reference: Korteweg & de Vries, Phil. Mag. 39 (1895) 422; Gardner et al., Phys. Rev. Lett. 19 (1967) 1095.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.errors import ShapeError
from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Periodic
from ..operators import derivative, inner, integral
from .base import Example, SemilinearEquation
from .states import check_field


class KortewegDeVries(SemilinearEquation):
    """Steepening balanced by dispersion, in one dimension.

    $$u_t = \\tfrac a2 (u^2)_x - d\\, u_{xxx}$$

    Args:
        steepening: Factor `a` of `u u_x`; the classical value is 6, other texts use -6 or -1.
        dispersion: Factor `d` of the third derivative.

    Raises:
        ShapeError: If the field does not live in one dimension.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,))).field(lambda x: 1 + jnp.sin(x[0]))
        >>> rate = js.equations.KortewegDeVries()(0.0, u)
        >>> round(float(rate(jnp.array([0.0]))), 3)
        7.0
    """

    steepening: Array = eqx.field(converter=as_floating, default=6.0)
    dispersion: Array = eqx.field(converter=as_floating, default=1.0)

    def check_state(self, u: Field) -> None:
        check_field(self, u)
        if u.space.dim != 1:
            raise ShapeError(
                f"KortewegDeVries needs a field in one dimension, got one in {u.space.dim}: build it on "
                "js.Grid(js.Box((0.0, length)), (n,))."
            )

    def linear(self, u: Field) -> Field:
        return -self.dispersion * derivative(u, order=3)

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        return self.steepening / 2 * derivative(u**2)

    def mass(self, state: Field) -> Array:
        """`int u dx`, constant."""
        return integral(state)

    def momentum(self, state: Field) -> Array:
        """`int u^2 dx`, constant."""
        return inner(state, state)

    def energy(self, state: Field) -> Array:
        """`int a u^3 / 6 + d u_x^2 / 2 dx`, constant; its variational derivative drives the law."""
        slope = derivative(state)
        return self.steepening / 6 * integral(state**3) + self.dispersion / 2 * inner(slope, slope)

    def soliton(self, t, x, speed, center=0.0) -> Array:
        """The soliton of a given speed, which is at `center` at time 0, on the infinite line."""
        phase = jnp.sqrt(speed / self.dispersion) / 2 * (x[0] - speed * t - center)
        return -3 * speed / self.steepening / jnp.cosh(phase) ** 2

    @classmethod
    def example(cls) -> Example:
        """A soliton of speed 5 and its periodic images on a box of length 20; they overlap by less than 1e-17."""
        law, length = cls(), 20.0

        def solution(t, x):
            x = jnp.mod(x - 5.0 * t, length) + 5.0 * t
            return sum(law.soliton(t, x, 5.0, center) for center in (-10.0, 10.0, 30.0))

        return Example(law, solution, Box((0.0, length)), Periodic())
