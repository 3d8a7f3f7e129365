"""Networks that are mechanics by construction: a vector field from a learned energy or a learned Lagrangian."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from .._core.errors import ShapeError
from .._core.precision import as_floating, in_type_of
from .base import Fixed, weights_in_words


class Hamiltonian(eqx.Module):
    """The motion of a learned energy; the state is a pair of positions and momenta, such as `equations.Phase`.

    $$\\dot q = \\frac{\\partial H}{\\partial p}, \\qquad \\dot p = -\\frac{\\partial H}{\\partial q}$$

    Whatever the weights, the flow keeps `H` and the volume of phase space. It cannot learn friction or forcing, it
    needs momenta (not velocities) in canonical coordinates, and only a symplectic step keeps its energy bounded over
    long times; an explicit one needs `SeparableHamiltonian`.

    Args:
        energy: A network from the positions followed by the momenta, as one array, to one number.

    Raises:
        ShapeError: If the state is no pair of equal sizes, or the network does not take both or does not give one
        number.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> from jaxsci.equations import Phase
        >>> spring = js.networks.Hamiltonian(lambda x: jnp.sum(x * x) / 2)
        >>> rate = spring(Phase(q=jnp.array([1.0]), p=jnp.array([2.0])))
        >>> rate.q.tolist(), rate.p.tolist()
        ([2.0], [-1.0])

    References:
        Greydanus, Dzamba and Yosinski, Hamiltonian neural networks, NeurIPS 2019.
    """

    energy: Callable

    def __call__(self, state: PyTree) -> PyTree:
        """Velocities and forces, in a pair like the state."""
        return _symplectic_gradient(self.hamiltonian, state)

    def hamiltonian(self, state: PyTree) -> Array:
        """The energy `H(q, p)` of a state."""
        x, _ = _as_point(tuple(_pair(state, "Hamiltonian")), "Hamiltonian", self.energy, "positions and momenta")
        return _one_number(self.energy(x), "Hamiltonian")

    def __repr__(self):
        return f"Hamiltonian(dq/dt = dH/dp, dp/dt = -dH/dq, {weights_in_words(self)})"


class SeparableHamiltonian(eqx.Module):
    """The motion of a learned energy that is a sum, so that explicit symplectic steps exist.

    $$H = T(p) + V(q), \\qquad \\dot q = T'(p), \\qquad \\dot p = -V'(q)$$

    Magnetic forces, and kinetic energies that depend on the position (a double pendulum), are not of this form.

    Args:
        kinetic: A network from the momenta to one number.
        potential: A network from the positions to one number.

    Raises:
        ShapeError: If the state is no pair of equal sizes, or a network does not take it or does not give one number.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> spring = js.networks.SeparableHamiltonian(lambda p: jnp.sum(p * p) / 2, lambda q: jnp.sum(q * q) / 2)
        >>> spring.force(jnp.array([3.0])).tolist()
        [-3.0]

    References:
        Chen, Zhang, Arjovsky and Bottou, Symplectic recurrent neural networks, ICLR 2020.
    """

    kinetic: Callable
    potential: Callable

    def __call__(self, state: PyTree) -> PyTree:
        """Velocities and forces, in a pair like the state."""
        return _symplectic_gradient(self.hamiltonian, state)

    def hamiltonian(self, state: PyTree) -> Array:
        """The energy `T(p) + V(q)` of a state."""
        q, p = _pair(state, "SeparableHamiltonian")
        return self._energy(self.kinetic, p, "momenta") + self._energy(self.potential, q, "positions")

    def velocity(self, p: PyTree) -> PyTree:
        """`T'(p)`."""
        return jax.grad(lambda p: self._energy(self.kinetic, p, "momenta"))(p)

    def force(self, q: PyTree) -> PyTree:
        """`-V'(q)`."""
        return jax.tree.map(jnp.negative, jax.grad(lambda q: self._energy(self.potential, q, "positions"))(q))

    def _energy(self, network: Callable, part: PyTree, what: str) -> Array:
        x, _ = _as_point(part, "SeparableHamiltonian", network, what)
        return _one_number(network(x), "SeparableHamiltonian")

    def __repr__(self):
        return f"SeparableHamiltonian(dq/dt = T'(p), dp/dt = -V'(q), {weights_in_words(self)})"


class Lagrangian(eqx.Module):
    """The motion of a learned Lagrangian; the state is a pair of positions and velocities.

    $$\\ddot q = \\left(\\frac{\\partial^2 L}{\\partial v \\partial v}\\right)^{-1}
    \\left(\\frac{\\partial L}{\\partial q} - \\frac{\\partial^2 L}{\\partial v \\partial q} v\\right)$$

    Any coordinates will do, unlike for a Hamiltonian. The matrix of masses in front is that of the network: nothing
    keeps it away from singular ones, where accelerations are infinite, so start a network with `mass=1.0` and learn the
    rest. Costs a solve with that matrix per evaluation, and cannot learn friction.

    Args:
        lagrangian: A network from the positions followed by the velocities, as one array, to one number.
        mass: Adds `mass |v|^2 / 2` to the network.

    Raises:
        ShapeError: If the state is no pair of equal sizes, or the network does not take both or does not give one
        number.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> pendulum = js.networks.Lagrangian(lambda x: x[1] ** 2 / 2 + 9.81 * jnp.cos(x[0]))
        >>> velocity, acceleration = pendulum((jnp.array([0.1]), jnp.array([0.0])))
        >>> bool(jnp.allclose(acceleration, -9.81 * jnp.sin(0.1)))
        True

    References:
        Cranmer, Greydanus, Hoyer, Battaglia, Spergel and Ho, Lagrangian neural networks, 2020.
    """

    lagrangian: Callable
    mass: Fixed = eqx.field(converter=lambda mass: Fixed(as_floating(mass)), default=0.0)

    def __call__(self, state: PyTree) -> PyTree:
        """Velocities and accelerations, in a pair like the state."""
        q, v = _pair(state, "Lagrangian")
        return _like(state, v, self.acceleration(q, v))

    def acceleration(self, q: PyTree, v: PyTree) -> PyTree:
        """The acceleration at positions and velocities."""
        x, _ = _as_point((q, v), "Lagrangian", self.lagrangian, "positions and velocities")
        (position, _), (velocity, unravel) = ravel_pytree(q), ravel_pytree(v)
        n = velocity.size

        def L(q, v):
            return _one_number(self.lagrangian(jnp.concatenate([q, v])), "Lagrangian") + self._extra(v)

        momentum = jax.grad(L, 1)
        masses = jax.jacfwd(momentum, 1)(position, velocity)
        _, carried = jax.jvp(lambda q: momentum(q, velocity), (position,), (velocity,))
        force = jax.grad(L, 0)(position, velocity) - carried
        return unravel(force / masses[0, 0] if n == 1 else jnp.linalg.solve(masses, force))

    def energy(self, state: PyTree) -> Array:
        """The energy `v . dL/dv - L`, which the exact motion keeps."""
        q, v = _pair(state, "Lagrangian")
        x, unravel = _as_point((q, v), "Lagrangian", self.lagrangian, "positions and velocities")
        velocity = ravel_pytree(v)[0]

        def network(v):
            return _one_number(self.lagrangian(jnp.concatenate([x[: -v.size], v])), "Lagrangian")

        L, momentum = jax.value_and_grad(network)(velocity)
        return velocity @ momentum - L + self._extra(velocity)

    def _extra(self, v: Array) -> Array:
        (mass,) = in_type_of(v, self.mass.value)
        return mass / 2.0 * jnp.sum(v * v)

    def __repr__(self):
        return f"Lagrangian(d/dt dL/dv = dL/dq, L = network + mass |v|^2 / 2, {weights_in_words(self)})"


def _symplectic_gradient(energy: Callable, state: PyTree) -> PyTree:
    force, velocity = _one_level(jax.grad(energy)(state))[0]
    return _like(state, velocity, jax.tree.map(jnp.negative, force))


def _one_level(state: PyTree) -> tuple[list, Any]:
    return jax.tree.flatten(state, is_leaf=lambda node: node is not state)


def _pair(state: PyTree, name: str) -> list:
    parts, _ = _one_level(state)
    sizes = [ravel_pytree(part)[0].size for part in parts]
    if len(parts) != 2 or parts[0] is state or sizes[0] != sizes[1]:
        got = f"an array of shape {jnp.shape(state)}" if eqx.is_array(state) else f"parts of sizes {sizes}"
        raise ShapeError(
            f"{name} moves a pair of equal sizes, positions first, got {got}: write for example (q, p), or "
            "js.equations.Phase(q, p)."
        )
    return parts


def _like(state: PyTree, first: PyTree, second: PyTree) -> PyTree:
    return jax.tree.unflatten(_one_level(state)[1], [first, second])


def _as_point(state: PyTree, name: str, network: Callable, what: str) -> tuple[Array, Callable]:
    x, unravel = ravel_pytree(state)
    size = getattr(network, "in_size", None)
    if size is not None and size != x.size:
        raise ShapeError(
            f"{name} holds a network of {size} numbers, but the {what} of this state are {x.size} numbers: build the "
            f"network with in_size={x.size}."
        )
    return x, unravel


def _one_number(value, name: str) -> Array:
    value = jnp.asarray(value)
    if value.size != 1:
        raise ShapeError(
            f'{name} needs a network that gives one number, got shape {value.shape}: build it with out_size="scalar".'
        )
    return value.reshape(())
