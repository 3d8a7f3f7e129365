"""The equation of Fisher, Kolmogorov, Petrovsky and Piskunov: `u_t = D lap u + r u (1 - u)`, the spread of a gene.

Solutions: the empty state 0 is unstable, the full state 1 stable; any local start becomes a front of speed `2 sqrt(r
D)` (slower ones turn negative). One front is known exactly, that of speed `5 sqrt(r D / 6)`. Good values: `D = r = 1`.

Reference: Ablowitz & Zeppetella, Bull. Math. Biol. 41 (1979) 835.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Neumann
from ..operators import laplacian
from .base import Example, SemilinearEquation
from .coefficients import nonnegative
from .states import check_field


class FisherKPP(SemilinearEquation):
    """Diffusion and logistic growth, in any dimension.

    $$u_t = D \\nabla^2 u + r u (1 - u)$$

    Args:
        diffusivity: Diffusivity `D`.
        growth: Growth rate `r`.

    Raises:
        ValueError: If the diffusivity is negative.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Neural(js.Box((0.0, 1.0))).field(lambda x: 0.5 * x[0])
        >>> float(js.equations.FisherKPP(growth=4.0)(0.0, u)(jnp.array([1.0])))
        1.0
    """

    diffusivity: Array = eqx.field(converter=as_floating, default=1.0)
    growth: Array = eqx.field(converter=as_floating, default=1.0)

    def __check_init__(self):
        nonnegative("diffusivity", self.diffusivity)

    def check_state(self, u: Field) -> None:
        check_field(self, u)

    def linear(self, u: Field) -> Field:
        return self.diffusivity * laplacian(u) + self.growth * u

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        return -self.growth * u**2

    @classmethod
    def example(cls) -> Example:
        """The exact front; the ends of the box are far enough for both plateaus."""
        law = cls()

        def solution(t, x):
            width = jnp.sqrt(6 * law.diffusivity / law.growth)
            speed = 5 * jnp.sqrt(law.growth * law.diffusivity / 6)
            return jax.nn.sigmoid(-(x[0] - speed * t) / width) ** 2

        return Example(law, solution, Box((-70.0, 60.0)), Neumann(0.0))
