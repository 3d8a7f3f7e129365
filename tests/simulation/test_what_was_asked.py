"""Runs give what was asked for: times, laws that change, events, tolerances, single precision."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.simulation.closures import digest

DECAY = lambda t, u, args: -u  # noqa: E731
X, Y = jnp.array([0.5, 0.7]), jnp.array([1.0, 2.0])
BALL = lambda t, u, args: jnp.array([u[1], -9.81])  # noqa: E731
DROPPED = jnp.array([1.0, 0.0])


def landing(t, u, args):
    return u[0]


@pytest.mark.parametrize("times", [np.arange(0, 1, 0.1), [0.0, 0.5], [0.0], [0.0, 0.5, 1.0], [0.3, 0.7]], ids=str)
def test_fixed_steps_save_at_the_times_asked_for(times):
    solution = js.simulate(DECAY, Y, 1.0, dt=0.01, save_at=times)
    np.testing.assert_allclose(solution.ts, times, atol=1e-14)
    np.testing.assert_allclose(solution.states, np.exp(-np.asarray(times))[:, None] * Y, rtol=1e-9)
    np.testing.assert_allclose(solution.final, np.exp(-1) * Y, rtol=1e-9)


@pytest.mark.parametrize("ends", [(0.3, 0.9), (0.6, 1.7), (0.7, 2.9), (-2.0, 0.3)], ids=str)
def test_a_run_ends_at_its_end_to_the_last_digit(ends):
    t0, t1 = ends
    for method in (None, diffrax.Kvaerno5()):
        solution = js.simulate(DECAY, Y, t1, t0=t0, method=method, save_at=3)
        assert solution.ts[-1] == t1
        np.testing.assert_allclose(solution.final, np.exp(t0 - t1) * Y, rtol=1e-4)


def test_times_may_be_rounded_as_their_type_is():
    single = jnp.linspace(0, 0.1, 11, dtype=jnp.float32)
    for dt in (None, 0.01):
        assert len(js.simulate(DECAY, Y.astype(jnp.float32), 0.1, dt=dt, save_at=single)) == 11
    assert js.simulate(DECAY, Y, -100.0, t0=-200.0, save_at=[-150.0, -100.0]).ts[-1] == -100.0
    for times in ([], [0.5, 0.2], [0.5, 1.1]):
        with pytest.raises(ValueError, match="increasing times"):
            js.simulate(DECAY, Y, 1.0, save_at=times)


def test_a_function_that_reads_something_else_now_is_another_law():
    class Settings:
        rate = 1.0

        def law(self, t, u, args):
            return -self.rate * u

    settings = Settings()
    for settings.rate in (1.0, 2.0, 3.0):
        np.testing.assert_allclose(js.simulate(settings.law, Y, 1.0).final, np.exp(-settings.rate) * Y, rtol=1e-5)


def test_digests_tell_functions_by_what_they_do_not_by_where_they_are():
    def times(factor):
        return lambda x: factor * x

    assert digest(times(2.0), X) == digest(times(2.0), X)
    assert digest(times(2.0), X) != digest(times(3.0), X)
    assert digest(times(jnp.ones(2)), X) != digest(times(jnp.zeros(2)), X)
    assert digest(jnp.sin, X) != digest(jnp.cos, X)


def test_traced_values_are_found_in_functions_among_the_arguments_and_coefficients():
    def driven(rate, dt):
        law = lambda t, u, args: -u + args(t)  # noqa: E731
        return js.simulate(law, Y, 1.0, dt=dt, args=lambda t: rate * jnp.sin(t)).final[0]

    def warmed(slope, dt):
        space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (16,)), js.Dirichlet(0.0))
        law = js.equations.Heat(lambda x: slope * (1 + x[0]))
        return js.norm(js.simulate(law, space.field(lambda x: jnp.sin(jnp.pi * x[0])), 0.01, dt=dt).final)

    def many(rate, dt):
        return js.ensemble(lambda t, u, args: -rate * u, jnp.stack([Y, 2 * Y]), 1.0, dt=dt).final.sum()

    for function, steps in ((driven, 0.05), (warmed, 5e-4), (many, 0.05)):
        for dt in (steps, None):
            run = jax.jit(lambda a, f=function, dt=dt: f(a, dt))
            slope = jax.grad(run)(1.0)
            np.testing.assert_allclose(slope, (run(1.0 + 1e-4) - run(1.0 - 1e-4)) / 2e-4, rtol=2e-4)
            np.testing.assert_allclose(jax.vmap(run)(jnp.ones(2)), [function(1.0, dt)] * 2, rtol=1e-6)


def test_an_event_keeps_the_saves_before_it_and_the_state_at_it():
    when = np.sqrt(2 / 9.81)
    for options in ({}, {"dt": 0.01}, {"method": diffrax.Dopri5()}):
        alone = js.simulate(BALL, DROPPED, 2.0, event=landing, **options)
        saved = js.simulate(BALL, DROPPED, 2.0, event=landing, save_at=[0.1, 0.2, 1.0], **options)
        for solution in (alone, saved):
            np.testing.assert_allclose(solution.final, [0.0, -9.81 * when], atol=1e-6)
            np.testing.assert_allclose(solution.stats["reached"], when, rtol=1e-7)
        np.testing.assert_allclose(alone.ts, [when], rtol=1e-7)
        np.testing.assert_allclose(saved.ts, [0.1, 0.2])
        np.testing.assert_allclose(saved.states[:, 1], [-0.981, -1.962], rtol=1e-7)


@pytest.mark.parametrize(
    "save_at",
    [
        diffrax.SaveAt(dense=True),
        diffrax.SaveAt(ts=[0.1, 0.2], t1=True),
        diffrax.SaveAt(ts=[0.1]),
        diffrax.SaveAt(steps=True),
    ],
    ids=["dense", "ts and t1", "ts", "steps"],
)
def test_what_diffrax_saves_does_not_change_the_end(save_at):
    np.testing.assert_allclose(js.simulate(DECAY, Y, 1.0, save_at=save_at).final, np.exp(-1) * Y, rtol=1e-5)
    landed = js.simulate(BALL, DROPPED, 2.0, event=landing, save_at=save_at)
    np.testing.assert_allclose(landed.final[0], 0.0, atol=1e-6)
    assert landed.ts is None or np.isfinite(landed.ts).all()


def test_stiff_laws_take_fixed_steps():
    start = jnp.array([1.0, 0.0, 0.0])
    exact = js.simulate(js.equations.Robertson(), start, 1.0, rtol=1e-10, atol=1e-14).final
    np.testing.assert_allclose(js.simulate(js.equations.Robertson(), start, 1.0, dt=0.01).final, exact, rtol=1e-4)
    for method in (diffrax.Kvaerno3(), diffrax.Kvaerno5()):
        end = js.simulate(DECAY, Y, 1.0, dt=0.05, method=method).final
        np.testing.assert_allclose(end, np.exp(-1) * Y, rtol=1e-5)


def test_an_implicit_step_that_cannot_be_solved_is_told():
    with pytest.raises(js.SimulationError, match="could not solve the equations of an implicit step.*leave dt out"):
        js.simulate(js.equations.Robertson(), jnp.array([1.0, 0.0, 0.0]), 1.0, dt=0.01, method=diffrax.Kvaerno5())


def test_the_absolute_tolerance_follows_a_small_relative_one():
    tight = js.simulate(DECAY, 1e-3 * Y, 1.0, rtol=1e-12).final
    np.testing.assert_allclose(tight, 1e-3 * np.exp(-1) * Y, rtol=1e-11)
    for tolerances in ({"rtol": -1.0}, {"atol": -1.0}, {"rtol": 0.0, "atol": 0.0}, {"rtol": jnp.nan}):
        with pytest.raises(ValueError, match="rtol|atol"):
            js.simulate(DECAY, Y, 1.0, **tolerances)


def test_a_step_is_made_of_a_law_that_needs_arguments():
    law = lambda t, u, args: -args["rate"] * u  # noqa: E731
    step = js.stepper(law, Y, dt=0.1)
    np.testing.assert_allclose(step(Y, {"rate": 2.0}), np.exp(-0.2) * Y, rtol=1e-5)
    with pytest.raises(ValueError, match="shape"):
        js.stepper(lambda t, u, args: u[:1] * args, Y, dt=0.1, args=jnp.ones(()))


def test_noise_in_the_sense_of_ito_refuses_other_solvers():
    law, key = js.equations.GeometricBrownian(0.1, 0.8), jax.random.key(0)
    with pytest.raises(js.UnsupportedError, match="Stratonovich"):
        js.simulate(law, Y, 1.0, dt=0.01, method=diffrax.Heun(), key=key)


def test_a_law_without_a_forward_derivative_explains_itself():
    @jax.custom_vjp
    def square(u):
        return u**2

    square.defvjp(lambda u: (u**2, u), lambda u, g: (2 * u * g,))
    with pytest.raises(js.SimulationError, match="became non-finite"):
        js.simulate(lambda t, u, args: square(square(u)), 4 * Y, 10.0, dt=0.1)


def test_an_ensemble_has_a_forward_derivative():
    def final(rate):
        law = js.equations.ExponentialDecay(rate)
        return js.ensemble(law, jnp.stack([Y, 2 * Y]), 1.0, adjoint=js.Forward()).final[0, 0]

    np.testing.assert_allclose(jax.jvp(final, (1.0,), (1.0,))[1], -np.exp(-1), rtol=1e-4)


def test_single_precision_fields_take_as_many_steps_as_double_ones():
    """Errors of empty modes, and of nodes near a zero, are rounding errors, and were made smaller than they can be."""
    grid = js.Grid(js.Box((0.0, 2 * np.pi), (0.0, 2 * np.pi)), (32, 32))
    for space in (js.Fourier(grid), js.FiniteDifference(grid)):
        steps = {}
        for dtype in (jnp.float32, jnp.float64):
            law = jax.tree.map(lambda leaf, dtype=dtype: leaf.astype(dtype), js.equations.NavierStokesVorticity(0.1))
            start = space.field(lambda x: 2 * jnp.cos(x[0]) * jnp.cos(x[1]), dtype)
            solution = js.simulate(law, start, 0.5)
            assert js.norm(solution.final - float(np.exp(-0.1)) * start) < 2e-3 * js.norm(start)
            steps[dtype] = int(solution.stats["steps"])
        assert steps[jnp.float32] < 1.5 * steps[jnp.float64] + 10


def test_stored_runs_end_at_their_end(tmp_path):
    times = [0.0, 0.3, 0.35]
    for _ in range(2):  # the second call finds all saves in the store
        solution = js.simulate(DECAY, Y, 1.0, save_at=times, store=js.data.ZarrStore(tmp_path / "run.zarr"))
        np.testing.assert_array_equal(solution.final, js.simulate(DECAY, Y, 1.0, save_at=times).final)


class Halting(eqx.Module):
    """A store that fails after a few segments, as a run that is killed."""

    store: object
    left: list

    def resume(self):
        return self.store.resume()

    def append(self, *parts):
        if not self.left:
            raise KeyboardInterrupt
        self.left.pop()
        self.store.append(*parts)


def test_a_store_is_not_taken_over_by_another_law(tmp_path):
    def law(rate):
        return lambda t, u, args: -rate * u

    def run(law, store, **options):
        return js.simulate(law, Y, 1.0, dt=1e-3, save_at=200, store=store, **options)

    store = js.data.ZarrStore(tmp_path / "run.zarr")
    with pytest.raises(KeyboardInterrupt):
        run(law(1.0), Halting(store, [0, 0, 0]), args=jnp.cos)
    for other, args in ((law(2.0), jnp.cos), (lambda t, u, args: -u * args(u), jnp.cos)):
        with pytest.raises(ValueError, match="another run"):
            run(other, js.data.ZarrStore(tmp_path / "run.zarr"), args=args)
    resumed = run(law(1.0), js.data.ZarrStore(tmp_path / "run.zarr"), args=jnp.cos)
    np.testing.assert_array_equal(resumed.final, run(law(1.0), None, args=jnp.cos).final)


def test_members_and_moments_of_ensembles():
    starts = jnp.stack([Y, 2 * Y, 3 * Y])
    single = js.simulate(DECAY, 2 * Y, 1.0, save_at=3)
    assert single.members == ()
    with pytest.raises(ValueError, match="one run"):
        single.member(0)
    for many in (
        js.ensemble(DECAY, starts, 1.0, save_at=3),
        jax.vmap(lambda u: js.simulate(DECAY, u, 1.0, save_at=3))(starts),
    ):
        assert many.members == (3,) and len(many) == 3
        np.testing.assert_array_equal(many.at(-1), many.final)
        for got, expected in zip(
            (many.member(1).ts, many.member(1).states, many.member(1).final),
            (single.ts, single.states, single.final),
            strict=True,
        ):
            np.testing.assert_allclose(got, expected, rtol=1e-12)
        assert "3 saved" in repr(many.member(1))
