"""Laws with conditions in place of rates: pressures next to walls in time, and ordinary differential-algebraic laws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.equations import Algebraic
from jaxsci.networks import MLP

KEY = jax.random.key(0)
BOX = js.Box((0.3, 2.3), (0.1, 2.1))


class Flow(eqx.Module):
    """Incompressible flow: the pressure is what keeps the velocity free of divergence."""

    viscosity: jax.Array

    def __call__(self, t, state, args):
        u, p = state
        rate = self.viscosity * js.laplacian(u) - js.advection(u, u) - js.gradient(p)
        return rate, Algebraic(js.divergence(u))


FLOW = Flow(jnp.asarray(0.1))


def velocity(t, x):
    """Taylor-Green vortices in a window."""
    waves = jnp.stack([-jnp.cos(x[0]) * jnp.sin(x[1]), jnp.sin(x[0]) * jnp.cos(x[1])])
    return waves * jnp.exp(-0.2 * t)


def pressure(t, x):
    return -0.25 * (jnp.cos(2 * x[0]) + jnp.cos(2 * x[1])) * jnp.exp(-0.4 * t)


def exact(t, x):
    return velocity(t, x), pressure(t, x)


def solved(law=FLOW, steps=1, width=16, **options):
    return learning.solve_pinn(
        law, BOX, MLP(3, 3, width, 2, key=jax.random.key(1)), initial=lambda x: (velocity(0.0, x), 0.0),
        boundary=(js.Dirichlet(js.InTime(velocity)), js.geometry.Free()), t1=2.0, exact=exact,
        optimiser=learning.Broyden(max_steps=steps), key=KEY, **options,
    )  # fmt: skip


def places(number):
    return jax.random.uniform(KEY, (number, 3)) * 2 + jnp.array([0.0, 0.3, 0.1])


def test_the_residual_of_the_exact_flow_is_zero():
    left = learning.residual(FLOW, exact, places(20), domain=BOX)
    assert left.shape == (20, 3) and jnp.max(jnp.abs(left)) < 1e-12
    still = learning.residual(FLOW, lambda t, x: (velocity(t, x), 0.0), places(20), domain=BOX)
    assert jnp.max(jnp.abs(still[:, :2])) > 0.1 and jnp.max(jnp.abs(still[:, 2])) < 1e-12


@pytest.mark.slow
def test_velocities_are_built_in_and_the_pressure_is_free():
    solution = solved(points=40, width=4)
    assert solution.report.built_in == ["start", "value at x-", "value at x+", "value at y-", "value at y+"]
    assert "Algebraic" in repr(solution.report)
    wall, inside = jnp.array([[0.3, 1.0], [1.7, 2.1]]), places(5)[:, 1:]
    for t in (0.0, 0.7, 2.0):
        assert jnp.allclose(solution.at(t)[0](wall), jax.vmap(lambda x, t=t: velocity(t, x))(wall), atol=1e-12)
    u, p = solution.at(0.0)
    assert jnp.allclose(u(inside), jax.vmap(lambda x: velocity(0.0, x))(inside), atol=1e-13)
    assert jnp.min(jnp.abs(p(inside))) > 1e-3


@pytest.mark.slow
def test_a_flow_between_moving_walls():
    solution = solved(steps=150, points=400)
    x = places(200)[:, 1:]
    p, expected = solution.at(1.0)[1](x), jax.vmap(lambda x: pressure(1.0, x))(x)
    assert solution.report.error < 2e-3 and jnp.std(p - expected) < 0.03 * jnp.std(expected)


@pytest.mark.slow
def test_the_viscosity_from_velocities_alone():
    z = places(400)
    noise = 0.01 * jax.random.normal(jax.random.key(8), (400, 2))
    measured = jax.vmap(lambda z: velocity(z[0], z[1:]))(z) + noise
    data = learning.Data(z, measured, sigma=0.01, observe=lambda state: state[0])
    found = solved(Flow(jnp.asarray(0.3)), 400, points=1500, data=data, unknowns="viscosity", positive="viscosity")
    value, deviation = (float(found.report.unknowns["viscosity"]), float(found.report.deviations["viscosity"]))
    assert 0.003 < deviation < 0.012 and abs(value - 0.1) < 3 * deviation


def test_an_ordinary_law():
    """u' = -v with 0 = v - u^2: u = 1 / (1 + t)."""

    def law(t, state, args):
        u, v = state
        return -v, Algebraic(v - u**2)

    solution = learning.solve_pinn(
        law, None, MLP(1, 2, 12, 2, key=KEY), initial=(1.0, 0.0), t1=1.0, points=50, compare=0,
        exact=lambda t: (1 / (1 + t), 1 / (1 + t) ** 2), optimiser=learning.Broyden(max_steps=800), key=KEY,
    )  # fmt: skip
    u, v = solution.at(0.6)
    assert solution.report.error < 1e-6 and abs(u - 1 / 1.6) < 1e-6 and abs(v - 1 / 1.6**2) < 1e-5


def test_time_steppers_refuse_by_name():
    space = js.FiniteDifference(js.Grid(BOX, (12, 12)), js.Dirichlet(0.0))
    state = space.field(lambda x: velocity(0.0, x)), space.field(lambda x: 0.0 * x[0])
    with pytest.raises(js.UnsupportedError, match="Flow holds an Algebraic part"):
        js.simulate(FLOW, state, t1=1.0)
