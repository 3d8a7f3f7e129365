"""The Kuramoto-Sivashinsky equation: `u_t = -u u_x - u_xx - u_xxxx`, flames, films and the simplest chaotic field.

Solutions: waves longer than `2 pi` grow at rate `k^2 - k^4`, shorter ones decay, the product passes energy from the
first to the second. On boxes longer than about 22 that is chaos, with cells of size `2 pi sqrt 2`.
Good values: `x` in `[0, 32 pi)`, `u = cos(x/16) (1 + sin(x/16))`: `u(t=10, x=0) = 0.587967873`.

Reference: Kassam & Trefethen, SIAM J. Sci. Comput. 26 (2005) 1214, equation 4.1.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.errors import ShapeError
from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Periodic
from ..operators import biharmonic, derivative, dot, gradient, laplacian
from .base import Example, SemilinearEquation
from .coefficients import nonnegative
from .states import check_field


class KuramotoSivashinsky(SemilinearEquation):
    """Long waves grow, short waves decay, a quadratic term passes energy on.

    $$u_t = -\\tfrac12 (u^2)_x - u_{xx} - \\nu u_{xxxx}, \\qquad\\text{in more dimensions}\\quad
      u_t = -\\tfrac12 |\\nabla u|^2 - \\nabla^2 u - \\nu \\nabla^4 u$$

    The two forms differ by a derivative: in one dimension `u` is the slope of the front, in more its height, whose
    mean falls.

    Args:
        damping: Factor `nu` of the fourth derivative.

    Raises:
        ValueError: If the damping is negative: the shortest waves would then grow fastest.
        ShapeError: If the field is not a scalar.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,))).field(lambda x: 2 + jnp.sin(x[0]))
        >>> rate = js.equations.KuramotoSivashinsky()(0.0, u)
        >>> round(float(rate(jnp.array([0.0]))), 4)
        -2.0
    """

    damping: Array = eqx.field(converter=as_floating, default=1.0)

    def __check_init__(self):
        nonnegative("damping", self.damping)

    def check_state(self, u: Field) -> None:
        check_field(self, u)
        if u.shape != ():
            raise ShapeError(
                f"KuramotoSivashinsky needs a scalar field, got value shape {u.shape}: pass one component, "
                "such as u[0]."
            )

    def linear(self, u: Field) -> Field:
        return -laplacian(u) - self.damping * biharmonic(u)

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        if u.space.dim == 1:
            return -0.5 * derivative(u**2)
        slope = gradient(u)
        return -0.5 * dot(slope, slope)

    def front(self, t, x, speed=0.0) -> Array:
        """The exact front of Kuramoto and Tsuzuki on the line, for `damping = 1`.

        `speed + 15/19 sqrt(11/19) (11 tanh^3 z - 9 tanh z)` with `z = sqrt(11/19)/2 (x - speed t)`.
        """
        z = jnp.tanh((11 / 19) ** 0.5 / 2 * (x[0] - speed * t))
        return speed + 15 / 19 * (11 / 19) ** 0.5 * (11 * z**3 - 9 * z)

    @classmethod
    def example(cls) -> Example:
        """A travelling wave that a source must sustain: no smooth periodic solution is known in closed form."""

        def solution(t, x):
            y = x[0] / 16
            return jnp.cos(y - t) * (1 + jnp.sin(y))

        return Example(cls(), solution, Box((0.0, 32 * jnp.pi)), Periodic(), exact=False)
