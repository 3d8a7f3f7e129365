"""Wall values that change with time: in every law, method and front door, with their derivatives."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.simulation.methods import imex

BOX = js.Box((0.2, 1.2))
HEAT = js.equations.Heat(0.5)


def exact(t, x):
    """Obeys the heat equation with diffusivity 1/2."""
    return jnp.exp(-2 * t) * jnp.sin(2 * x[0]) + x[0]


def slope(t, x):
    return 2 * jnp.exp(-2 * t) * jnp.cos(2 * x[0]) + 1


LAWS = {
    "value": js.Dirichlet(js.InTime(exact)),
    "slope": js.Neumann(js.InTime(slope)),
    "sum": js.Robin(2.0, 0.5, js.InTime(lambda t, x: 2 * exact(t, x) + 0.5 * slope(t, x))),
}


def space_of(law="value", nodes=16, order=4):
    return js.FiniteDifference(js.Grid(BOX, (nodes,)), {"x-": LAWS["value"], "x+": LAWS[law]}, order=order)


def start(space, dtype=None):
    return space.field(lambda x: exact(0.0, x), dtype=dtype)


def error(field, t):
    return float(jnp.max(jnp.abs(field.values - field.space.field(lambda x: exact(t, x)).values)))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("order", [2, 4])
def test_order_of_accuracy(law, order):
    errors = []
    for nodes in (24, 48):
        space = space_of(law, nodes, order)
        errors.append(error(js.simulate(HEAT, start(space), t1=0.5, rtol=1e-9, atol=1e-11).final, 0.5))
    assert errors[0] / errors[1] > 0.75 * 2**order and errors[1] < (1e-3, 1e-6)[order == 4]


METHODS = {
    "RK4": ({"dt": 2e-4, "method": js.RK4()}, 4e-7),
    "IMEX, a matrix": ({"dt": 1e-3, "method": js.ARS443()}, 4e-7),
    "Kvaerno5": ({"method": diffrax.Kvaerno5(), "rtol": 1e-8, "atol": 1e-10}, 4e-7),
    "Strang": (
        {
            "dt": 1e-3,
            "method": js.Strang((lambda t, u, args: 0.0 * u, js.RK4()), (HEAT, js.RK4())),
        },
        4e-7,
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    options, bound = METHODS[name]
    assert error(js.simulate(HEAT, start(space_of(nodes=20)), t1=0.2, **options).final, 0.2) < bound


def test_imex_by_iterations(monkeypatch):
    monkeypatch.setattr(imex, "DENSE", 4)
    end = js.simulate(HEAT, start(space_of(nodes=20)), t1=0.02, dt=5e-4, method=js.ARS443()).final
    assert error(end, 0.02) < 4e-7


class String(js.equations.HamiltonianSystem):
    """A string: `q` is its deflection, `p` its speed."""

    def kinetic(self, p):
        return js.integral(p * p) / 2

    def potential(self, q):
        return js.integral(js.derivative(q) ** 2) / 2

    def velocity(self, p):
        return p

    def force(self, q):
        return js.laplacian(q)


def test_leapfrog_of_a_string_whose_ends_move():
    def wave(t, x):
        return jnp.sin(3 * (x[0] - t))

    def speed(t, x):
        return -3 * jnp.cos(3 * (x[0] - t))

    grid, errors = js.Grid(BOX, (32,)), []
    q, p = (js.FiniteDifference(grid, js.Dirichlet(js.InTime(f)), order=4) for f in (wave, speed))
    begin = js.equations.Phase(q.field(lambda x: wave(0.0, x)), p.field(lambda x: speed(0.0, x)))
    for dt in (0.02, 0.01):
        end = js.simulate(String(), begin, t1=1.0, dt=dt, method=js.Leapfrog()).final.q
        errors.append(float(jnp.max(jnp.abs(end.values - q.field(lambda x: wave(1.0, x)).values))))
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_an_event_sees_the_wall_at_its_time():
    def high(t, u, args):
        return u(jnp.array([[0.2]]))[0] - 0.5

    tide = {"x-": js.Dirichlet(js.InTime(lambda t, x: jnp.sin(t))), "x+": js.Neumann(0.0)}
    u = js.FiniteDifference(js.Grid(BOX, (12,)), tide).field(lambda x: 0.0 * x[0])
    assert abs(js.simulate(HEAT, u, t1=1.0, event=high).ts[-1] - jnp.pi / 6) < 1e-5


def test_imex_converges_in_time_at_its_order():
    reference = js.simulate(HEAT, start(space_of()), t1=0.2, rtol=1e-11, atol=1e-12).final.values
    gaps = []
    for dt in (0.05, 0.025):
        end = js.simulate(HEAT, start(space_of()), t1=0.2, dt=dt, method=js.ARS222()).final.values
        gaps.append(float(jnp.max(jnp.abs(end - reference))))
    assert 3.5 < gaps[0] / gaps[1] < 4.5


def test_states_know_their_time():
    solution = js.simulate(HEAT, start(space_of()), t1=0.4, save_at=4)
    wall = jnp.array([[0.2], [1.2]])
    for i, t in enumerate(np.asarray(solution.ts)):
        expected = jax.vmap(lambda x, t=t: exact(t, x))(wall)
        np.testing.assert_allclose(solution.at(i)(wall), expected, atol=1e-12)
    np.testing.assert_allclose(solution.final(wall), jax.vmap(lambda x: exact(0.4, x))(wall), atol=1e-12)
    further = js.simulate(HEAT, solution.final, t0=0.4, t1=0.6).final
    assert error(further, 0.6) < 2e-5


def test_steps_rollouts_and_ensembles():
    u = start(space_of())
    one = js.simulate(HEAT, u, t1=0.01, dt=1e-3, method=js.RK4(), save_at=2)
    step = js.stepper(HEAT, u, 1e-3, method=js.RK4())
    rolled = js.rollout(step, u, 10, save_every=5)
    np.testing.assert_allclose(rolled.values, one.states.values, rtol=1e-12)
    wall = jnp.array([[1.2]])
    by_hand = step(step(u), t=1e-3)
    np.testing.assert_allclose(by_hand(wall)[0], exact(2e-3, wall[0]), atol=1e-12)
    many = js.ensemble(HEAT, u.replace(jnp.stack([u.data, u.data + 1.0, u.data])), t1=0.01, save_at=2)
    each = [js.simulate(HEAT, u.replace(a), t1=0.01, save_at=2) for a in (u.data, u.data + 1.0)]
    for i, alone in enumerate(each):
        np.testing.assert_allclose(many.member(i).states.values, alone.states.values, rtol=1e-8)
        np.testing.assert_allclose(many.member(i).states.space.sides[0][0].value.t, alone.ts, rtol=1e-12)


class Swing(eqx.Module):
    """A wall that swings with an amplitude and a rate."""

    amplitude: jax.Array
    rate: jax.Array

    def __call__(self, t, x):
        return self.amplitude * jnp.sin(self.rate * t)


@pytest.mark.parametrize("dt", [None, 2e-3])
@pytest.mark.parametrize("closure", [False, True])
def test_gradient_by_what_moves_the_wall(dt, closure):
    def loss(numbers):
        swing = (lambda t, x: numbers[0] * jnp.sin(numbers[1] * t)) if closure else Swing(*numbers)
        insulated = (lambda x: 0.1 * numbers[0]) if closure else 0.1 * numbers[0]
        sides = {"x-": js.Dirichlet(js.InTime(swing)), "x+": js.Neumann(insulated)}
        space = js.FiniteDifference(js.Grid(BOX, (12,)), sides)
        method = None if dt is None else js.RK4()
        end = js.simulate(HEAT, space.field(lambda x: 0.0 * x[0]), t1=0.3, dt=dt, method=method, rtol=1e-9, atol=1e-9)
        return jnp.sum(end.final.values**2)

    assert js.check_gradient(loss, jnp.array([1.5, 4.0])).passed


def test_jit_vmap_float32_and_no_recompilation():
    traces = []

    @jax.jit
    def end(amplitude):
        traces.append(1)
        sides = {"x-": js.Dirichlet(js.InTime(Swing(amplitude, jnp.float32(4.0)))), "x+": js.Neumann(0.0)}
        space = js.FiniteDifference(js.Grid(BOX, (12,)), sides)
        u = space.field(lambda x: 0.0 * x[0], dtype=jnp.float32)
        return js.simulate(HEAT, u, t1=0.3, dt=2e-3, method=js.RK4()).final.values

    amplitudes = jnp.array([1.0, 2.0], jnp.float32)
    single = jnp.stack([end(a) for a in amplitudes])
    assert single.dtype == jnp.float32 and len(traces) == 1
    np.testing.assert_allclose(jax.vmap(end)(amplitudes), single, rtol=2e-6)
    np.testing.assert_allclose(single[1], 2 * single[0], rtol=1e-5)


def test_vector_fields_in_the_plane():
    """Each component has walls of its own: u = (1, t) x y solves du/dt = laplacian(u) + (0, 1) x y."""

    def moving(t, x):
        return jnp.stack([jnp.ones_like(t), t]) * x[0] * x[1]

    space = js.FiniteDifference(
        js.Grid(js.Box((0.0, 1.0), (0.0, 1.0)), (12, 12)), js.Dirichlet(js.InTime(moving)), order=2
    )

    def law(t, u, args):
        source = u.space.field(lambda x: jnp.array([0.0, 1.0]) * x[0] * x[1])
        return js.laplacian(u) + source

    end = js.simulate(law, space.field(lambda x: moving(0.0, x)), t1=0.3).final
    np.testing.assert_allclose(end.values, space.field(lambda x: moving(0.3, x)).values, atol=1e-6)
    np.testing.assert_allclose(end[1](jnp.array([[1.0, 0.5]])), [0.15], atol=1e-6)


def test_a_run_resumes_with_its_walls(tmp_path):
    pytest.importorskip("zarr")

    def run(path):
        return js.simulate(HEAT, start(space_of()), t1=0.1, save_at=8, store=js.data.ZarrStore(path))

    whole = js.simulate(HEAT, start(space_of()), t1=0.1, save_at=8)
    kept = run(tmp_path / "run.zarr")
    np.testing.assert_array_equal(kept.final.values, run(tmp_path / "run.zarr").final.values)
    np.testing.assert_allclose(kept.states.values, whole.states.values, rtol=1e-9)
    wall = jnp.array([[1.2]])
    np.testing.assert_allclose(kept.at(3)(wall)[0], exact(kept.ts[3], wall[0]), atol=1e-12)
