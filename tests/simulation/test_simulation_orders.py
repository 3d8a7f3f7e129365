"""The order that each method claims is the order that it has."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import simulation as sim
from jaxsci.equations.base import HamiltonianSystem, Phase, SemilinearEquation


def logistic(t, u, args):
    return u * (1.0 - u) * jnp.cos(t)


def exact_logistic(t):
    return 1 / (1 + 3 * np.exp(-np.sin(t)))


class Pendulum(HamiltonianSystem):
    def kinetic(self, p):
        return 0.5 * p**2

    def potential(self, q):
        return -jnp.cos(q)


class Relaxation(SemilinearEquation):
    """Two coupled unknowns, one of them stiff, with a known solution `(cos t, sin t)`."""

    rate: float = 3.0

    def linear(self, u):
        return jnp.stack([-self.rate * u[0], -2.0 * u[1] + u[0]])

    def nonlinear(self, t, u, args=None):
        target = jnp.stack([-jnp.sin(t) + self.rate * jnp.cos(t), jnp.cos(t) + 2.0 * jnp.sin(t) - jnp.cos(t)])
        return target + (u[0] - jnp.cos(t)) * u[1] * jnp.ones(2)


def observed_order(error, steps):
    errors = np.array([error(n) for n in steps])
    assert np.all(errors > 1e-14)
    return np.log(errors[:-1] / errors[1:]) / np.log(np.array(steps[1:]) / np.array(steps[:-1]))


@pytest.mark.parametrize(
    ("method", "steps"),
    [
        (sim.Euler(), (64, 128)),
        (sim.RK4(), (16, 32)),
        (sim.Tsit5(), (16, 32)),
        (sim.Dopri5(), (16, 32)),
        (sim.Dopri8(), (3, 6)),
        (
            sim.Strang(
                (lambda t, u, args: u * jnp.cos(t), sim.RK4()), (lambda t, u, args: -(u**2) * jnp.cos(t), sim.RK4())
            ),
            (16, 32),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, sim.Method) else None,
)
def test_explicit(method, steps):
    def error(n):
        final = sim.simulate(logistic, jnp.array(0.25), t1=2.0, dt=2.0 / n, method=method).final
        return abs(float(final) - exact_logistic(2.0))

    assert method.order - 0.35 < observed_order(error, steps)[-1] < method.order + 0.9


@pytest.mark.parametrize(
    "method", [sim.SymplecticEuler(), sim.Leapfrog(), sim.Yoshida4()], ids=lambda m: type(m).__name__
)
def test_symplectic(method):
    start = Phase(jnp.array(1.0), jnp.array(0.3))
    fine = sim.simulate(Pendulum(), start, t1=2.0, method=sim.Dopri8(), rtol=1e-13, atol=1e-13).final

    def error(n):
        final = sim.simulate(Pendulum(), start, t1=2.0, dt=2.0 / n, method=method).final
        return float(abs(final.q - fine.q) + abs(final.p - fine.p))

    assert abs(observed_order(error, (40, 80))[-1] - method.order) < 0.15


@pytest.mark.parametrize(
    "method", [sim.IMEXEuler(), sim.ARS222(), sim.ARS443(), sim.ARK4()], ids=lambda m: type(m).__name__
)
def test_implicit_explicit(method):
    def error(n):
        final = sim.simulate(Relaxation(), jnp.array([1.0, 0.0]), t1=1.0, dt=1.0 / n, method=method).final
        return float(jnp.max(jnp.abs(final - jnp.array([jnp.cos(1.0), jnp.sin(1.0)]))))

    assert abs(observed_order(error, (20, 40))[-1] - method.order) < 0.3


@pytest.mark.parametrize(
    "shape", [(40,), pytest.param((36, 36), marks=pytest.mark.slow)], ids=["as a matrix", "by iterations"]
)
def test_implicit_part_may_be_stiff(shape):
    """Diffusion 30 times beyond what an explicit step allows, with walls that hold a value."""
    grid = js.Grid(js.Box(*[(0.0, 1.0)] * len(shape)), shape)
    space = js.FiniteDifference(grid, boundary=js.Dirichlet(0.5))
    start = space.field(lambda x: 0.5 + jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[-1]))
    law = js.equations.Heat(1.0)
    implicit = sim.simulate(law, start, t1=0.1, dt=0.01, method=sim.ARK4()).final
    explicit = sim.simulate(law, start, t1=0.1, dt=0.1 / 1600, method=sim.RK4()).final
    assert jnp.max(jnp.abs(implicit.values - explicit.values)) < 2e-4
    assert jnp.max(jnp.abs(explicit.values - 0.5)) > 0.05
