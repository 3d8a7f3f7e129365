"""The pendulum and the double pendulum: angles in radians, measured from hanging straight down."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._core.precision import as_floating, as_pair
from .base import Equation, Example, control_input
from .coefficients import nonnegative, positive
from .states import entries_of


class Pendulum(Equation):
    """A mass on a rigid rod, with friction and a motor; the state is the array `(angle, angular velocity)`.

    $$\\ddot\\theta = -\\frac g l \\sin\\theta - c \\dot\\theta + \\frac{\\tau}{m l^2}$$

    Without friction and motor `energy` stays: small swings have period `2 pi sqrt(l/g)`, larger ones are slower, and
    on the separatrix the pendulum takes for ever to reach the top. The motor torque comes from `args`: None, a number,
    or an object with a method `control(t, state)`.

    Args:
        gravity: Acceleration `g`.
        length: Length `l` of the rod.
        mass: Mass `m` of the bob.
        damping: Friction rate `c`.

    Raises:
        ValueError: If length or mass is not positive, or the damping is negative.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import Pendulum
        >>> Pendulum(damping=0.5)(0.0, jnp.array([0.0, 1.0]), args=2.0).tolist()
        [1.0, 1.5]
    """

    gravity: Array = eqx.field(converter=as_floating, default=9.81)
    length: Array = eqx.field(converter=as_floating, default=1.0)
    mass: Array = eqx.field(converter=as_floating, default=1.0)
    damping: Array = eqx.field(converter=as_floating, default=0.0)
    entries: ClassVar[tuple[str, ...]] = ("angle", "velocity")

    def __check_init__(self):
        positive("length", self.length)
        positive("mass", self.mass)
        nonnegative("damping", self.damping)

    def __call__(self, t, u: Inexact[Array, "2 *batch"], args: Any = None) -> Inexact[Array, "2 *batch"]:
        angle, velocity = entries_of(self, u)
        torque = jnp.reshape(control_input(args, t, u), jnp.shape(angle)) if args is not None else 0.0
        m, g, l, c = self.mass, self.gravity, self.length, self.damping  # noqa: E741
        return jnp.stack([velocity, -g / l * jnp.sin(angle) - c * velocity + torque / (m * l * l)])

    def energy(self, state: Inexact[Array, "2 *batch"]) -> Inexact[Array, "*batch"]:
        """Kinetic plus potential energy, zero at rest at the bottom."""
        angle, velocity = entries_of(self, state)
        m, g, l = self.mass, self.gravity, self.length  # noqa: E741
        return m * l * l * velocity**2 / 2 + m * g * l * (1.0 - jnp.cos(angle))

    @classmethod
    def example(cls) -> Example:
        """The separatrix: started at the bottom, just fast enough to reach the top after infinite time."""
        law = cls()

        def solution(t):
            rate = jnp.sqrt(law.gravity / law.length)
            return jnp.stack([2 * jnp.arcsin(jnp.tanh(rate * t)), 2 * rate / jnp.cosh(rate * t)])

        return Example(law, solution)


class DoublePendulum(Equation):
    """A pendulum hung from a pendulum; the state is the array of both angles, then both angular velocities.

    With `d = theta_1 - theta_2` and `M = m_1 + m_2`, Lagrange's equations are

    $$M l_1 \\ddot\\theta_1 + m_2 l_2 \\ddot\\theta_2 \\cos d = -m_2 l_2 \\dot\\theta_2^2 \\sin d - M g \\sin\\theta_1$$
    $$l_2 \\ddot\\theta_2 + l_1 \\ddot\\theta_1 \\cos d = l_1 \\dot\\theta_1^2 \\sin d - g \\sin\\theta_2$$

    Swings of more than about a right angle are chaotic; `energy` stays, and is the only check of accuracy there.

    Args:
        gravity: Acceleration `g`.
        lengths: Lengths `(l_1, l_2)` of the rods.
        masses: Masses `(m_1, m_2)` of the bobs.

    Raises:
        ValueError: If a length or mass is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import DoublePendulum
        >>> float(DoublePendulum(gravity=0.0).energy(jnp.array([0.0, 0.0, 1.0, 2.0])))
        5.0
    """

    gravity: Array = eqx.field(converter=as_floating, default=9.81)
    lengths: tuple[Array, Array] = eqx.field(converter=as_pair, default=(1.0, 1.0))
    masses: tuple[Array, Array] = eqx.field(converter=as_pair, default=(1.0, 1.0))
    entries: ClassVar[tuple[str, ...]] = ("angle1", "angle2", "velocity1", "velocity2")

    def __check_init__(self):
        for name in ("lengths", "masses"):
            for value in getattr(self, name):
                positive(name, value)

    def __call__(self, t, u: Inexact[Array, "4 *batch"], args: Any = None) -> Inexact[Array, "4 *batch"]:
        angle1, angle2, velocity1, velocity2 = entries_of(self, u)
        (l1, l2), (m1, m2), g = self.lengths, self.masses, self.gravity
        M, c, s = m1 + m2, jnp.cos(angle1 - angle2), jnp.sin(angle1 - angle2)
        f1 = -m2 * l2 * velocity2**2 * s - M * g * jnp.sin(angle1)
        f2 = l1 * velocity1**2 * s - g * jnp.sin(angle2)
        inertia = m1 + m2 * s**2
        spin1, spin2 = (f1 - m2 * c * f2) / (l1 * inertia), (M * f2 - c * f1) / (l2 * inertia)
        return jnp.stack([velocity1, velocity2, spin1, spin2])

    def energy(self, state: Inexact[Array, "4 *batch"]) -> Inexact[Array, "*batch"]:
        """Kinetic plus potential energy, zero at rest at the bottom."""
        angle1, angle2, velocity1, velocity2 = entries_of(self, state)
        (l1, l2), (m1, m2), g = self.lengths, self.masses, self.gravity
        v1, v2 = l1 * velocity1, l2 * velocity2
        kinetic = (m1 + m2) * v1**2 / 2 + m2 * (v2**2 / 2 + v1 * v2 * jnp.cos(angle1 - angle2))
        heights = (m1 + m2) * l1 * (1.0 - jnp.cos(angle1)) + m2 * l2 * (1.0 - jnp.cos(angle2))
        return kinetic + g * heights
