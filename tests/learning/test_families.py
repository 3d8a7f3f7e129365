"""Families of problems: one network for all parameters of a law, its start, its walls."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.networks import MLP, RandomFeatures

KEY = jax.random.key(0)
UNIT, RANGE = js.Box((0.0, 1.0)), js.Box((0.1, 1.0))


def cooling(t, x, p):
    return jnp.exp(-p[0] * jnp.pi**2 * t) * jnp.sin(jnp.pi * x[0])


def heat(network, **options):
    options = {"points": 1200, "compare": 0, "parameters": RANGE, "exact": cooling, "t1": 1.0, "key": KEY, **options}
    options.setdefault("initial", lambda x: jnp.sin(jnp.pi * x[0]))
    return learning.solve_pinn(
        lambda t, u, p: js.equations.Heat(p[0])(t, u), UNIT, network, boundary=js.Dirichlet(0.0), **options
    )


def features(seed=0, num_inputs=3, number=400):
    return RandomFeatures(num_inputs, "scalar", number, jnp.sin, scale=3.0, key=jax.random.key(seed))


@pytest.fixture(scope="module")
def solution():
    return heat(features())


def test_a_family_in_one_solve(solution):
    assert solution.report.optimiser == "LeastSquares"
    assert solution.report.error < 1e-3
    x = jnp.linspace(0, 1, 21)[:, None]
    for p in (0.1, 0.35, 1.0):
        truth = jax.vmap(lambda x, p=p: cooling(0.3, x, jnp.array([p])))(x)
        assert jnp.allclose(solution.at(0.3, p)(x), truth, atol=2e-3)
        assert jnp.allclose(solution.at(0.0, p)(x), jnp.sin(jnp.pi * x[:, 0]), atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_a_family_by_a_deep_network(seed):
    assert heat(MLP(3, "scalar", 16, 2, key=jax.random.key(seed))).report.error < 1e-3


def test_gradients_run_through_the_parameters(solution):
    x, p = jnp.array([0.4]), jnp.array([0.4])
    slope = jax.jit(jax.grad(lambda p: solution.at(0.2, p)(x)))(p)
    truth = jax.grad(lambda p: cooling(0.2, x, p))(p)
    assert jnp.allclose(slope, truth, rtol=0.02)
    h = 1e-5
    difference = (solution.at(0.2, p + h)(x) - solution.at(0.2, p - h)(x)) / (2 * h)
    assert jnp.allclose(slope[0], difference, rtol=1e-7)


@pytest.mark.slow
def test_starts_and_walls_that_depend_on_parameters():
    def exact(t, x, p):
        return p[0] + p[1] * x[0] + jnp.exp(-(jnp.pi**2) * t) * p[1] * jnp.sin(jnp.pi * x[0])

    solution = learning.solve_pinn(
        lambda t, u, p: js.laplacian(u),
        UNIT,
        features(0, 4, 300),
        initial=lambda x, p: exact(0.0, x, p),
        boundary={"x-": js.Dirichlet(lambda x, p: p[0]), "x+": js.Dirichlet(lambda x, p: p[0] + p[1])},
        t1=0.1,
        exact=exact,
        points=800,
        parameters=js.Box((0.0, 1.0), (1.0, 2.0)),
        compare=0,
        key=KEY,
    )
    p = jnp.array([0.7, 1.3])
    assert jnp.allclose(solution.at(0.05, p)(jnp.array([[0.0], [1.0]])), jnp.array([0.7, 2.0]), atol=1e-12)
    assert solution.report.error < 1e-3


@pytest.mark.slow
def test_laws_at_walls_that_are_in_the_loss_depend_on_parameters():
    solution = learning.solve_pinn(
        lambda t, u, p: js.laplacian(u),
        UNIT,
        features(0, 2, 120),
        boundary={"x-": js.Dirichlet(0.0), "x+": js.Neumann(lambda x, p: p[0])},
        exact=lambda t, x, p: p[0] * x[0],
        points=200,
        parameters=js.Box((-1.0, 1.0)),
        compare=0,
        key=KEY,
    )
    assert solution.report.error < 1e-8 and "law at x+" in solution.report.soft
    assert jnp.allclose(solution.at(None, 0.5)(jnp.array([0.6])), 0.3, atol=1e-8)


@pytest.mark.slow
def test_an_ordinary_law_and_its_data():
    data = learning.Data(jnp.array([[0.5, 1.0], [1.0, 2.0]]), jnp.exp(jnp.array([-0.5, -2.0])))
    solution = learning.solve_pinn(
        lambda t, u, p: -p[0] * u,
        None,
        features(0, 2, 80),
        initial=jnp.array(1.0),
        exact=lambda t, p: jnp.exp(-p[0] * t),
        t1=1.0,
        points=300,
        data=data,
        parameters=js.Box((0.5, 2.0)),
        key=KEY,
    )
    assert solution.report.error < 1e-6 and solution.report.soft["data"] < 1e-6
    assert abs(solution.at(0.7, jnp.array([1.5])) - jnp.exp(-1.05)) < 1e-5


@pytest.mark.slow
def test_an_unknown_beside_the_parameters():
    class Law(js.equations.Equation):
        rate: jax.Array

        def __call__(self, t, u, args=None):
            return -self.rate * args[0] * u

    z = jnp.asarray(np.random.default_rng(0).uniform([0.0, 0.5], [1.0, 2.0], (20, 2)))
    solution = learning.solve_pinn(
        Law(jnp.array(1.0)),
        None,
        MLP(2, "scalar", 10, 1, key=KEY),
        initial=jnp.array(1.0),
        t1=1.0,
        points=200,
        data=learning.Data(z, jnp.exp(-1.5 * z[:, 0] * z[:, 1])),
        unknowns="rate",
        parameters=js.Box((0.5, 2.0)),
        compare=0,
        key=KEY,
    )
    assert abs(solution.unknowns["rate"] - 1.5) < 1e-3


@pytest.mark.slow
def test_the_solver_runs_for_the_member_in_the_middle():
    solution = heat(features(number=200), compare=16, points=500, t1=0.2)
    assert "for parameters [0.55]" in solution.report.solver and solution.report.solver_error < 1e-2


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"network": features(num_inputs=2)}, js.ShapeError, "must take 3 numbers.*p0"),
        ({"parameters": (0.1, 1.0)}, js.ShapeError, "js.Box"),
        ({"args": 1.0}, ValueError, "args and parameters"),
        ({"initial": lambda x, p: jnp.nan * p[0]}, ValueError, "NaN.*initial"),
    ],
)
def test_errors_say_why(options, error, match):
    with pytest.raises(error, match=match):
        heat(options.pop("network", features()), **options)


def test_a_member_has_to_be_named(solution):
    with pytest.raises(ValueError, match=r"solution.at\(t, p\)"):
        solution.at(0.5)
    with pytest.raises(js.ShapeError, match="has 1: give one number each"):
        solution.at(0.5, jnp.ones(2))
