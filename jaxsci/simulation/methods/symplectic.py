"""Steps that keep the structure of the law: symplectic ones for Hamiltonian systems, and splitting into parts."""

from collections.abc import Callable
from typing import Any, ClassVar

from jaxtyping import PyTree

from ..._core.errors import UnsupportedError
from ...equations.base import HamiltonianSystem, Phase
from ...fields import pack, unpack
from .base import Method, move


class Symplectic(Method):
    """A composition of drifts `q += c h dT/dp` and kicks `p -= d h dV/dq`; conserves a nearby energy for very long
    times.

    Energy errors stay bounded and oscillate with the order of the method; momentum maps such as angular momentum are
    kept to rounding. Needs a `HamiltonianSystem` whose energy is `T(p) + V(q)`.
    """

    drifts: ClassVar[tuple[float, ...]]
    kicks: ClassVar[tuple[float, ...]]

    def check(self, equation: Callable, state: PyTree) -> None:
        if not isinstance(equation, HamiltonianSystem) or not isinstance(state, Phase):
            raise UnsupportedError(
                f"{type(self).__name__} needs a HamiltonianSystem (methods `kinetic(p)` and `potential(q)`) and a "
                f"state Phase(q, p); got {type(equation).__name__} and {type(state).__name__}. Write the law as a "
                "HamiltonianSystem, or use method=js.RK4()."
            )

    def step(self, prepared, equation: Callable, template: PyTree, t, arrays: PyTree, dt, args: Any = None) -> PyTree:
        q, p = arrays
        drifted, kicked = t, t
        for c, d in zip(self.drifts, self.kicks, strict=True):
            if d != 0:
                p = move(p, d * dt, unpack(equation.force(pack(template.q, q, drifted))))
                kicked = kicked + d * dt
            if c != 0:
                q = move(q, c * dt, unpack(equation.velocity(pack(template.p, p, kicked))))
                drifted = drifted + c * dt
        return Phase(q, p)


class SymplecticEuler(Symplectic):
    """Kick, then drift: order 1, symplectic."""

    drifts: ClassVar[tuple[float, ...]] = (1.0,)
    kicks: ClassVar[tuple[float, ...]] = (1.0,)

    @property
    def order(self) -> int:
        return 1


class Leapfrog(Symplectic):
    """Stoermer-Verlet, kick-drift-kick: order 2, symplectic and time-reversible, stable up to `h omega = 2`.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> orbit = js.equations.Phase(jnp.array([0.4, 0.0]), jnp.array([0.0, 2.0]))
        >>> solution = js.simulate(js.equations.Kepler(), orbit, t1=1.0, dt=0.01, method=js.Leapfrog())
        >>> bool(solution.ok)
        True
    """

    reversible: ClassVar[bool] = True
    drifts: ClassVar[tuple[float, ...]] = (1.0, 0.0)
    kicks: ClassVar[tuple[float, ...]] = (0.5, 0.5)

    @property
    def order(self) -> int:
        return 2


_W1 = 1 / (2 - 2 ** (1 / 3))
_W0 = -(2 ** (1 / 3)) * _W1


class Yoshida4(Symplectic):
    """Yoshida's triple jump of leapfrogs: order 4, symplectic and time-reversible, three forces a step.

    References:
        Yoshida, Physics Letters A 150 (1990), 262-268, equation (2.11).
    """

    reversible: ClassVar[bool] = True
    drifts: ClassVar[tuple[float, ...]] = (_W1, _W0, _W1, 0.0)
    kicks: ClassVar[tuple[float, ...]] = (_W1 / 2, (_W0 + _W1) / 2, (_W0 + _W1) / 2, _W1 / 2)

    @property
    def order(self) -> int:
        return 4


class Strang(Method):
    """Strang splitting of `du/dt = A(u) + B(u)`: half a step of A, a step of B, half a step of A; order 2.

    Each part is a pair `(law, method)`, so that each can be moved by what suits it; the order is 2 when each method has
    order 2 or more. The law given to `simulate` is not used beyond its checks, so give the sum of the parts there.

    Args:
        first: the law and method of the part that is applied twice, for half a step.
        second: the law and method of the other part.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> decay, growth = (lambda t, u, args: -u), (lambda t, u, args: u**2)
        >>> method = js.Strang((decay, js.RK4()), (growth, js.RK4()))
        >>> both = lambda t, u, args: u**2 - u
        >>> round(float(js.simulate(both, jnp.array(0.5), t1=1.0, dt=0.01, method=method).final), 4)
        0.2689
    """

    first: tuple[Callable, Method]
    second: tuple[Callable, Method]

    @property
    def reversible(self) -> bool:
        return self.first[1].reversible and self.second[1].reversible

    @property
    def order(self) -> int:
        return min(2, self.first[1].order, self.second[1].order)

    def check(self, equation: Callable, state: PyTree) -> None:
        for law, method in (self.first, self.second):
            method.check(law, state)

    def prepare(self, equation: Callable, state: PyTree, dt, args: Any = None) -> PyTree:
        (a, half), (b, whole) = self.first, self.second
        return half.prepare(a, state, dt / 2, args), whole.prepare(b, state, dt, args)

    def step(self, prepared, equation: Callable, template: PyTree, t, arrays: PyTree, dt, args: Any = None) -> PyTree:
        (a, half), (b, whole) = self.first, self.second
        arrays = half.step(prepared[0], a, template, t, arrays, dt / 2, args)
        arrays = whole.step(prepared[1], b, template, t, arrays, dt, args)
        return half.step(prepared[0], a, template, t + dt / 2, arrays, dt / 2, args)
