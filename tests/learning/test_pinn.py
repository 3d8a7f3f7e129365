"""Networks solve laws: the gates of the reference cases, conditions that hold exactly, and errors that say why."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.networks import MLP, RandomFeatures

KEY = jax.random.key(0)
UNIT = js.Box((0.0, 1.0))
# Laws and functions of one identity: fits of the same problem share their compiled programs.
POISSON, HEAT, WAVE = (law.example() for law in (js.equations.Poisson, js.equations.Heat, js.equations.Wave))
VORTICES, FLOW = js.equations.NavierStokesVorticity.example(), js.equations.NavierStokes.example()


def heated(x):
    return HEAT.solution(0.0, x)


def plucked(x):
    return WAVE.solution(0.0, x)


def vortices(x):
    return VORTICES.solution(0.0, x)


def flowing(x):
    return FLOW.solution(0.0, x)


def carried(t, x):
    return jnp.sin(x[0] - 30.0 * t)


def ripple(x):
    return jnp.sin(x[0])


def kinked(x):
    return x[0] ** 2 * jnp.cos(jnp.pi * x[0])


def front(x):
    return -jnp.sin(jnp.pi * x[0])


def poisson(network, **options):
    options = {"points": (30, 30), "compare": 0, "boundary": js.Dirichlet(0.0), **options}
    return learning.solve_pinn(
        POISSON.equation, POISSON.box, network, exact=POISSON.solution, key=jax.random.key(1), **options
    )


def heat(network, **options):
    given = {"points": (12, 12), "compare": 0, "boundary": js.Dirichlet(0.0), "t1": 1.0, "key": KEY, **options}
    given.setdefault("initial", heated)
    return learning.solve_pinn(HEAT.equation, HEAT.box, network, exact=HEAT.solution, **given)


def small(num_inputs=2, num_outputs="scalar", width=10, depth=1, seed=0, **options):
    return MLP(num_inputs, num_outputs, width, depth, key=jax.random.key(seed), **options)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_poisson_by_levenberg_and_marquardt(seed):
    solution = poisson(MLP(2, "scalar", 32, 1, key=jax.random.key(seed)))
    assert solution.report.optimiser == "LevenbergMarquardt"
    assert solution.report.error < 5e-6


@pytest.mark.parametrize("seed", range(3))
def test_poisson_in_one_solve(seed):
    solution = poisson(RandomFeatures(2, "scalar", 300, key=jax.random.key(seed)))
    assert solution.report.optimiser == "LeastSquares" and solution.report.num_steps == 1
    assert solution.report.error < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_heat(seed):
    assert heat(MLP(2, "scalar", 64, 1, key=jax.random.key(seed)), points=(30, 30)).report.error < 2e-4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_string_in_one_solve(seed):
    network = RandomFeatures(2, "scalar", 600, jnp.sin, scale=15.0, key=jax.random.key(seed))
    solution = learning.solve_pinn(
        WAVE.equation,
        WAVE.box,
        network,
        initial=plucked,
        boundary=js.Dirichlet(0.0),
        t1=1.0,
        exact=WAVE.solution,
        points=(50, 50),
        compare=0,
        key=KEY,
    )
    assert solution.report.error < 1e-3
    x, state = jnp.array([0.3]), solution.at(0.7)
    known = WAVE.solution(0.7, x)
    assert jnp.allclose(state.u(x), known.u, atol=1e-6) and jnp.allclose(state.v(x), known.v, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_fast_advection_in_one_solve(seed):
    network = RandomFeatures(
        3, "scalar", 600, jnp.sin, scale=1.0, bounds=[(-0.06, 0.06), (-1, 1), (-1, 1)], key=jax.random.key(seed)
    )
    solution = learning.solve_pinn(
        js.equations.Advection(30.0),
        js.Box((0.0, 2 * np.pi)),
        network,
        initial=ripple,
        boundary=js.Periodic(),
        t1=1.0,
        exact=carried,
        points=(80, 20),
        compare=0,
        key=KEY,
    )
    assert solution.report.error < 1e-3
    ends = solution.at(0.4)(jnp.array([[0.0], [2 * np.pi]]))
    assert abs(ends[0] - ends[1]) < 1e-12


def burgers(t, x, nu=0.01 / np.pi):
    """Cole and Hopf's solution for the start `-sin(pi x)`."""
    s, weights = np.polynomial.hermite.hermgauss(120)
    y = x[0] - 2 * jnp.sqrt(nu * t) * s
    exponent = -jnp.cos(jnp.pi * y) / (2 * jnp.pi * nu)
    mass = jnp.exp(exponent - jnp.max(exponent)) * weights
    return -jnp.sum(jnp.sin(jnp.pi * y) * mass) / jnp.sum(mass)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_burgers_front(seed):
    solution = learning.solve_pinn(
        js.equations.Burgers(0.01 / np.pi),
        js.Box((-1.0, 1.0)),
        MLP(2, "scalar", 20, 3, key=jax.random.key(seed)),
        initial=front,
        boundary=js.Dirichlet(0.0),
        t1=1.0,
        exact=burgers,
        points=learning.Adaptive(2000, every=4),
        compare=0,
        optimiser=learning.LevenbergMarquardt(max_steps=140),
        key=KEY,
    )
    assert solution.report.error < 1e-3


@pytest.mark.slow
def test_allen_cahn_fronts():
    def law(t, u, args):
        return 1e-4 * js.laplacian(u) + 5 * u - 5 * u * u * u

    box = js.Box((-1.0, 1.0))
    start = js.Fourier(js.Grid(box, (1024,))).field(kinked)
    truth = js.simulate(law, start, t1=1.0, dt=1e-3).final
    solution = learning.solve_pinn(
        law,
        box,
        MLP(3, "scalar", 20, 3, key=KEY),
        initial=kinked,
        boundary=js.Periodic(),
        t1=1.0,
        points=learning.Adaptive(2500),
        compare=0,
        optimiser=learning.LevenbergMarquardt(max_steps=180),
        key=KEY,
    )
    x = start.space.points
    gap = solution.field(x) - truth.values
    assert jnp.linalg.norm(gap) < 5e-3 * jnp.linalg.norm(truth.values)
    assert any("start" in name for name in solution.report.soft), "a kink in the start must not be kept forever"


@pytest.mark.slow
def test_walls_and_start_hold_whatever_the_weights_are():
    box = js.Box((0.0, 1.0), (0.0, 2.0))
    laws = {"x-": js.Dirichlet(lambda x: x[1]), "x+": js.Dirichlet(lambda x: 1 + x[1] ** 2), "y-": js.Neumann(0.0)}
    laws["y+"] = js.Dirichlet(lambda x: 2 + 3 * x[0])
    step = learning.LevenbergMarquardt(max_steps=1)
    options = {"points": 64, "optimiser": step, "compare": 0, "key": KEY}
    u = learning.solve_pinn(js.equations.Poisson(), box, small(), boundary=laws, **options).field
    y = jnp.linspace(0, 2, 7)
    assert jnp.allclose(u(jnp.stack([0 * y, y], 1)), y, atol=1e-13)
    assert jnp.allclose(u(jnp.stack([0 * y + 1, y], 1)), 1 + y**2, atol=1e-13)
    assert jnp.allclose(u(jnp.stack([y / 2, 0 * y + 2], 1)), 2 + 1.5 * y, atol=1e-13)
    solution = heat(small(), optimiser=step)
    x = jnp.linspace(0, 1, 9)[:, None]
    assert jnp.allclose(solution.at(0.0)(x), jnp.sin(jnp.pi * x[:, 0]), atol=1e-13)
    assert jnp.all(jnp.abs(solution.at(0.6)(x)[jnp.array([0, -1])]) < 1e-13)


@pytest.mark.slow
def test_laws_with_slopes_at_walls():
    law = js.equations.Poisson(lambda x: jnp.cos(x[0]))
    walls = {"x-": js.Neumann(0.0), "x+": js.Robin(2.0, 1.0, 1.0)}
    network = RandomFeatures(1, "scalar", 40, key=KEY)
    solution = learning.solve_pinn(law, UNIT, network, boundary=walls, points=60, compare=0, key=KEY)
    at_one = (1.0 + jnp.sin(1.0) - 2 * jnp.cos(1.0)) / 2
    x = jnp.linspace(0, 1, 5)[:, None]
    assert jnp.allclose(solution.field(x), jnp.cos(x[:, 0]) + at_one, atol=1e-7)
    assert solution.report.built_in == ["slope at x-", "slope at x+"]


@pytest.mark.slow
def test_a_start_that_misses_the_walls_is_a_term_of_the_loss():
    solution = heat(small(), initial=lambda x: jnp.ones_like(x[0]), optimiser=learning.LevenbergMarquardt(max_steps=2))
    assert "start" in solution.report.soft and "start" not in solution.report.built_in


@pytest.mark.slow
def test_complex_waves():
    law = js.equations.Schrodinger()
    network = RandomFeatures(3, 2, 80, jnp.sin, key=KEY)

    def exact(t, x):
        return jax.lax.complex(jnp.cos(x[0] - t / 2), jnp.sin(x[0] - t / 2))

    solution = learning.solve_pinn(
        law,
        js.Box((0.0, 2 * np.pi)),
        network,
        initial=lambda x: exact(0.0, x),
        boundary=js.Periodic(),
        t1=1.0,
        exact=exact,
        points=(12, 16),
        compare=0,
        key=KEY,
    )
    assert solution.report.error < 1e-6 and jnp.iscomplexobj(solution.field(jnp.array([1.0])))


@pytest.mark.slow
def test_ordinary_laws():
    law = js.equations.LotkaVolterra()
    start = jnp.array([1.0, 1.0])
    solution = learning.solve_pinn(law, None, small(1, 2), initial=start, t1=1.0, points=40, key=KEY)
    truth = js.simulate(law, start, t1=1.0).final
    assert jnp.allclose(solution.at(1.0), truth, rtol=1e-4) and jnp.allclose(solution.at(0.0), start)


def test_an_ordinary_law_of_second_order():
    def spring(t, state, args):
        return state[1], -4.0 * state[0]

    options = {"initial": (1.0, 0.0), "t1": 1.0, "points": 30}
    solution = learning.solve_pinn(spring, None, small(1), **options, key=KEY)
    t = jnp.linspace(0.0, 1.0, 5)
    u, v = jax.vmap(solution.at)(t)
    assert jnp.allclose(u, jnp.cos(2 * t), atol=1e-5) and jnp.allclose(v, -2 * jnp.sin(2 * t), atol=1e-4)
    assert solution.report.error < 1e-4


def test_two_oscillators_of_second_order():
    def law(t, state, args):
        (a, b), (rate_a, rate_b) = state
        return (rate_a, rate_b), (-a, -4 * b)

    def exact(t):
        return (jnp.cos(t), jnp.sin(2 * t)), (-jnp.sin(t), 2 * jnp.cos(2 * t))

    solution = learning.solve_pinn(
        law, None, MLP(1, 2, 10, 2, key=KEY), initial=((1.0, 0.0), (0.0, 2.0)), t1=1.0, exact=exact, points=40,
        optimiser=learning.Broyden(max_steps=150), key=KEY,
    )  # fmt: skip
    assert solution.report.error < 1e-3 and solution.report.solver_error < 1e-5
    assert jnp.allclose(jnp.stack(solution.at(0.0)[1]), jnp.array([0.0, 2.0]), atol=1e-13)


def test_the_library_s_own_solver_runs_beside_it():
    solution = heat(small(), compare=64)
    report = solution.report
    assert report.solver.startswith("FiniteDifference") and report.solver_error < 1e-4 and report.solver_seconds > 0
    words = repr(solution)
    assert all(word in words for word in ("residual", "built in", "error", "solver", "own solver is more accurate"))


def test_the_field_is_a_field():
    u = heat(small()).field
    x = jnp.linspace(0.1, 0.9, 5)[:, None]
    assert jnp.allclose(js.derivative(u, order=2)(x), -(jnp.pi**2) * u(x), rtol=0.1)
    space = js.FiniteDifference(js.Grid(UNIT, (32,)), boundary=js.Dirichlet(0.0))
    assert js.simulate(js.equations.Heat(0.25), space.project(u), t1=0.1).ok


@pytest.mark.slow
def test_single_precision():
    solution = heat(small(dtype=jnp.float32), optimiser=learning.LevenbergMarquardt(max_steps=30))
    assert solution.field(jnp.array([0.5], jnp.float32)).dtype == jnp.float32
    assert solution.report.error < 1e-2 and any("float32" in limit for limit in solution.report.limits)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"network": small(3)}, js.ShapeError, "must take 2 numbers.*in_size=2"),
        ({"network": small(2, 3)}, js.ShapeError, "give 1 .*gave an array of shape"),
        ({"initial": lambda x: jnp.nan * x[0]}, ValueError, "NaN.*initial"),
        ({"boundary": js.Dirichlet(jnp.nan)}, ValueError, "NaN.*'x-'"),
        ({"t1": None}, ValueError, "initial was given without t1"),
        ({"t1": -1.0}, ValueError, "later than t0"),
        ({"points": np.array([[0.5, 3.0]])}, js.ShapeError, "outside"),
        ({"points": (3, 3, 3)}, js.ShapeError, "2 coordinates"),
    ],
)
def test_errors_say_why(options, error, match):
    network = options.pop("network", small())
    with pytest.raises(error, match=match):
        heat(network, **options)


def test_conflicting_walls():
    walls = {"x": js.Dirichlet(0.0), "y": js.Dirichlet(1.0)}
    with pytest.raises(ValueError, match="conflicting conditions: sides x- and y-"):
        poisson(small(), boundary=walls)


def test_least_squares_refuses_what_is_not_linear():
    with pytest.raises(js.UnsupportedError, match="LevenbergMarquardt"):
        poisson(small(), optimiser=learning.LeastSquares())


@pytest.mark.slow
@pytest.mark.parametrize(("example", "start", "number"), [(VORTICES, vortices, 2), (FLOW, flowing, 3)], ids=["w", "u"])
def test_a_flow_brings_its_stream_function_or_pressure_along(example, start, number):
    solution = learning.solve_pinn(
        example.equation,
        example.box,
        small(5, number, 16, 2),
        initial=start,
        boundary=js.Periodic(),
        t1=1.0,
        points=500,
        optimiser=learning.LevenbergMarquardt(max_steps=60),
        key=KEY,
    )
    assert solution.report.error < 2e-3 and "Fourier" in str(solution.report)
    x = jnp.array([1.0, 2.0])
    assert jnp.allclose(solution.field(x), example.solution(1.0, x), atol=5e-3)


@pytest.mark.slow
def test_the_viscosity_of_a_flow_from_noisy_velocities():
    lengths = jnp.array([1.0, *FLOW.box.lengths])
    where = lengths * jax.random.uniform(jax.random.key(5), (300, 3))
    truth = jax.vmap(lambda z: FLOW.solution(z[0], z[1:]))(where)
    seen = truth + 0.05 * jax.random.normal(jax.random.key(6), truth.shape)
    solution = learning.solve_pinn(
        js.equations.NavierStokes(viscosity=0.05),
        FLOW.box,
        small(5, 3, 16, 2),
        initial=flowing,
        boundary=js.Periodic(),
        t1=1.0,
        points=400,
        compare=0,
        data=learning.Data(where, seen, sigma=0.05),
        unknowns="viscosity",
        positive="viscosity",
        optimiser=learning.LevenbergMarquardt(max_steps=40),
        key=jax.random.key(1),
    )
    found, deviation = (float(table["viscosity"]) for table in (solution.report.unknowns, solution.report.deviations))
    assert abs(found - 0.1) < 3 * deviation and 0.002 < deviation < 0.008
    assert not any("missed by" in line for line in solution.report.limits)


@pytest.mark.parametrize(
    ("network", "boundary", "error", "words"),
    [
        (5, js.Periodic(), js.ShapeError, "and give 2 .*, and 1 for the potential"),
        (3, js.Dirichlet(0.0), js.UnsupportedError, "NavierStokesVorticity holds a Poisson solve"),
    ],
)
def test_flows_that_do_not_fit(network, boundary, error, words):
    number = 1 if network == 5 else 2
    with pytest.raises(error, match=words):
        learning.solve_pinn(
            VORTICES.equation,
            VORTICES.box,
            small(network, number),
            initial=vortices,
            boundary=boundary,
            t1=1.0,
            key=KEY,
        )


def test_a_jacobian_too_large_switches_and_says_so(monkeypatch):
    monkeypatch.setattr("jaxsci.learning.fitting.MOST_JACOBIAN", 1000)
    monkeypatch.setattr("jaxsci.learning.fitting.NaturalGradient", lambda: learning.NaturalGradient(max_steps=10))
    with pytest.warns(UserWarning, match="GiB: NaturalGradient was used"):
        solution = poisson(small(), optimiser=learning.LevenbergMarquardt())
    assert solution.report.optimiser == "NaturalGradient" and "NaturalGradient was used" in repr(solution)


@pytest.mark.slow
def test_a_solver_whose_error_control_fails_goes_on_in_fixed_steps():
    example = js.equations.KortewegDeVries.example()
    solution = learning.solve_pinn(
        example.equation,
        example.box,
        small(3),
        initial=eqx.Partial(example.solution, 0.0),
        boundary=js.Periodic(),
        t1=1.0,
        exact=example.solution,
        points=200,
        optimiser=learning.LevenbergMarquardt(max_steps=2),
        key=KEY,
    )
    assert solution.report.solver_error < 1e-7


@pytest.mark.slow
def test_wide_networks_leave_levenberg_and_marquardt():
    from jaxsci.learning.fitting import chosen
    from jaxsci.learning.problems.assembly import Wanted, set_up

    start = eqx.Partial(HEAT.solution, 0.0)
    names = []
    for width, depth in ((30, 2), (60, 3), (160, 3)):
        network = small(2, "scalar", width, depth)
        setup = set_up(Wanted(HEAT.equation, UNIT, network, initial=start, times=(0, 1.0), points=100), KEY)
        names.append(type(chosen(None, setup.problem, setup.problem.start)[0]).__name__)
    assert names == ["LevenbergMarquardt", "NaturalGradient", "SOAP"]
