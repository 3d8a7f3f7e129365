"""Walls that change with time are built in exactly, whatever the weights are."""

import jax
import jax.numpy as jnp
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.equations import Heat, Poisson, Wave, WaveState
from jaxsci.geometry import Ball
from jaxsci.networks import MLP

KEY = jax.random.key(0)
UNIT, SQUARE = js.Box((0.0, 1.0)), js.Box((0.0, 1.0), (0.0, 1.0))
OPTIONS = {"points": 40, "compare": 0, "optimiser": learning.LevenbergMarquardt(max_steps=1), "key": KEY}
TIMES = (0.0, 0.3, 1.0)


def network(inputs, outputs="scalar"):
    return MLP(inputs, outputs, 6, 1, key=KEY)


def tide(t, x):
    return jnp.sin(2 * t) + 0.5 * x[0]


def held(function):
    return js.Dirichlet(js.InTime(function))


def ends(u):
    return u(jnp.array([[0.0], [1.0]]))


def test_values_and_start_on_a_line():
    solution = learning.solve_pinn(
        Heat(0.1), UNIT, network(2), initial=lambda x: tide(0.0, x), boundary=held(tide), t1=1.0, **OPTIONS
    )
    assert solution.report.built_in == ["start", "value at x-", "value at x+"] and not solution.report.soft
    for t in TIMES:
        assert jnp.allclose(ends(solution.at(t)), jnp.stack([tide(t, jnp.array([x])) for x in (0.0, 1.0)]), atol=1e-13)
    x = jnp.linspace(0, 1, 5)[:, None]
    assert jnp.allclose(solution.at(0.0)(x), jax.vmap(lambda x: tide(0.0, x))(x), atol=1e-14)
    middle = jnp.array([[0.5]])
    assert abs(solution.at(0.5)(middle) - jnp.sin(1.0) - 0.25)[0] > 1e-3


@pytest.mark.slow
def test_slopes_on_a_line():
    walls = {"x-": held(tide), "x+": js.Neumann(js.InTime(lambda t, x: 0.5 * jnp.cos(3 * t)))}
    solution = learning.solve_pinn(
        Heat(0.1), UNIT, network(2), initial=lambda x: tide(0.0, x), boundary=walls, t1=1.0, **OPTIONS
    )
    assert solution.report.built_in == ["start", "value at x-", "slope at x+"]
    for t in TIMES:
        u = solution.at(t)
        assert jnp.allclose(js.derivative(u)(jnp.array([[1.0]])), 0.5 * jnp.cos(3 * t), atol=1e-12)
        assert jnp.allclose(u(jnp.array([[0.0]])), jnp.sin(2 * t), atol=1e-12)


@pytest.mark.parametrize("speed", [-1.0, 0.0])
def test_a_string_whose_ends_move_and_a_start_with_their_speed(speed):
    begin = lambda x: WaveState(jnp.sin(x[0]), speed * jnp.cos(x[0]))  # noqa: E731
    solution = learning.solve_pinn(
        Wave(1.0), UNIT, network(2), initial=begin, boundary=held(lambda t, x: jnp.sin(x[0] - t)), t1=1.0, **OPTIONS
    )
    assert ("start" in solution.report.built_in) == (speed == -1.0)
    for t in TIMES:
        assert jnp.allclose(ends(solution.at(t).u), jnp.sin(jnp.array([0.0, 1.0]) - t), atol=1e-12)
    if speed == -1.0:
        assert jnp.allclose(solution.at(0.0).v(jnp.array([[0.4]])), -jnp.cos(0.4), atol=1e-13)


def test_a_disk():
    solution = learning.solve_pinn(
        Heat(0.1), Ball((0.0, 0.0), 1.0), network(3), initial=lambda x: tide(0.0, x), boundary=held(tide), t1=1.0,
        **OPTIONS,
    )  # fmt: skip
    angles = jnp.linspace(0, 6, 7)
    rim = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
    for t in TIMES:
        assert jnp.allclose(solution.at(t)(rim), jax.vmap(lambda x, t=t: tide(t, x))(rim), atol=1e-12)


def test_a_family():
    wall = {"x-": held(lambda t, x, p: p[0] * jnp.sin(t)), "x+": js.Dirichlet(0.0)}
    solution = learning.solve_pinn(
        Heat(0.1), UNIT, network(3), initial=lambda x: 0.0 * x[0], boundary=wall, t1=1.0,
        parameters=js.Box((1.0, 2.0)), **OPTIONS,
    )  # fmt: skip
    for p in (1.0, 1.7):
        u = solution.at(0.6, jnp.array([p]))
        assert jnp.allclose(ends(u), jnp.array([p * jnp.sin(0.6), 0.0]), atol=1e-13)


@pytest.mark.slow
def test_trained_beside_the_solver():
    walls = {"x-": held(lambda t, x: jnp.sin(3 * t) ** 2), "x+": js.Dirichlet(0.0)}
    solution = learning.solve_pinn(
        Heat(0.3), UNIT, MLP(2, "scalar", 16, 2, key=KEY), initial=lambda x: 0.0 * x[0], boundary=walls, t1=1.0,
        points=400, compare=48, optimiser=learning.Broyden(max_steps=150), key=KEY,
    )  # fmt: skip
    assert solution.report.error < 5e-3


@pytest.mark.slow
def test_a_solver_that_needs_too_many_steps_is_an_implicit_one():
    def diffuse(t, u, args):
        return 2.0 * js.laplacian(u)

    solution = learning.solve_pinn(
        diffuse, UNIT, network(2), initial=lambda x: tide(0.0, x), boundary=held(tide), t1=1.0,
        **OPTIONS | {"compare": 256},
    )  # fmt: skip
    assert solution.report.solver_error < 1e-6


def test_errors_say_why():
    begin = lambda x: 0.0 * x[0]  # noqa: E731
    with pytest.raises(ValueError, match="a law at rest has no time"):
        learning.solve_pinn(Poisson(), UNIT, network(1), boundary=held(tide), **OPTIONS)
    with pytest.raises(ValueError, match=r"InTime\(lambda t, x"):
        learning.solve_pinn(
            Heat(), UNIT, network(2), initial=begin, boundary=js.Dirichlet(lambda t, x: t), t1=1.0, **OPTIONS
        )
    parting = {"x": held(lambda t, x: t), "y": js.Dirichlet(0.0)}
    with pytest.raises(ValueError, match="conflicting conditions: sides x- and y-"):
        learning.solve_pinn(Heat(), SQUARE, network(3), initial=begin, boundary=parting, t1=1.0, **OPTIONS)
    with pytest.raises(ValueError, match="not finite everywhere"):
        nan = held(lambda t, x: jnp.sqrt(0.5 - t))
        learning.solve_pinn(Heat(), UNIT, network(2), initial=begin, boundary=nan, t1=1.0, **OPTIONS)
