"""Numbers from outside: diffrax, and the literature's test problems."""

import diffrax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import simulation as sim
from jaxsci.equations import Kepler, Lorenz63, Robertson, VanDerPol
from jaxsci.equations.base import Phase


def rotating(t, y, args):
    return jnp.stack([y[1] * args, -jnp.sin(y[0]) + 0.1 * jnp.cos(t)])


@pytest.mark.parametrize(
    "solver",
    [
        diffrax.Tsit5(),
        diffrax.Dopri5(),
        diffrax.Dopri8(),
        diffrax.Bosh3(),
        diffrax.Heun(),
        diffrax.Midpoint(),
        diffrax.Ralston(),
    ],
    ids=lambda s: type(s).__name__,
)
def test_tableaus_of_diffrax_give_the_numbers_of_diffrax(solver):
    start = jnp.array([1.0, 0.2])
    theirs = diffrax.diffeqsolve(
        diffrax.ODETerm(rotating), solver, 0.0, 3.0, 0.05, start, 1.3, stepsize_controller=diffrax.ConstantStepSize()
    ).ys[-1]
    ours = sim.simulate(rotating, start, t1=3.0, dt=0.05, args=1.3, method=solver).final
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    controlled = sim.simulate(rotating, start, t1=3.0, args=1.3, method=solver, rtol=1e-7, atol=1e-9).final
    accurate = sim.simulate(rotating, start, t1=3.0, args=1.3, method=sim.Dopri8(), rtol=1e-13, atol=1e-13).final
    np.testing.assert_allclose(controlled, accurate, atol=1e-5)


def test_arenstorf_orbit_returns():
    mu = 0.012277471

    def law(t, y, args):
        x, z, vx, vz = y
        d1, d2 = ((x + mu) ** 2 + z**2) ** 1.5, ((x - 1 + mu) ** 2 + z**2) ** 1.5
        ax = x + 2 * vz - (1 - mu) * (x + mu) / d1 - mu * (x - 1 + mu) / d2
        az = z - 2 * vx - (1 - mu) * z / d1 - mu * z / d2
        return jnp.stack([vx, vz, ax, az])

    start = jnp.array([0.994, 0.0, 0.0, -2.00158510637908252])
    final = sim.simulate(law, start, t1=17.0652165601579626, method=sim.Dopri8(), rtol=1e-12, atol=1e-12).final
    assert jnp.max(jnp.abs(final[:2] - start[:2])) < 1.5e-9


@pytest.mark.parametrize(
    ("method", "drift"), [(sim.Leapfrog(), 5.855e-4), (sim.Yoshida4(), 1.247e-6)], ids=["leapfrog", "yoshida"]
)
def test_kepler_energy_stays_bounded(method, drift):
    start = Phase(jnp.array([0.4, 0.0]), jnp.array([0.0, 2.0]))
    period = 2 * np.pi
    solution = sim.simulate(Kepler(), start, t1=20 * period, dt=period / 500, save_at=10_000, method=method)
    q, p = solution.states
    energy = 0.5 * jnp.sum(p**2, -1) - 1 / jnp.sqrt(jnp.sum(q**2, -1))
    momentum = q[:, 0] * p[:, 1] - q[:, 1] * p[:, 0]
    np.testing.assert_allclose(jnp.max(jnp.abs(energy - Kepler().hamiltonian(start))), drift, rtol=4e-4)
    assert jnp.max(jnp.abs(momentum - 0.8)) < 5e-14


@pytest.mark.parametrize(("rtol", "digits"), [(1e-6, 6.0), (1e-8, 8.0)])
def test_robertson_to_the_end(rtol, digits):
    reference = jnp.array([2.083340149701255e-8, 8.333360770334713e-14, 0.9999999791665050])
    solution = sim.simulate(Robertson(), jnp.array([1.0, 0.0, 0.0]), t1=1e11, rtol=rtol, atol=rtol * 1e-8)
    assert -jnp.log10(jnp.max(jnp.abs(solution.final / reference - 1))) > digits
    assert solution.stats["steps"] + solution.stats["rejected"] < (2500 if rtol == 1e-6 else 9000)


@pytest.mark.parametrize(("rtol", "digits"), [(1e-6, 6.9), (1e-8, 8.3)])
def test_van_der_pol_through_its_layers(rtol, digits):
    reference = jnp.array([1.706167732170483, -0.8928097010247975])
    solution = sim.simulate(VanDerPol(), jnp.array([2.0, 0.0]), t1=2.0, rtol=rtol, atol=rtol * 1e-3)
    assert -jnp.log10(jnp.max(jnp.abs(solution.final / reference - 1))) > digits
    assert solution.stats["steps"] + solution.stats["rejected"] < (10_000 if rtol == 1e-6 else 35_000)


def test_lorenz_short_run_agrees_with_diffrax():
    start = jnp.array([1.0, 1.0, 20.0])
    theirs = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, args: Lorenz63()(t, y)),
        diffrax.Dopri8(),
        0.0,
        2.0,
        1e-3,
        start,
        stepsize_controller=diffrax.PIDController(rtol=1e-12, atol=1e-12),
        max_steps=10_000,
    ).ys[-1]
    np.testing.assert_allclose(sim.simulate(Lorenz63(), start, t1=2.0, rtol=1e-11, atol=1e-11).final, theirs, rtol=1e-8)


@pytest.mark.slow
def test_lorenz_exponents():
    """The largest is .9056 (Viswanath), and volumes shrink at exactly `sigma + 1 + beta`."""
    start = jnp.array([1.0, 1.0, 20.0])
    step = sim.stepper(Lorenz63(), start, dt=0.005, method=sim.RK4())
    exponents = sim.lyapunov_exponents(step, start, 0.005, 800_000, 3, spin_up=2000)
    np.testing.assert_allclose(exponents[0], 0.9056, atol=3e-3)
    np.testing.assert_allclose(exponents[1], 0.0, atol=1e-3)
    np.testing.assert_allclose(exponents.sum(), -(10 + 1 + 8 / 3), atol=1e-5)
