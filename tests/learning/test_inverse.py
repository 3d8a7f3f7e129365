"""Coefficients of laws from measurements: numbers with error bars, whole functions, and errors that say why."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.networks import MLP, RandomFeatures

KEY = jax.random.key(0)
UNIT, WIDE = js.Box((0.0, 1.0)), js.Box((-1.0, 1.0))
K = 0.3


def small(num_inputs=2, width=12, depth=1, seed=0):
    return MLP(num_inputs, "scalar", width, depth, key=jax.random.key(seed))


def cooling(t, x):
    return jnp.exp(-K * jnp.pi**2 * t) * jnp.sin(jnp.pi * x[0])


def read(solution, number, seed=0, noise=0.0, low=(0.0, 0.0), high=(1.0, 1.0)):
    """Values of a solution at random points, noise in units of their standard deviation."""
    generator = np.random.default_rng(seed)
    z = jnp.asarray(generator.uniform(low, high, (number, len(low))))
    y = jax.vmap(lambda z: solution(z[0], z[1:]))(z)
    sigma = noise * float(jnp.std(y))
    return learning.Data(z, y + sigma * generator.standard_normal(number), sigma=sigma or None)


def heat(law, data, network=None, **options):
    options = {"boundary": js.Dirichlet(0.0), "t1": 1.0, "points": (10, 12), "compare": 0, "key": KEY, **options}
    options.setdefault("initial", lambda x: cooling(0.0, x))
    return learning.solve_pinn(law, UNIT, network or small(), exact=cooling, data=data, **options)


@pytest.fixture(scope="module")
def found():
    data = read(cooling, 60, noise=0.02)
    return heat(js.equations.Heat(1.0), data, unknowns="conductivity", positive="conductivity", compare=64)


@pytest.mark.slow
def test_a_number_and_its_error_bar(found):
    k, deviation = found.unknowns["conductivity"], found.report.deviations["conductivity"]
    t, x = read(cooling, 60).points.T
    slope = -(jnp.pi**2) * t * jnp.exp(-K * jnp.pi**2 * t) * jnp.sin(jnp.pi * x)
    sigma = read(cooling, 60, noise=0.02).sigma
    assert np.isclose(deviation, sigma / jnp.linalg.norm(slope), rtol=0.02)
    assert abs(k - K) < 3 * deviation
    assert found.equation.conductivity == k


@pytest.mark.slow
def test_the_report_names_what_was_found(found):
    words = repr(found)
    assert "found         conductivity = 0.3" in words and "+-" in words and "data: off by" in words
    assert "raise weight" not in words
    assert found.report.solver.startswith("FiniteDifference")
    missed = abs(jnp.exp(-(found.equation.conductivity - K) * jnp.pi**2) - 1)
    assert np.isclose(found.report.solver_error, missed, rtol=0.05)


def wave(x):
    return -jnp.sin(jnp.pi * x[0])


def mixture(x):
    return 0.6 * jnp.cos(jnp.pi * x[0]) + 0.2 * jnp.sin(2 * jnp.pi * x[0])


def burgers(nu, seed, number=200, noise=0.0, width=16, depth=2, points=(20, 30), max_steps=500):
    s, weights = np.polynomial.hermite.hermgauss(80)

    def exact(t, x):
        y = x[0] - 2 * jnp.sqrt(nu * t) * s
        exponent = -jnp.cos(jnp.pi * y) / (2 * jnp.pi * nu)
        mass = jnp.exp(exponent - jnp.max(exponent)) * weights
        return -jnp.sum(jnp.sin(jnp.pi * y) * mass) / jnp.sum(mass)

    return learning.solve_pinn(
        js.equations.Burgers(5 * nu),
        WIDE,
        small(2, width, depth, seed),
        initial=wave,
        boundary=js.Dirichlet(0.0),
        t1=1.0,
        points=points,
        data=read(exact, number, seed, noise, (0.0, -1.0), (1.0, 1.0)),
        unknowns="viscosity",
        optimiser=learning.LevenbergMarquardt(max_steps=max_steps),
        compare=0,
        key=KEY,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_burgers_viscosity(seed):
    assert abs(burgers(0.1, seed, max_steps=300).unknowns["viscosity"] / 0.1 - 1) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_burgers_viscosity_from_noisy_data(seed):
    solution = burgers(0.1, seed, 2000, noise=0.1, width=12, depth=2, points=(14, 20), max_steps=150)
    error = float(solution.unknowns["viscosity"]) - 0.1
    assert abs(error) < 0.02 * 0.1
    assert abs(error) < 3.5 * solution.report.deviations["viscosity"] < 0.003


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_allen_cahn_coefficients(seed):
    D, r = 0.01, 2.0
    space = js.Fourier(js.Grid(WIDE, (128,)))
    start = space.field(mixture)
    run = js.simulate(js.equations.AllenCahn(D, r), start, 1.0, dt=1e-3, save_at=20)
    x = jnp.linspace(-1, 1, 12, endpoint=False)[:, None]
    y = jax.vmap(lambda u: start.replace(u)(x))(run.states.data)
    t, s = jnp.meshgrid(jnp.asarray(run.ts), x[:, 0], indexing="ij")
    solution = learning.solve_pinn(
        js.equations.AllenCahn(3 * D, r / 2),
        WIDE,
        small(3, 16, 2, seed),
        initial=mixture,
        boundary=js.Periodic(),
        t1=1.0,
        points=(20, 30),
        data=learning.Data(jnp.stack([t.ravel(), s.ravel()], 1), y.ravel()),
        unknowns=("diffusivity", "reaction"),
        optimiser=learning.LevenbergMarquardt(max_steps=300),
        compare=0,
        key=KEY,
    )
    assert abs(solution.unknowns["diffusivity"] / D - 1) < 1e-4
    assert abs(solution.unknowns["reaction"] / r - 1) < 1e-4


@functools.cache
def rod(dim):
    """A solution, a conductivity, and the source that makes one from the other."""

    def u(x):
        return jnp.prod(jnp.sin(jnp.pi * x))

    def k(x):
        return 1.0 + 0.5 * jnp.sin(2 * jnp.pi * x[0]) * (jnp.cos(jnp.pi * x[1]) if dim == 2 else 1.0)

    def source(x):
        return -jnp.trace(jax.jacfwd(lambda y: k(y) * jax.grad(u)(y))(x))

    return js.Box(*[(0.0, 1.0)] * dim), u, k, source


def function_error(found, k, dim):
    x = jnp.asarray(np.random.default_rng(9).random((500, dim)))
    truth = jax.vmap(k)(x)
    return jnp.linalg.norm(found(x) - truth) / jnp.linalg.norm(truth)


def conductivity_by_network(dim, seed, widths, points, number, max_steps):
    box, u, k, source = rod(dim)
    z = jnp.asarray(np.random.default_rng(seed).random((number, dim)))
    solution = learning.solve_pinn(
        js.equations.Heat(small(dim, widths[0], seed=10 + seed), source=source),
        box,
        small(dim, widths[1], seed=seed),
        boundary=js.Dirichlet(0.0),
        points=points,
        data=learning.Data(z, jax.vmap(u)(z)),
        unknowns="conductivity",
        positive="conductivity",
        optimiser=learning.LevenbergMarquardt(max_steps=max_steps),
        compare=0,
        key=KEY,
    )
    assert "conductivity = a function" in repr(solution)
    return function_error(solution.unknowns["conductivity"], k, dim)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_a_conductivity_that_varies(seed):
    assert conductivity_by_network(1, seed, (12, 24), 80, 100, 700) < 2e-2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_a_conductivity_that_varies_in_the_plane(seed):
    assert conductivity_by_network(2, seed, (16, 48), (20, 20), 400, 400) < 2e-2


def conductivity_by_solver(dim, nodes, num_modes, number):
    box, u, k, source = rod(dim)
    space = js.FiniteDifference(js.Grid(box, (nodes,) * dim), boundary=js.Dirichlet(0.0), order=4)
    prior = js.inference.GaussianRandomField(space.derived, 0.5, 0.5, smoothness=2.5, num_modes=num_modes)
    z = jnp.asarray(np.random.default_rng(0).random((number, dim)))
    start = space.field(u)

    def predict(c):
        law = js.equations.Heat(space.derived.field(jnp.exp(prior.values(c))), source=source)
        return js.steady_state(law, start).final(z)

    posterior = js.inference.Posterior(predict, jax.vmap(u)(z), 1e-3, js.inference.Normal(0.0, 1.0))
    best = js.inference.maximize(posterior, jnp.zeros(prior.num_modes), max_steps=30)
    return function_error(space.derived.field(jnp.exp(prior.values(best.value))), k, dim)


@pytest.mark.slow
def test_the_same_conductivity_through_the_solver():
    assert conductivity_by_solver(1, 48, 16, 100) < 2e-2


@pytest.mark.slow
def test_the_same_conductivity_through_the_solver_in_the_plane():
    assert conductivity_by_solver(2, 20, 40, 400) < 2e-2


@pytest.mark.slow
def test_unknowns_in_the_arguments():
    def law(t, u, args):
        return args["k"] * js.laplacian(u)

    solution = heat(law, read(cooling, 40), args={"k": 1.0}, unknowns="args['k']")
    assert abs(solution.unknowns["args['k']"] / K - 1) < 1e-4
    assert solution.args["k"] == solution.unknowns["args['k']"]
    whole = heat(lambda t, u, k: k * js.laplacian(u), read(cooling, 40), args=1.0, unknowns="args")
    assert abs(whole.args / K - 1) < 1e-4


@pytest.mark.slow
def test_the_linearity_of_a_solve_counts_the_unknowns():
    network = RandomFeatures(2, "scalar", 60, key=KEY)
    solution = heat(js.equations.Heat(1.0), read(cooling, 40), network, unknowns="conductivity")
    assert solution.report.optimiser == "LeastSquares" and solution.report.num_steps > 1
    assert "not linear" in repr(solution)
    assert abs(float(solution.unknowns["conductivity"]) - K) < 1e-3 * K


@pytest.mark.slow
def test_an_unknown_that_enters_linearly_takes_one_solve():
    def heated(t, u, strength):
        return js.laplacian(u) + strength * u.space.field(lambda x: jnp.sin(jnp.pi * x[0]))

    def exact(t, x):
        return 3.0 / jnp.pi**2 * (1 - jnp.exp(-(jnp.pi**2) * t)) * jnp.sin(jnp.pi * x[0])

    solution = learning.solve_pinn(
        heated,
        UNIT,
        RandomFeatures(2, "scalar", 150, jnp.sin, scale=3.0, key=KEY),
        initial=lambda x: 0.0 * x[0],
        boundary=js.Dirichlet(0.0),
        t1=0.5,
        args=1.0,
        data=read(exact, 10, high=(0.5, 1.0)),
        unknowns="args",
        points=(15, 15),
        compare=0,
        key=KEY,
    )
    assert solution.report.optimiser == "LeastSquares"
    assert abs(solution.args / 3.0 - 1) < 1e-4


@pytest.mark.slow
def test_what_the_data_do_not_tell_is_named():
    def law(t, u, args):
        return args["a"] * args["b"] * js.laplacian(u)

    solution = heat(law, read(cooling, 40), args={"a": 0.5, "b": 0.5}, unknowns=("args['a']", "args['b']"))
    assert all(np.isinf(spread) for spread in solution.report.deviations.values())
    assert abs(solution.args["a"] * solution.args["b"] / K - 1) < 1e-4
    assert "args['a'] is not determined by the data" in repr(solution)


@pytest.mark.slow
def test_part_of_a_state_is_measured():
    law = js.equations.Wave.example()
    times = jnp.asarray(np.random.default_rng(0).random((30, 2)))
    values = jax.vmap(lambda z: law.solution(z[0], z[1:]).v)(times)
    few = {"initial": lambda x: law.solution(0.0, x), "boundary": js.Dirichlet(0.0), "t1": 1.0, "compare": 0}
    network = RandomFeatures(2, "scalar", 300, jnp.sin, scale=15.0, key=KEY)
    data = learning.Data(times, values, observe=lambda state: state.v)
    solution = learning.solve_pinn(law.equation, law.box, network, data=[data], points=(30, 30), key=KEY, **few)
    rate = jax.vmap(lambda z: solution.at(z[0]).v(z[1:]))(times)
    gap = float(jnp.sqrt(jnp.mean((rate - values) ** 2)))
    assert np.isclose(gap, solution.report.soft["data"], rtol=1e-6)


def test_the_weight_falls_with_the_noise():
    z, y = jnp.zeros((4, 2)), jnp.array([-1.0, 1.0, -1.0, 1.0])
    assert float(learning.Data(z, y).factor) == 100.0
    assert np.isclose(learning.Data(z, y, sigma=0.1).factor, 0.09)
    assert np.isclose(learning.Data(z, y, sigma=jnp.full(4, 0.2)).factor, 0.0225)
    assert float(learning.Data(z, y, sigma=1e-9).factor) == 100.0
    assert float(learning.Data(z, y, sigma=0.1, weight=3.0).factor) == 3.0


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda z, y: learning.Data(z, y.at[7].set(jnp.nan)), ValueError, "row 7 of values.*isfinite"),
        (lambda z, y: learning.Data(z.at[3, 0].set(jnp.inf), y), ValueError, "row 3 of points"),
        (lambda z, y: learning.Data(z, y[:-1]), js.ShapeError, "10 points, but values of shape"),
        (lambda z, y: learning.Data(z[:, 0], y), js.ShapeError, "one row"),
        (lambda z, y: learning.Data(z, y, sigma=0.0), ValueError, "not positive"),
        (lambda z, y: learning.Data(z, y, sigma=jnp.ones(3)), js.ShapeError, "sigma of shape"),
        (lambda z, y: learning.Data(z, y[:, None]), js.ShapeError, "what is observed has the shape"),
        (lambda z, y: learning.Data(z + 2.0, y), js.ShapeError, "outside"),
        (lambda z, y: (z, y), TypeError, "learning.Data"),
    ],
)
def test_bad_data(make, error, match):
    with pytest.raises(error, match=match):
        heat(js.equations.Heat(1.0), make(jnp.full((10, 2), 0.5), jnp.ones(10)), unknowns="conductivity")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"unknowns": "diffusivity"}, ValueError, "leads nowhere.*conductivity"),
        ({"unknowns": ("conductivity", "conductivity")}, ValueError, "twice"),
        ({"unknowns": "conductivity", "positive": "background"}, ValueError, "not among unknowns"),
        ({"unknowns": "background", "positive": "background"}, ValueError, "not positive"),
        ({"positive": "conductivity"}, ValueError, "without unknowns"),
        ({"unknowns": "source"}, ValueError, "no real numbers"),
        ({"unknowns": "args", "args": jnp.array(1j)}, js.UnsupportedError, "complex"),
        ({"unknowns": "conductivity", "data": None}, ValueError, "without data"),
    ],
)
def test_bad_unknowns(options, error, match):
    data = options.pop("data", read(cooling, 5))
    with pytest.raises(error, match=match):
        heat(js.equations.Heat(1.0), data, **options)


@pytest.mark.slow
def test_single_precision():
    data = learning.Data(*(jnp.asarray(a, jnp.float32) for a in (read(cooling, 40).points, read(cooling, 40).values)))
    network = MLP(2, "scalar", 10, 1, dtype=jnp.float32, key=KEY)
    steps = learning.LevenbergMarquardt(max_steps=60)
    solution = heat(js.equations.Heat(1.0), data, network, unknowns="conductivity", optimiser=steps)
    assert solution.unknowns["conductivity"].dtype == jnp.float32
    assert abs(solution.unknowns["conductivity"] / K - 1) < 1e-2
