"""Newton's gravity: one body around a fixed sun (Kepler), and any number of bodies.

Both are Hamiltonian: symplectic steps keep their energy error bounded for ever, while other methods drift. Close
encounters need small steps; `NBody` can soften them instead.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._core.errors import ShapeError
from .._core.precision import as_floating
from .base import Example, HamiltonianSystem, Phase
from .coefficients import nonnegative, positive


class Kepler(HamiltonianSystem):
    """A body of unit mass around a fixed centre; the state is a `Phase` of position `q` and momentum `p`.

    $$H = \\tfrac12 |p|^2 - \\frac{\\mu}{|q|}$$

    Bound orbits are ellipses of period `2 pi sqrt(a^3/mu)`, `a = -mu/(2 H)`; energy, angular momentum and the
    direction of the ellipse (`eccentricity_vector`) stay. Good values: `q = (1 - e, 0)`, `p = (0, sqrt((1 + e)/(1 -
    e)))` has `a = 1`, period `2 pi` and eccentricity `e`; 0.6 is the usual test.

    Args:
        strength: The gravitational parameter `mu`.

    Raises:
        ValueError: If the strength is negative.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import Kepler, Phase
        >>> state = Phase(jnp.array([2.0, 0.0]), jnp.array([0.0, 1.0]))
        >>> float(Kepler().hamiltonian(state)), float(Kepler().angular_momentum(state))
        (0.0, 2.0)
    """

    strength: Array = eqx.field(converter=as_floating, default=1.0)

    def __check_init__(self):
        nonnegative("strength", self.strength)

    def kinetic(self, p: Inexact[Array, " dim"]) -> Inexact[Array, ""]:
        return jnp.sum(p * p) / 2

    def potential(self, q: Inexact[Array, " dim"]) -> Inexact[Array, ""]:
        return -self.strength / jnp.sqrt(jnp.sum(q * q))

    def velocity(self, p: Inexact[Array, " dim"]) -> Inexact[Array, " dim"]:
        return p

    def force(self, q: Inexact[Array, " dim"]) -> Inexact[Array, " dim"]:
        square = jnp.sum(q * q)
        return -self.strength * q / (square * jnp.sqrt(square))

    def angular_momentum(self, state: Phase) -> Array:
        """`q x p`, constant: a number in the plane, a vector in space."""
        return _angular_momentum(*state)

    def eccentricity_vector(self, state: Phase) -> Array:
        """The constant vector to the nearest point of the orbit, as long as its eccentricity."""
        q, p = state
        radius = jnp.sqrt(jnp.sum(q * q))
        return (jnp.sum(p * p) / self.strength - 1.0 / radius) * q - jnp.sum(q * p) / self.strength * p

    @classmethod
    def example(cls) -> Example:
        """The ellipse of eccentricity 0.6 and period `2 pi`, from its nearest point, by Kepler's equation."""
        e = 0.6

        def solution(t):
            E = t + e * jnp.sin(t)
            for _ in range(12):
                E = E - (E - e * jnp.sin(E) - t) / (1.0 - e * jnp.cos(E))
            c, s, root = jnp.cos(E), jnp.sin(E), (1 - e * e) ** 0.5
            return Phase(jnp.stack([c - e, root * s]), jnp.stack([-s, root * c]) / (1.0 - e * c))

        return Example(cls(), solution, t1=6.0)


class NBody(HamiltonianSystem):
    """Bodies that attract each other; the state is a `Phase` of positions and momenta, one body a row.

    $$H = \\sum_i \\frac{|p_i|^2}{2 m_i} - \\sum_{i<j} \\frac{G m_i m_j}{\\sqrt{|q_i - q_j|^2 + \\epsilon^2}}$$

    Energy, momentum and angular momentum stay. Three bodies or more are chaotic; every pair is summed, at a cost that
    grows with the square of their number.

    Args:
        masses: The masses, one per body.
        constant: The gravitational constant `G`.
        softening: The length `epsilon` below which attraction weakens; 0 is Newton's law.

    Raises:
        ValueError: If a mass is not positive or the softening is negative.
        ShapeError: If masses and positions disagree about the number of bodies.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import NBody, Phase
        >>> law = NBody(masses=[1.0, 4.0])
        >>> law.force(jnp.array([[0.0, 0.0], [2.0, 0.0]])).tolist()
        [[1.0, 0.0], [-1.0, 0.0]]
    """

    masses: Inexact[Array, " bodies"] = eqx.field(converter=as_floating)
    constant: Array = eqx.field(converter=as_floating, default=1.0)
    softening: Array = eqx.field(converter=as_floating, default=0.0)

    def __check_init__(self):
        positive("masses", self.masses)
        if self.masses.ndim != 1:
            raise ShapeError(f"NBody needs one mass per body, got masses={self.masses}: write masses=[1.0, 1.0].")
        nonnegative("softening", self.softening)

    def kinetic(self, p: Inexact[Array, "bodies dim"]) -> Inexact[Array, ""]:
        return jnp.sum(p * self.velocity(p)) / 2

    def potential(self, q: Inexact[Array, "bodies dim"]) -> Inexact[Array, ""]:
        _, squares, pairs = self._pairs(q)
        return -jnp.sum(jnp.triu(pairs * jax.lax.rsqrt(squares), 1))

    def velocity(self, p: Inexact[Array, "bodies dim"]) -> Inexact[Array, "bodies dim"]:
        self._check_bodies(p)
        return p / self.masses[:, None]

    def force(self, q: Inexact[Array, "bodies dim"]) -> Inexact[Array, "bodies dim"]:
        differences, squares, pairs = self._pairs(q)
        strength = pairs * jax.lax.rsqrt(squares) ** 3
        return jnp.sum(strength[:, :, None] * differences, axis=1)

    def _check_bodies(self, rows):
        n, shape = self.masses.shape[0], jnp.shape(rows)
        if len(shape) != 2:
            raise ShapeError(f"NBody moves arrays with one body a row, got shape {shape}: use shape ({n}, dim).")
        if shape[0] != n:
            raise ShapeError(f"NBody has {n} masses, but the state has {shape[0]} bodies: give one mass per body.")

    def _pairs(self, q):
        """Differences `q_j - q_i`, softened squared distances (1 of a body to itself), `G m_i m_j`."""
        self._check_bodies(q)
        differences = q[None, :] - q[:, None]
        squares = jnp.sum(differences * differences, axis=-1) + self.softening**2
        itself = jnp.eye(self.masses.shape[0], dtype=bool)
        pairs = self.constant * (self.masses[:, None] * self.masses[None, :])
        return differences, jnp.where(itself, 1.0, squares), pairs

    def momentum(self, state: Phase) -> Array:
        """Total momentum, constant."""
        return jnp.sum(state.p, axis=0)

    def angular_momentum(self, state: Phase) -> Array:
        """Total angular momentum about the origin, constant."""
        return jnp.sum(_angular_momentum(state.q.T, state.p.T).T, axis=0)

    @classmethod
    def example(cls) -> Example:
        """Lagrange's triangle: three equal masses circle on the corners of an equilateral triangle."""
        law, radius = cls(jnp.ones(3)), 1.0

        def solution(t):
            side = 3**0.5 * radius
            omega = jnp.sqrt(3.0 * law.constant / (side**2 + law.softening**2) ** 1.5)
            angles = omega * t + 2 * jnp.pi / 3 * jnp.arange(3.0)
            c, s = jnp.cos(angles), jnp.sin(angles)
            return Phase(radius * jnp.stack([c, s], axis=1), radius * omega * jnp.stack([-s, c], axis=1))

        return Example(law, solution)


def _angular_momentum(q: Array, p: Array) -> Any:
    if q.shape[0] == 2:
        return q[0] * p[1] - q[1] * p[0]
    return jnp.cross(q, p, axis=0)
