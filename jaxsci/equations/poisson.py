"""Poisson's equation: `-lap u = f`, the potential of charges and masses, the height of a loaded membrane.

Solutions: as smooth as `f` and two derivatives more; largest and smallest values lie at the walls where `f` vanishes.
Good values: `f = 2 pi^2 sin(pi x) sin(pi y)` on the unit square with `u = 0` around it: `u = sin(pi x) sin(pi y)`.

Reference: Evans, Partial Differential Equations, section 2.2.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from ..fields import Field, Space
from ..geometry import Box, Dirichlet
from ..operators import laplacian, solve_poisson
from .base import Example, SemilinearEquation
from .coefficients import Source, as_source, nothing, with_source
from .states import check_field


class Poisson(SemilinearEquation):
    """Poisson's equation, stationary; as a law in time it relaxes to its solution, `u_t = lap u + f`.

    $$0 = \\nabla^2 u + f$$

    Args:
        source: The source `f`: a number, a field, a function of one point, or None (Laplace's equation).

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> space = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,)))
        >>> u = js.equations.Poisson(lambda x: 4 * jnp.sin(2 * x[0])).solve(space)
        >>> round(float(u(jnp.array([jnp.pi / 4]))), 4)
        1.0
    """

    source: Source = eqx.field(converter=as_source, default=None)

    def check_state(self, u: Field) -> None:
        check_field(self, u)

    def linear(self, u: Field) -> Field:
        return laplacian(u)

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        return with_source(nothing(u), self.source)

    def residual(self, u: Field) -> Field:
        """`lap u + f`, zero for the solution."""
        return self(0.0, u)

    def solve(self, space: Space) -> Field:
        """The solution in a space, with its boundary law; on periodic boxes the one of zero mean."""
        zero = space.field(lambda x: jnp.zeros_like(x[0]))
        f = with_source(zero, self.source)
        return solve_poisson(Field((-f).data, space, f.layout))

    @classmethod
    def example(cls) -> Example:
        """One bump on the unit square."""

        def solution(t, x):
            return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])

        return Example(
            cls(lambda x: 2 * jnp.pi**2 * solution(0.0, x)), solution, Box((0.0, 1.0), (0.0, 1.0)), Dirichlet(0.0)
        )
