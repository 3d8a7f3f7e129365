"""Waves: `u_tt = c^2 lap u` (sound, light, strings) and with a mass, `u_tt = c^2 lap u - m^2 u - g u^3` (Klein-Gordon).

Both are written as first-order systems for the pair of the field `u` and its velocity `v = u_t`, and conserve `energy`.
A plane wave of wavenumber `k` turns at `omega = c k`, all lengths alike; a mass makes it disperse,
`omega^2 = c^2 k^2 + m^2`, and nothing oscillates below `m`.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._core.precision import as_floating
from ..fields import Field
from ..geometry import Box, Dirichlet, Periodic
from ..operators import gradient, inner, integral, laplacian
from .base import Example, SemilinearEquation
from .coefficients import is_function, nothing, sampled
from .states import check_fields


class WaveState(NamedTuple):
    """A wave: displacement `u` and velocity `v = u_t`."""

    u: Any
    v: Any


class Wave(SemilinearEquation):
    """The wave equation; the state is a `WaveState`.

    $$u_t = v, \\qquad v_t = c^2 \\nabla^2 u$$

    Good values: `c = 2` on `[0, 1]` with fixed ends. A variable speed counts as nonlinear.

    Args:
        speed: Speed of waves `c`: a number, a field, or a function of one point.

    References:
        d'Alembert, Hist. Acad. Sci. Berlin 3 (1747) 214.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,))).field(lambda x: jnp.cos(x[0]))
        >>> rate = js.equations.Wave(speed=2.0)(0.0, js.equations.WaveState(u, 0.0 * u))
        >>> round(float(rate.v(jnp.array([0.0]))), 4)
        -4.0
    """

    speed: Array | Field | Any = eqx.field(converter=as_floating, default=1.0)

    def check_state(self, u: WaveState) -> None:
        check_fields(self, u, WaveState)

    def linear(self, u: WaveState) -> WaveState:
        if is_function(self.speed):
            return WaveState(u.v, nothing(u.u))
        return WaveState(u.v, self.speed**2 * laplacian(u.u))

    def nonlinear(self, t, u: WaveState, args: Any = None) -> WaveState:
        if is_function(self.speed):
            return WaveState(nothing(u.v), sampled(self.speed, u.u) ** 2 * laplacian(u.u))
        return WaveState(nothing(u.v), nothing(u.u))

    def energy(self, state: WaveState) -> Array:
        """`int (v/c)^2 + |grad u|^2 dx / 2`, constant between fixed or free ends."""
        c = sampled(self.speed, state.u) if is_function(self.speed) else self.speed
        w, slope = state.v / c, gradient(state.u)
        return (inner(w, w) + inner(slope, slope)) / 2

    @classmethod
    def example(cls) -> Example:
        """A plucked string, two standing waves: `sin(pi x) cos(2 pi t) + sin(4 pi x) cos(8 pi t) / 2`."""
        law = cls(speed=2.0)

        def solution(t, x):
            modes = [(1.0, 1), (0.5, 4)]
            phases = [(a, jnp.pi * n * x[0], law.speed * jnp.pi * n) for a, n in modes]
            u = sum(a * jnp.sin(kx) * jnp.cos(omega * t) for a, kx, omega in phases)
            v = sum(-a * omega * jnp.sin(kx) * jnp.sin(omega * t) for a, kx, omega in phases)
            return WaveState(u, v)

        return Example(law, solution, Box((0.0, 1.0)), Dirichlet(0.0))


class KleinGordon(SemilinearEquation):
    """Waves with a mass and, optionally, a quartic self-interaction; the state is a `WaveState`.

    $$u_t = v, \\qquad v_t = c^2 \\nabla^2 u - m^2 u - g u^3$$

    Good values: all 1; `g = 0` gives free waves.

    Args:
        mass: Mass `m`, the lowest frequency.
        coupling: Strength `g` of the self-interaction; negative values can blow up in finite time.
        speed: Limiting speed `c`.

    References:
        Gordon, Z. Phys. 40 (1926) 117; Klein, Z. Phys. 37 (1926) 895.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,))).field(lambda x: jnp.cos(x[0]))
        >>> rate = js.equations.KleinGordon(mass=2.0)(0.0, js.equations.WaveState(u, 0.0 * u))
        >>> round(float(rate.v(jnp.array([0.0]))), 4)
        -5.0
    """

    mass: Array = eqx.field(converter=as_floating, default=1.0)
    coupling: Array = eqx.field(converter=as_floating, default=0.0)
    speed: Array = eqx.field(converter=as_floating, default=1.0)

    def check_state(self, u: WaveState) -> None:
        check_fields(self, u, WaveState)

    def linear(self, u: WaveState) -> WaveState:
        return WaveState(u.v, self.speed**2 * laplacian(u.u) - self.mass**2 * u.u)

    def nonlinear(self, t, u: WaveState, args: Any = None) -> WaveState:
        return WaveState(nothing(u.v), -self.coupling * u.u**3)

    def energy(self, state: WaveState) -> Array:
        """`int v^2 + c^2 |grad u|^2 + m^2 u^2 + g u^4 / 2 dx / 2`, constant."""
        u, v = state
        slope = gradient(u)
        quadratic = inner(v, v) + self.speed**2 * inner(slope, slope) + self.mass**2 * inner(u, u)
        return (quadratic + self.coupling / 2 * integral(u**4)) / 2

    @classmethod
    def example(cls) -> Example:
        """A free wave of wavenumber 2 that travels faster than `c`: phases may."""
        law = cls()

        def solution(t, x):
            omega = jnp.sqrt((law.speed * 2) ** 2 + law.mass**2)
            phase = 2 * x[0] - omega * t
            return WaveState(jnp.cos(phase), omega * jnp.sin(phase))

        return Example(law, solution, Box((0.0, 2 * jnp.pi)), Periodic())
