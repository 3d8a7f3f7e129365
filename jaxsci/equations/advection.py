"""Advection: `u_t + (c . grad) u = 0`, transport without change of shape.

Solutions: with constant `c` the start travels, `u(t, x) = u(0, x - c t)`; with a variable one values ride along the
streamlines, and the mean of `u` stays if `div c = 0`. Every error of a method shows: central differences disperse,
upwind ones smear. Good values: `c = 1`; `c = 30` on `[0, 2 pi]` is a known trap for networks.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Periodic
from ..operators import advection, derivative
from .base import Example, SemilinearEquation
from .coefficients import is_function, nothing, sampled, vector_of
from .states import check_field


class Advection(SemilinearEquation):
    """Transport of a field by a given velocity.

    $$u_t = -(c \\cdot \\nabla) u$$

    A constant velocity is the linear part of the law; a variable one counts as nonlinear.

    Args:
        velocity: One number per axis (in one dimension a number), or a vector field or function of one point.

    Raises:
        ShapeError: If the number of components is not that of the axes.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,))).field(lambda x: jnp.sin(x[0]))
        >>> rate = js.equations.Advection(velocity=2.0)(0.0, u)
        >>> round(float(rate(jnp.array([0.0]))), 4)
        -2.0
    """

    velocity: Array | Field | Any = eqx.field(converter=as_floating, default=1.0)

    def check_state(self, u: Field) -> None:
        check_field(self, u)

    def linear(self, u: Field) -> Field:
        if is_function(self.velocity):
            return nothing(u)
        components = vector_of("velocity", self.velocity, u.space.dim)
        terms = [-c * derivative(u, axis) for axis, c in enumerate(components)]
        return sum(terms[1:], start=terms[0])

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        return -advection(sampled(self.velocity, u), u) if is_function(self.velocity) else nothing(u)

    @classmethod
    def example(cls) -> Example:
        """A periodic wave that travels with speed 1."""
        law = cls()
        return Example(law, lambda t, x: jnp.exp(jnp.sin(x[0] - law.velocity * t)), Box((0.0, 2 * jnp.pi)), Periodic())
