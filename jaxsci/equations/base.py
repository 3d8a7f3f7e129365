"""The contracts a law of nature can fulfil. A simulation asks for the one it needs, by name."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .._core.shown import with_numbers
from ..geometry import Box
from .coefficients import check_coefficients
from .states import kind_of


class Equation(eqx.Module):
    """A law `du/dt = F(t, u, args)`: calling it gives the time derivative of a state (a Field, an array, a PyTree).

    Under `jax.jit(law)` and `jax.jit(law.energy)` coefficients are constants, and each law is compiled anew; under
    `equinox.filter_jit` they are arguments. Laws with coefficients are hashed by identity.
    """

    stiff: ClassVar[bool] = False

    def __check_init__(self):
        check_coefficients(self)

    @abc.abstractmethod
    def __call__(self, t, u: PyTree, args: Any = None) -> PyTree:
        """Time derivative of the state `u` at time `t`, a PyTree of the structure of `u`."""

    def check_state(self, u: PyTree) -> None:
        """Raise unless the law can move a state of this kind and shape; its numbers are not looked at.

        Raises:
            TypeError: If it is something else, such as an array in place of a field.
            ShapeError: If its components or coordinates do not fit the law.
        """

    def check_start(self, u: PyTree) -> None:
        """Raise `ValueError` if the numbers of a state break a condition that the law keeps but cannot restore; traced
        ones pass.
        """

    def __hash__(self):
        try:
            return super().__hash__()
        except TypeError:
            return object.__hash__(self)

    def __repr__(self):
        return with_numbers(self)


class Algebraic(eqx.Module):
    """Stands in a law where a part of the state has no rate but a condition, `left = 0` at all times.

    A pressure, for instance, is what keeps a flow free of divergence. `js.learning.solve_pinn` takes such laws, next to
    walls and in time; the start of that part is not used. Time steppers refuse them by name.

    Args:
        left: A field, or an array, of the shape of that part of the state.

    Example:
        >>> import jaxsci as js
        >>> from jaxsci.equations import Algebraic
        >>> def flow(t, state, nu):
        ...     u, p = state
        ...     return nu * js.laplacian(u) - js.advection(u, u) - js.gradient(p), Algebraic(js.divergence(u))
    """

    left: Any


def is_algebraic(node: Any) -> bool:
    """Whether a node of what a law returned is a condition."""
    return isinstance(node, Algebraic)


class SemilinearEquation(Equation):
    """A law `du/dt = L u + N(t, u)`, whose stiff part has constant coefficients: ETDRK and IMEX ask for it."""

    @abc.abstractmethod
    def linear(self, u: PyTree) -> PyTree:
        """The linear part `L u`."""

    @abc.abstractmethod
    def nonlinear(self, t, u: PyTree, args: Any = None) -> PyTree:
        """The rest, `N(t, u)`."""

    def __call__(self, t, u: PyTree, args: Any = None) -> PyTree:
        self.check_state(u)
        return jax.tree.map(
            lambda a, b: a + b, self.linear(u), self.nonlinear(t, u, args), is_leaf=lambda leaf: hasattr(leaf, "space")
        )


class Phase(NamedTuple):
    """A point of phase space: positions `q` and momenta `p`."""

    q: PyTree
    p: PyTree


class HamiltonianSystem(Equation):
    """A law `dq/dt = dT/dp, dp/dt = -dV/dq` with `H = T(p) + V(q)`; the state is a `Phase(q, p)`."""

    @abc.abstractmethod
    def kinetic(self, p: PyTree) -> Array:
        """Kinetic energy `T(p)`."""

    @abc.abstractmethod
    def potential(self, q: PyTree) -> Array:
        """Potential energy `V(q)`."""

    def hamiltonian(self, state: Phase) -> Array:
        """Total energy `H(q, p)`."""
        return self.kinetic(state.p) + self.potential(state.q)

    def velocity(self, p: PyTree) -> PyTree:
        """`dT/dp`."""
        return jax.grad(self.kinetic)(p)

    def force(self, q: PyTree) -> PyTree:
        """`-dV/dq`."""
        return jax.tree.map(jnp.negative, jax.grad(self.potential)(q))

    def check_state(self, u: Phase) -> None:
        if not isinstance(u, Phase):
            raise TypeError(
                f"{type(self).__name__} moves a Phase of positions and momenta, got {kind_of(u)}: write "
                "js.equations.Phase(q, p)."
            )

    def __call__(self, t, u: Phase, args: Any = None) -> Phase:
        self.check_state(u)
        q, p = u
        return Phase(self.velocity(p), self.force(q))


class StochasticEquation(Equation):
    """A law `dX = a(t, X) dt + b(t, X) dW` (Ito), with noise that acts on each component separately."""

    @abc.abstractmethod
    def drift(self, t, u: PyTree, args: Any = None) -> PyTree:
        """The drift `a`."""

    @abc.abstractmethod
    def diffusion(self, t, u: PyTree, args: Any = None) -> PyTree:
        """The noise amplitude `b`, of the structure of `u`."""

    def __call__(self, t, u: PyTree, args: Any = None) -> PyTree:
        return self.drift(t, u, args)


class Example(NamedTuple):
    """A case with a known answer, carried by an equation, from which order and agreement tests are made.

    `solution(t, x)` gives the state at one point `x`, shape `(dim,)` (for ordinary laws: `solution(t)`). Where `exact`
    is False it does not solve the law itself; `manufactured` adds the source that makes it do so.
    """

    equation: Equation
    solution: Callable
    box: Box | None = None
    boundary: Any = None
    t1: float = 1.0
    exact: bool = True


def control_input(args: Any, t, state: PyTree, default: Any = 0.0):
    """The input that drives a controlled law, read from `args`.

    Args:
        args: None (no input), a number or array held constant over a step, or an object with a method
            `control(t, state)` (a policy, a planned signal).
        t: Time.
        state: State, handed to `args.control`.
        default: The input where `args` is None.
    """
    if args is None:
        return default
    return args.control(t, state) if hasattr(args, "control") else args
