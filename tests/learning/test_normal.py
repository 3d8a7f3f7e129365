"""Laws with normal derivatives on the faces of a box hold exactly, whatever the weights are."""

import jax
import jax.numpy as jnp
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.networks import MLP, RandomFeatures

KEY = jax.random.key(0)
UNIT = js.Box((0.0, 2.0))
SQUARE = js.Box((0.0, 1.0), (0.0, 2.0))
ONE_STEP = learning.LevenbergMarquardt(max_steps=1)


def network(inputs, outputs="scalar"):
    return MLP(inputs, outputs, 6, 1, key=KEY)


@pytest.mark.slow
def test_one_axis_of_slopes_beside_one_of_values():
    flux, value = lambda x: jnp.sin(jnp.pi * x[1] / 2), js.Dirichlet(0.0)
    walls = {"x-": js.Neumann(flux), "x+": js.Robin(2.0, 3.0, flux), "y": value}
    options = {"points": 36, "compare": 0, "optimiser": ONE_STEP, "key": KEY}
    solution = learning.solve_pinn(js.equations.Poisson(), SQUARE, network(2), boundary=walls, **options)
    assert not solution.report.soft
    assert solution.report.built_in == ["slope at x-", "slope at x+", "value at y-", "value at y+"]
    u, ux = solution.field, js.derivative(solution.field)
    y = jnp.linspace(0, 2, 9)
    low, high = (jnp.stack([0 * y + bound, y], axis=1) for bound in (0.0, 1.0))
    g = jnp.sin(jnp.pi * y / 2)
    assert jnp.allclose(-ux(low), g, atol=1e-13) and jnp.allclose(2 * u(high) + 3 * ux(high), g, atol=1e-12)
    assert jnp.max(jnp.abs(u(jnp.stack([y / 2, 0 * y], axis=1)))) < 1e-14 < jnp.max(jnp.abs(u(high)))


@pytest.mark.slow
def test_insulated_on_all_faces_with_the_start_built_in():
    start = lambda x: jnp.cos(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1] / 2)  # noqa: E731
    solution = learning.solve_pinn(
        js.equations.Heat(0.1), SQUARE, network(3), initial=start, boundary=js.Neumann(0.0), t1=1.0, points=64,
        compare=0, optimiser=ONE_STEP, key=KEY,
    )  # fmt: skip
    assert solution.report.built_in == ["start", "slope at x-", "slope at x+", "slope at y-", "slope at y+"]
    u = solution.at(0.7)
    s = jnp.linspace(0, 1, 7)
    for axis, x in ((0, jnp.stack([0 * s + 1, 2 * s], 1)), (1, jnp.stack([s, 0 * s], 1))):
        assert jnp.max(jnp.abs(js.derivative(u, axis)(x))) < 1e-12
    x = jnp.stack([s, s], axis=1)
    assert jnp.allclose(solution.at(0.0)(x), jax.vmap(start)(x), atol=1e-14)


@pytest.mark.slow
def test_linear_networks_stay_linear():
    u = lambda x: jnp.exp(x[0]) + jnp.sin(3 * x[0])  # noqa: E731
    du = jax.grad(lambda x: u(x[None]))
    law = js.equations.Poisson(lambda x: -jax.grad(du)(x[0]))
    walls = {"x-": js.Neumann(-du(0.0)), "x+": js.Robin(1.0, 2.0, u(jnp.array([2.0])) + 2 * du(2.0))}
    features = RandomFeatures(1, "scalar", 40, jnp.sin, scale=4.0, key=KEY)
    options = {"exact": lambda t, x: u(x), "points": 80, "compare": 0, "key": KEY}
    solution = learning.solve_pinn(law, UNIT, features, boundary=walls, **options)
    assert solution.report.optimiser == "LeastSquares" and not solution.report.soft
    assert solution.report.error < 1e-9


@pytest.mark.slow
def test_a_start_with_another_slope_leaves_the_walls_to_the_loss():
    solution = learning.solve_pinn(
        js.equations.Heat(1.0), UNIT, network(2), initial=lambda x: x[0], boundary=js.Neumann(0.0), t1=1.0, points=36,
        compare=0, optimiser=ONE_STEP, key=KEY,
    )  # fmt: skip
    assert solution.report.built_in == ["start"] and set(solution.report.soft) == {"law at x-", "law at x+"}


def test_walls_that_change_with_time_are_refused():
    with pytest.raises(ValueError, match="function of the wall point x alone.*lambda x:"):
        learning.solve_pinn(
            js.equations.Heat(1.0), UNIT, network(2), initial=lambda x: 0.0 * x[0], t1=1.0,
            boundary=js.Dirichlet(lambda x, t: t * x[0]), key=KEY,
        )  # fmt: skip
