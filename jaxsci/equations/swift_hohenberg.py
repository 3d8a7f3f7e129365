"""The Swift-Hohenberg equation: `u_t = r u - (q^2 + lap)^2 u + g u^2 - u^3`, patterns of one wavelength.

Solutions: for `r > 0` waves near wavenumber `q` grow to stripes of amplitude about `2 sqrt(r / 3)`; with `g` large
enough hexagons win; for `r < 0` and `g` large, single spots survive. The law descends `energy`, so every pattern comes
to rest.
Good values: `r = 0.3`, `q = 1`, a box of 20 pi.

Reference: Swift & Hohenberg, Phys. Rev. A 15 (1977) 319; Cross & Hohenberg, Rev. Mod. Phys. 65 (1993) 851.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Periodic
from ..operators import biharmonic, inner, integral, laplacian
from .base import Example, SemilinearEquation
from .states import check_field


class SwiftHohenberg(SemilinearEquation):
    """Pattern formation with one preferred wavelength, in any dimension.

    $$u_t = r u - (q^2 + \\nabla^2)^2 u + g u^2 - u^3$$

    Args:
        growth: Growth rate `r` of the preferred waves.
        quadratic: Strength `g` of the term that tells up from down.
        wavenumber: Preferred wavenumber `q`.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,))).field(lambda x: 0.1 * jnp.cos(x[0]))
        >>> rate = js.equations.SwiftHohenberg(growth=0.5)(0.0, u)
        >>> round(float(rate(jnp.array([0.0]))), 4)
        0.049
    """

    growth: Array = eqx.field(converter=as_floating, default=0.3)
    quadratic: Array = eqx.field(converter=as_floating, default=0.0)
    wavenumber: Array = eqx.field(converter=as_floating, default=1.0)

    def check_state(self, u: Field) -> None:
        check_field(self, u)

    def linear(self, u: Field) -> Field:
        q2 = self.wavenumber**2
        return (self.growth - q2**2) * u - 2 * q2 * laplacian(u) - biharmonic(u)

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        g = self.quadratic
        return u.map(lambda a: g * a**2 - a**3)

    def energy(self, state: Field) -> Array:
        """`int ((q^2 + lap) u)^2 / 2 - r u^2 / 2 - g u^3 / 3 + u^4 / 4 dx`, which never grows."""
        bending = self.wavenumber**2 * state + laplacian(state)
        quadratic = inner(bending, bending) - self.growth * inner(state, state)
        return quadratic / 2 - self.quadratic / 3 * integral(state**3) + integral(state**4) / 4

    @classmethod
    def example(cls) -> Example:
        """Stripes that a source keeps moving; the law itself lets them rest."""

        def solution(t, x):
            return 0.6 * jnp.cos(x[0] - t) + 0.1 * jnp.exp(-t) * jnp.sin(2 * x[0])

        return Example(cls(quadratic=0.5), solution, Box((0.0, 4 * jnp.pi)), Periodic(), exact=False)
