"""A pole hinged on a cart that a force pushes along a track: the standard task of balancing.

Solutions: the upright pole falls with rate about `sqrt(3 g (M + m) / (l (4 M + m)))`; without force energy and
horizontal momentum stay. Good values: the defaults, those of the original task, with forces up to 10.

Reference: Barto, Sutton & Anderson, IEEE Trans. SMC 13 (1983) 834, appendix, without friction.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._core.precision import as_floating
from .base import Equation, control_input
from .coefficients import positive
from .states import entries_of


class CartPole(Equation):
    """A uniform pole on a cart; the state is `(position, velocity, angle, angular velocity)`, with angle 0 upright.

    $$(M + m) \\ddot x + m l (\\ddot\\theta \\cos\\theta - \\dot\\theta^2 \\sin\\theta) = F, \\qquad
      \\tfrac43 l \\ddot\\theta + \\ddot x \\cos\\theta = g \\sin\\theta$$

    The force comes from `args`: None, a number, or an object with a method `control(t, state)`.

    Args:
        gravity: Acceleration `g`.
        cart_mass: Mass `M` of the cart.
        pole_mass: Mass `m` of the pole.
        half_length: Distance `l` from the hinge to the middle of the pole.

    Raises:
        ValueError: If a mass or the length is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import CartPole
        >>> CartPole()(0.0, jnp.array([0.0, 1.0, 0.0, 0.5])).tolist()
        [1.0, 0.0, 0.5, 0.0]
    """

    gravity: Array = eqx.field(converter=as_floating, default=9.8)
    cart_mass: Array = eqx.field(converter=as_floating, default=1.0)
    pole_mass: Array = eqx.field(converter=as_floating, default=0.1)
    half_length: Array = eqx.field(converter=as_floating, default=0.5)
    entries: ClassVar[tuple[str, ...]] = ("position", "velocity", "angle", "spin")

    def __check_init__(self):
        for name in ("cart_mass", "pole_mass", "half_length"):
            positive(name, getattr(self, name))

    def __call__(self, t, u: Inexact[Array, "4 *batch"], args: Any = None) -> Inexact[Array, "4 *batch"]:
        _, velocity, angle, spin = entries_of(self, u)
        force = jnp.reshape(control_input(args, t, u), jnp.shape(angle)) if args is not None else 0.0
        g, m, l, M = self.gravity, self.pole_mass, self.half_length, self.cart_mass + self.pole_mass  # noqa: E741
        c, s = jnp.cos(angle), jnp.sin(angle)
        push = (force + m * l * spin**2 * s) / M
        angular = (g * s - c * push) / (l * (4 / 3 - m * c**2 / M))
        return jnp.stack([velocity, push - m * l * angular * c / M, spin, angular])

    def energy(self, state: Inexact[Array, "4 *batch"]) -> Inexact[Array, "*batch"]:
        """Kinetic plus potential energy; its rate of change is force times cart velocity."""
        _, velocity, angle, spin = entries_of(self, state)
        g, m, l, M = self.gravity, self.pole_mass, self.half_length, self.cart_mass + self.pole_mass  # noqa: E741
        kinetic = M * velocity**2 / 2 + m * l * velocity * spin * jnp.cos(angle) + 2 / 3 * m * l * l * spin**2
        return kinetic + m * g * l * jnp.cos(angle)

    def momentum(self, state: Inexact[Array, "4 *batch"]) -> Inexact[Array, "*batch"]:
        """Horizontal momentum; its rate of change is the force."""
        _, velocity, angle, spin = entries_of(self, state)
        return (self.cart_mass + self.pole_mass) * velocity + self.pole_mass * self.half_length * spin * jnp.cos(angle)
