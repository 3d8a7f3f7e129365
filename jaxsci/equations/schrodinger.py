"""The Schroedinger equation: `i psi_t = -lap psi / 2 + V psi + g |psi|^2 psi`, in units with `hbar = m = 1`.

Solutions: complex waves that disperse; `norm` and `energy` stay. In the trap `V = omega^2 x^2 / 2` the levels are
`omega (n + 1/2)`, and a displaced ground state swings like a pendulum without changing shape. With `g`
(Gross-Pitaevskii, light in fibres) attraction, `g < 0`, makes solitons in one dimension and collapse in more. Good
values: `omega = 1`, `g = -1`.

Reference: Schroedinger, Naturwissenschaften 14 (1926) 664; Zakharov & Shabat, Sov. Phys. JETP 34 (1972) 62.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._core.errors import PrecisionError, ShapeError
from .._core.precision import as_floating, multiply
from ..fields import Field, FiniteDifference, Fourier
from ..geometry import Box, Periodic
from ..operators import gradient, inner, integral, laplacian
from .base import Example, SemilinearEquation
from .coefficients import Source, as_source, sampled
from .states import check_field


class HarmonicTrap(eqx.Module):
    """The potential `omega^2 |x|^2 / 2`.

    Args:
        frequency: Frequency `omega`.
    """

    frequency: Array = eqx.field(converter=as_floating, default=1.0)

    def __call__(self, x: Array) -> Array:
        return self.frequency**2 * jnp.sum(x * x) / 2


class Schrodinger(SemilinearEquation):
    """The Schroedinger equation, linear or with a cubic self-interaction; the field is complex.

    $$i \\psi_t = -\\tfrac12 \\nabla^2 \\psi + V \\psi + g |\\psi|^2 \\psi$$

    A potential that jumps or kinks across the ends of a periodic box, as a trap does, needs a Fourier space with
    `dealias=None`: cutting off its short waves would spread the kink's ripples over the whole box.

    Args:
        potential: Potential `V`: a number, a real field, a function of one point, or None.
        interaction: Strength `g` of the self-interaction; 0 is ordinary quantum mechanics.

    Raises:
        PrecisionError: If the field is real.
        ShapeError: If the potential is not a scalar.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> space = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,)))
        >>> wave = space.field(lambda x: jax.lax.complex(jnp.cos(2 * x[0]), jnp.sin(2 * x[0])))
        >>> rate = js.equations.Schrodinger()(0.0, wave)
        >>> round(float(rate(jnp.array([0.0])).imag), 4)
        -2.0
    """

    potential: Source = eqx.field(converter=as_source, default=None)
    interaction: Array = eqx.field(converter=as_floating, default=0.0)

    def check_state(self, u: Field) -> None:
        check_field(self, u)
        if isinstance(u.space, (Fourier, FiniteDifference)) and not _is_complex(u):
            raise PrecisionError(
                "Schrodinger moves complex waves, got a real field: pass (1 + 0j) * field, or build it from a complex "
                "function, space.field(lambda x: jax.lax.complex(..., ...))."
            )

    def linear(self, u: Field) -> Field:
        return 0.5j * laplacian(u)

    def nonlinear(self, t, u: Field, args: Any = None) -> Field:
        def density(psi):
            return multiply(self.interaction, psi * jnp.conj(psi))

        if self.potential is None:
            return u.map(lambda psi: -1j * density(psi) * psi)
        return u.map(lambda psi, V: -1j * (V + density(psi)) * psi, self._potential(u))

    def _potential(self, u: Field) -> Field:
        V = sampled(self.potential, u)
        if V.shape != ():
            raise ShapeError(f"the potential has a value of shape {V.shape} at each point: it must be one number.")
        return V

    def norm(self, state: Field) -> Array:
        """`int |psi|^2 dx`, the probability to be anywhere: constant."""
        return inner(state, state).real

    def energy(self, state: Field) -> Array:
        """`int |grad psi|^2 / 2 + V |psi|^2 + g |psi|^4 / 2 dx`, constant."""
        slope = gradient(state)
        total = inner(slope, slope).real / 2
        if self.potential is not None:
            V = self._potential(state)
            total = total + inner(state, state.map(lambda psi, V: V * psi, V)).real
        fourth = integral(state.map(lambda psi: (psi * jnp.conj(psi)) ** 2)).real
        return total + self.interaction / 2 * fourth

    @classmethod
    def example(cls) -> Example:
        """A coherent state in the harmonic trap: the centre moves as `cos t`."""

        def solution(t, x):
            q, p = jnp.cos(t), -jnp.sin(t)
            return _polar(jnp.pi**-0.25 * jnp.exp(-((x[0] - q) ** 2) / 2), p * x[0] - p * q / 2 - t / 2)

        return Example(cls(HarmonicTrap()), solution, Box((-10.0, 10.0)), Periodic())

    @classmethod
    def soliton_example(cls) -> Example:
        """The bright soliton of the attractive equation, of amplitude 1 and speed 1."""
        law = cls(interaction=-1.0)

        def solution(t, x):
            return _polar(1 / jnp.cosh(x[0] - t), x[0])

        return Example(law, solution, Box((-6 * jnp.pi, 6 * jnp.pi)), Periodic())


def _is_complex(u: Field) -> bool:
    return jnp.issubdtype(jax.eval_shape(lambda field: field.values, u).dtype, jnp.complexfloating)


def _polar(modulus: Array, phase: Array) -> Array:
    return jax.lax.complex(modulus * jnp.cos(phase), modulus * jnp.sin(phase))
