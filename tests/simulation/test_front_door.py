"""simulate: what it saves, what it refuses, what it compiles, and how it fails."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import simulation as sim
from jaxsci._core.errors import PrecisionError, ShapeError, SimulationError, UnsupportedError
from jaxsci.equations import Kepler, OrnsteinUhlenbeck
from jaxsci.equations.base import Phase

Y = jnp.array([1.0, 0.5])


def decay(t, u, args):
    return -u


@pytest.mark.parametrize("dt", [None, 0.05])
@pytest.mark.parametrize(
    "save_at", [None, 4, np.array([0.0, 0.25, 1.0]), jnp.array([0.5])], ids=["end", "count", "times", "one"]
)
def test_saved_times_are_hit(dt, save_at):
    solution = sim.simulate(decay, Y, 1.0, dt, save_at=save_at, rtol=1e-9, atol=1e-9)
    expected = {None: [1.0], 4: [0.25, 0.5, 0.75, 1.0]}.get(
        save_at if save_at is None or isinstance(save_at, int) else (), save_at
    )
    np.testing.assert_allclose(solution.ts, expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(solution.states, np.exp(-solution.ts)[:, None] * Y, rtol=1e-6)
    np.testing.assert_allclose(solution.final, np.exp(-1.0) * Y, rtol=1e-6)
    np.testing.assert_allclose(solution.at(-1), solution.states[-1])
    assert solution.ok and len(solution) == len(expected) and "saved" in repr(solution)


def test_states_may_be_any_container():
    state = {"a": jnp.array(1.0), "b": (jnp.ones(2, complex), 3.0)}
    final = sim.simulate(lambda t, u, args: jax.tree.map(lambda x: -x, u), state, 1.0).final
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, float(np.exp(-1.0)) * b, rtol=1e-6), final, state)


@pytest.mark.parametrize("dt", [None, 0.01])
def test_fields_come_back_as_fields(dt):
    space = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (16,)))
    u = space.field(lambda x: jnp.sin(x[0]))
    solution = sim.simulate(js.equations.Heat(0.5), u, 1.0, dt, save_at=2)
    np.testing.assert_allclose(solution.final.values, np.exp(-0.5) * u.values, atol=2e-6)
    np.testing.assert_allclose(solution.at(0).values, np.exp(-0.25) * u.values, atol=2e-6)


def test_defaults_follow_the_law():
    space = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (16,)))
    u = space.field(lambda x: jnp.sin(x[0]))
    orbit = Phase(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]))
    assert sim.simulate(js.equations.Burgers(0.1), u, 0.1, 0.05).method == "ETDRK4"
    assert sim.simulate(Kepler(), orbit, 0.1, 0.05).method == "Leapfrog"
    assert sim.simulate(js.equations.VanDerPol(epsilon=0.1), Y, 0.1).method == "Kvaerno5"
    assert sim.simulate(decay, Y, 0.1).method == "Tsit5"
    assert sim.simulate(decay, Y, 0.1, 0.05).method == "RK4"


@pytest.mark.parametrize("dt", [None, 0.1])
def test_vmap_is_a_loop(dt):
    rates = jnp.array([0.5, 1.0, 3.0])

    def run(rate):
        return sim.simulate(lambda t, u, args: -args * u, Y, 1.0, dt, args=rate).final

    np.testing.assert_allclose(jax.vmap(run)(rates), jnp.stack([run(rate) for rate in rates]), rtol=1e-12)
    np.testing.assert_allclose(jax.jit(run)(rates[2]), run(rates[2]), rtol=1e-12)


@pytest.mark.parametrize("dt", [None, 0.1])
def test_single_precision_is_kept(dt):
    solution = sim.simulate(lambda t, u, args: -args * u, Y.astype(jnp.float32), 1.0, dt, args=0.7, rtol=1e-4)
    assert solution.final.dtype == jnp.float32 and solution.ts.dtype == jnp.float32
    np.testing.assert_allclose(solution.final, np.exp(-0.7) * Y, rtol=1e-4)


@pytest.mark.parametrize("dt", [None, 0.005])
def test_nothing_is_compiled_twice(dt):
    class Law(eqx.Module):
        rate: jax.Array
        count: object = eqx.field(static=True)

        def __call__(self, t, u, args):
            return self.count(t, u) * self.rate + js.laplacian(u) * args

    calls = []

    def counted(t, u):
        calls.append(0)
        return -u

    def run(rate, wall, amplitude, args, t1):
        space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (16,)), boundary=js.Dirichlet(wall))
        u = space.field(lambda x: amplitude * jnp.sin(jnp.pi * x[0]))
        return sim.simulate(
            Law(jnp.asarray(rate), counted), u, t1, dt, args=args, method=sim.RK4() if dt else None
        ).final

    run(1.0, 0.0, 1.0, 0.1, 0.1)
    compiled = sim.simulate.__globals__["_run"]._cached._cache_size()
    calls.clear()
    run(2.0, 0.3, 0.7, 0.2, 0.1)
    run(0.5, 0.1, 0.2, 0.3, 0.1)
    assert sim.simulate.__globals__["_run"]._cached._cache_size() == compiled
    assert len(calls) <= 2  # the shape check of each call; a compilation would call it many times more


def test_progress_bar_reaches_the_end(capsys):
    sim.simulate(decay, Y, 1.0, 0.001, progress=True)
    sim.simulate(decay, Y, 1.0, progress=True)
    assert capsys.readouterr().err.count("100%") >= 2


class Memory:
    def __init__(self, break_after=None):
        self.segments, self.break_after = [], break_after

    def append(self, ts, states, engine):
        if len(self.segments) == self.break_after:
            raise KeyboardInterrupt
        self.segments.append(jax.device_get((ts, states, engine)))

    def resume(self):
        return self.segments[-1][2] if self.segments else None


@pytest.mark.parametrize("dt", [None, 0.01])
def test_a_killed_run_goes_on_bit_for_bit(dt):
    def run(store):
        return sim.simulate(lambda t, u, args: jnp.sin(3 * u) * jnp.cos(t), Y, 2.0, dt, save_at=10, store=store)

    whole, broken = Memory(), Memory(break_after=4)
    expected = run(whole)
    with pytest.raises(KeyboardInterrupt):
        run(broken)
    broken.break_after = None
    resumed = run(broken)
    assert len(broken.segments) == 10
    np.testing.assert_array_equal(resumed.final, expected.final)
    for (t, u, _), (s, v, _) in zip(whole.segments, broken.segments, strict=True):
        np.testing.assert_array_equal(t, s)
        np.testing.assert_array_equal(u, v)
    np.testing.assert_allclose(
        expected.final, sim.simulate(lambda t, u, args: jnp.sin(3 * u) * jnp.cos(t), Y, 2.0, dt, save_at=10).final
    )


@pytest.mark.slow
def test_events_noise_and_dense_output_go_through_diffrax():
    crossing = sim.simulate(
        lambda t, u, args: jnp.stack([u[1], -u[0]]), jnp.array([1.0, 0.0]), 9.0, event=lambda t, u, args: u[0]
    )
    np.testing.assert_allclose(crossing.ts[-1], np.pi / 2, rtol=1e-6)
    dense = sim.simulate(decay, Y, 1.0, save_at=diffrax.SaveAt(dense=True))
    np.testing.assert_allclose(dense.dense.evaluate(0.3), np.exp(-0.3) * Y, rtol=1e-5)
    start = jnp.full(2000, 2.0)
    noisy = sim.simulate(OrnsteinUhlenbeck(), start, 1.0, 0.01, key=jax.random.key(1)).final
    same = sim.simulate(OrnsteinUhlenbeck(), start, 1.0, 0.01, key=jax.random.key(1)).final
    np.testing.assert_array_equal(noisy, same)
    np.testing.assert_allclose(noisy.mean(), 2 * np.exp(-1.0), atol=0.08)
    np.testing.assert_allclose(noisy.var(), (1 - np.exp(-2.0)) / 2, rtol=0.12)
    milstein = sim.simulate(OrnsteinUhlenbeck(), Y, 1.0, 0.01, key=jax.random.key(1), method=diffrax.ItoMilstein())
    assert milstein.ok
    with pytest.raises(UnsupportedError, match="dt and key"):
        sim.simulate(OrnsteinUhlenbeck(), Y, 1.0)


def test_a_first_step_moves_a_clock_that_has_few_digits_left():
    late = sim.simulate(lambda t, u, args: -0.01 * u, jnp.ones(1, jnp.float32), 1e7 + 400, t0=1e7)
    assert late.ok and late.stats["reached"] == 1e7 + 400
    assert 0 < late.stats["steps"] < 400


def test_a_blow_up_says_when_where_and_why():
    with pytest.raises(SimulationError, match=r"state\['u'\] became non-finite at t = .*RK4.*stable up to dt"):
        sim.simulate(lambda t, y, args: {"u": -1e4 * y["u"] ** 3, "v": -y["v"]}, {"u": Y, "v": Y}, 10.0, 0.1)
    with pytest.raises(SimulationError, match="could not take any step at t = 0.5"):
        sim.simulate(lambda t, u, args: u**2, jnp.array(2.0), 1.0)
    with pytest.raises(SimulationError, match="max_steps=50.*stiff"):
        sim.simulate(lambda t, u, args: -1e5 * u, Y, 1.0, max_steps=50)
    with pytest.raises(SimulationError, match="initial state"):
        sim.simulate(decay, jnp.array([1.0, jnp.nan]), 1.0)
    with pytest.raises(SimulationError, match="derivative that is not finite"):
        sim.simulate(lambda t, u, args: u / 0.0, Y, 1.0)
    assert not jax.jit(lambda u: sim.simulate(lambda t, u, args: u**2, u, 3.0).ok)(Y)


@pytest.mark.parametrize(
    ("kind", "match", "call"),
    [
        (TypeError, "not a time stepping method", lambda: sim.simulate(decay, Y, 1.0, method="rk4")),
        (TypeError, r"RK4\(\)", lambda: sim.simulate(decay, Y, 1.0, 0.1, method=sim.RK4)),
        (UnsupportedError, "give dt", lambda: sim.simulate(decay, Y, 1.0, method=sim.RK4())),
        (ValueError, "must be positive", lambda: sim.simulate(decay, Y, 1.0, -0.1)),
        (ValueError, "must be positive", lambda: sim.stepper(decay, Y, 0.0)),
        (ValueError, "not after t0", lambda: sim.simulate(decay, Y, 1.0, t0=1.0)),
        (ValueError, "not finite", lambda: sim.simulate(decay, Y, np.inf)),
        (TypeError, "integers", lambda: sim.simulate(decay, jnp.array([1, 2]), 1.0)),
        (TypeError, "integers", lambda: sim.simulate(decay, 1, 1.0)),
        (ShapeError, r"shape \(3,\)", lambda: sim.simulate(lambda t, u, args: jnp.ones(3), Y, 1.0)),
        (ShapeError, "structure", lambda: sim.simulate(lambda t, u, args: (u, u), Y, 1.0)),
        (PrecisionError, "complex", lambda: sim.simulate(lambda t, u, args: u.astype(complex), Y, 1.0)),
        (PrecisionError, "float64", lambda: sim.simulate(lambda t, u, args: -Y, Y.astype(jnp.float32), 1.0)),
        (ValueError, "not on a step", lambda: sim.simulate(decay, Y, 1.0, 0.1, save_at=[0.33])),
        (ValueError, "increasing times", lambda: sim.simulate(decay, Y, 1.0, save_at=[0.5, 0.2])),
        (ValueError, "increasing times", lambda: sim.simulate(decay, Y, 1.0, save_at=[0.5, 2.0])),
        (ValueError, "at least one", lambda: sim.simulate(decay, Y, 1.0, save_at=0)),
        (UnsupportedError, "HamiltonianSystem", lambda: sim.simulate(decay, Y, 1.0, 0.1, method=sim.Leapfrog())),
        (UnsupportedError, "SemilinearEquation", lambda: sim.simulate(decay, Y, 1.0, 0.1, method=sim.ETDRK4())),
        (UnsupportedError, "SemilinearEquation", lambda: sim.simulate(decay, Y, 1.0, 0.1, method=sim.ARK4())),
        (ValueError, "divide", lambda: sim.rollout(sim.stepper(decay, Y, 0.1), Y, 10, save_every=3)),
    ],
)
def test_bad_input_names_the_fix(kind, match, call):
    with pytest.raises(kind, match=match):
        call()


def test_rollout_of_a_plain_function_is_a_loop():
    states = sim.rollout(lambda u: 0.5 * u + 1.0, Y, 6, save_every=2)
    u, expected = Y, []
    for n in range(6):
        u = 0.5 * u + 1.0
        expected += [u] if n % 2 else []
    np.testing.assert_allclose(states, jnp.stack(expected))


def test_stepper_is_pure_and_agrees_with_simulate():
    step = sim.stepper(decay, Y, 0.1)
    u = Y
    for n in range(10):
        u = jax.jit(step)(u, None, 0.1 * n)
    np.testing.assert_allclose(u, sim.simulate(decay, Y, 1.0, 0.1).final, rtol=1e-13)
    np.testing.assert_allclose(sim.rollout(step, Y, 10)[-1], u, rtol=1e-13)
