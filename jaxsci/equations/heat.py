"""The heat equation: `u_t = div(K grad u) + f`.

Solutions: every wave decays, the shorter the faster (`exp(-K k^2 t)`); maxima fall, minima rise, the heat inside
changes only through walls and source. Conductivity may be a number, a symmetric matrix (anisotropic materials), or
either of them varying in space. Good values: `K = 1/4` on `[0, 1]`, `u = 0` at both ends.

Reference: Fourier, Theorie analytique de la chaleur (1822); Crank, The Mathematics of Diffusion, chapter 2.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Dirichlet
from ..operators import diffusion
from .base import Example, SemilinearEquation
from .coefficients import (
    Source,
    as_source,
    is_function,
    nonnegative,
    nonnegative_matrix,
    nothing,
    sampled,
    with_source,
)
from .states import check_field


class Heat(SemilinearEquation):
    """Conduction of heat, diffusion of matter.

    $$u_t = \\nabla \\cdot (K \\nabla u) + f$$

    A constant conductivity is the linear part of the law. A variable one cannot be: it counts as nonlinear, less
    `background` times the Laplacian, which moves to the linear part. With a background of at least half the largest
    conductivity, IMEX and exponential methods are then free of the limit `dt < h^2/(2 K)`; without one they are bound
    by it.

    Args:
        conductivity: Number, symmetric matrix, or a field or function of one point with such values.
        source: Heat produced per time: a number, a field, a function of one point, or None.
        background: For variable conductivity, the constant one treated as the linear part.

    Raises:
        ValueError: If the conductivity or the background is negative: heat would run uphill, and no solution exists.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,))).field(lambda x: jnp.sin(2 * x[0]))
        >>> rate = js.equations.Heat(conductivity=0.5)(0.0, u)
        >>> round(float(rate(jnp.array([jnp.pi / 4]))), 4)
        -2.0
    """

    conductivity: Array | Field | Any = eqx.field(converter=as_floating, default=1.0)
    source: Source = eqx.field(converter=as_source, default=None)
    background: Array = eqx.field(converter=as_floating, default=0.0)

    def __check_init__(self):
        nonnegative_matrix("conductivity", self.conductivity)
        nonnegative("background", self.background)

    def check_state(self, u: Field) -> None:
        check_field(self, u)

    def check_start(self, u: Field) -> None:
        self._varying(u)

    def linear(self, u: Field) -> Field:
        return diffusion(u, self.background if is_function(self.conductivity) else self.conductivity)

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        if is_function(self.conductivity):
            rate = diffusion(u, self._varying(u)) - diffusion(u, self.background)
        else:
            rate = nothing(u)
        return with_source(rate, self.source)

    def _varying(self, u: Field) -> Any:
        """The conductivity; a function is sampled, and looked at where its values are known."""
        if isinstance(self.conductivity, Field) or not is_function(self.conductivity):
            return self.conductivity
        K = sampled(self.conductivity, u)
        nonnegative_matrix("conductivity", K)
        return K

    @classmethod
    def example(cls) -> Example:
        """A half wave between cold walls, decaying at rate `pi^2/4`."""
        law = cls(conductivity=0.25)

        def solution(t, x):
            return jnp.exp(-law.conductivity * jnp.pi**2 * t) * jnp.sin(jnp.pi * x[0])

        return Example(law, solution, Box((0.0, 1.0)), Dirichlet(0.0))
