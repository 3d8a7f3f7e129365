"""The Gray-Scott reaction: `u_t = D_u lap u - u v^2 + F (1 - u)`, `v_t = D_v lap v + u v^2 - (F + k) v`.

Solutions: the substance `v` feeds on `u` and makes more of itself. Depending on feed `F` and kill `k`: spots that
divide like cells, worms, mazes, waves, or death, `u = 1`, `v = 0`, which is always stable. Good values: box of side
2.5, `D_u = 2e-5`, `D_v = 1e-5`, `F = 0.04`, `k = 0.06` (mazes), times of thousands.

Reference: Pearson, Science 261 (1993) 189.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.precision import as_floating, as_pair
from ..geometry import Box, Periodic
from ..operators import laplacian
from .base import Example, SemilinearEquation
from .coefficients import nonnegative
from .states import check_fields


class Concentrations(NamedTuple):
    """Concentrations of the food `u` and of the feeder `v`."""

    u: Any
    v: Any


class GrayScott(SemilinearEquation):
    """Two substances that react and diffuse; the state is a pair `Concentrations(u, v)`.

    $$u_t = D_u \\nabla^2 u - u v^2 + F (1 - u), \\qquad v_t = D_v \\nabla^2 v + u v^2 - (F + k) v$$

    Args:
        feed: Feed rate `F`.
        kill: Removal rate `k` of the feeder.
        diffusivities: Diffusivities `(D_u, D_v)`.

    Raises:
        ValueError: If a diffusivity is negative.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Neural(js.Box((0.0, 1.0))).field(lambda x: 0.5 * x[0])
        >>> rate = js.equations.GrayScott(feed=0.5, kill=0.0)(0.0, js.equations.Concentrations(u, u))
        >>> float(rate.u(jnp.array([1.0]))), float(rate.v(jnp.array([1.0])))
        (0.125, -0.125)
    """

    feed: Array = eqx.field(converter=as_floating, default=0.04)
    kill: Array = eqx.field(converter=as_floating, default=0.06)
    diffusivities: tuple[Array, Array] = eqx.field(converter=as_pair, default=(2e-5, 1e-5))

    def __check_init__(self):
        for value in self.diffusivities:
            nonnegative("diffusivities", value)

    def check_state(self, u: Concentrations) -> None:
        check_fields(self, u, Concentrations)

    def linear(self, u: Concentrations) -> Concentrations:
        (u, v), (D_u, D_v) = u, self.diffusivities
        return Concentrations(D_u * laplacian(u) - self.feed * u, D_v * laplacian(v) - (self.feed + self.kill) * v)

    def nonlinear(self, t, u: Concentrations, args: Any = None) -> Concentrations:
        u, v = u
        reaction = u.map(lambda a, b: a * b**2, v).to(u.space.home)
        return Concentrations(self.feed - reaction, reaction)

    @classmethod
    def example(cls) -> Example:
        """Ripples in both substances that a source must sustain."""

        def solution(t, x):
            u = 0.6 + 0.2 * jnp.exp(-t) * jnp.cos(x[0])
            v = 0.3 + 0.1 * jnp.sin(x[0] - t)
            return Concentrations(u, v)

        law = cls(diffusivities=(0.02, 0.01))
        return Example(law, solution, Box((0.0, 2 * jnp.pi)), Periodic(), exact=False)
