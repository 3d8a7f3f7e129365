"""Steady states, ensembles, and the certificate itself."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax
import numpy as np
import optimistix
import pytest

import jaxsci as js
from jaxsci import simulation as sim
from jaxsci._core.errors import ShapeError, SimulationError, UnsupportedError
from jaxsci.equations import Lorenz63

STARTS = jnp.asarray(np.random.default_rng(0).normal(size=(13, 3)) * 3 + np.array([1.0, 1.0, 21.0]))


def test_steady_state_and_its_gradient():
    def root(a):
        return sim.steady_state(lambda t, u, args: args * u - u**3, jnp.array([1.0, -2.0]), args=a).final

    np.testing.assert_allclose(root(2.0), [2**0.5, -(2**0.5)], rtol=1e-7)
    np.testing.assert_allclose(jax.jacrev(root)(2.0), np.array([1, -1]) * 0.5 / 2**0.5, rtol=1e-6)
    report = sim.check_gradient(root, jnp.array(2.0))
    assert report.passed, report


def test_steady_heat_between_two_walls_is_a_line():
    grid = js.Grid(js.Box((0.0, 1.0)), (12,))

    def middle(wall):
        space = js.FiniteDifference(grid, boundary={"x-": js.Dirichlet(wall), "x+": js.Dirichlet(1.0)})
        return sim.steady_state(js.equations.Heat(0.7), space.field(lambda x: x[0])).final.values

    x = (np.arange(12) + 0.5) / 12
    np.testing.assert_allclose(middle(3.0), 3.0 - 2.0 * x, rtol=1e-6)
    np.testing.assert_allclose(jax.jacrev(middle)(jnp.array(3.0)), 1 - x, rtol=1e-6)


def test_no_steady_state_is_said():
    with pytest.raises(SimulationError, match="no steady state"):
        sim.steady_state(lambda t, u, args: 1.0 + u**2, jnp.array([0.3]))
    with pytest.raises(UnsupportedError, match="Implicit"):
        sim.steady_state(lambda t, u, args: -u, jnp.array([0.3]), adjoint=sim.Direct())


@pytest.mark.parametrize("dt", [None, 0.01])
@pytest.mark.parametrize("lanes", [4, None])
@pytest.mark.parametrize("devices", [1, 2])
def test_ensemble_is_a_loop(dt, lanes, devices):
    chosen = jax.devices()[:devices]
    many = sim.ensemble(Lorenz63(), STARTS, 1.0, dt, save_at=2, lanes=lanes, devices=chosen)
    loop = [sim.simulate(Lorenz63(), start, 1.0, dt, save_at=2) for start in STARTS]
    np.testing.assert_allclose(many.states, jnp.stack([one.states for one in loop]), rtol=1e-9)
    np.testing.assert_allclose(many.final, jnp.stack([one.final for one in loop]), rtol=1e-9)
    np.testing.assert_array_equal(many.stats["steps"], [one.stats["steps"] for one in loop])
    assert many.ok.shape == (13,) and many.ok.all()


@pytest.mark.parametrize("dt", [pytest.param(None, marks=pytest.mark.slow), 0.01])
def test_ensemble_over_coefficients_and_its_gradient(dt):
    rhos = jnp.linspace(20.0, 30.0, 5)

    def many(rhos):
        return sim.ensemble(
            Lorenz63(rho=rhos), STARTS[0], 0.5, dt, over=lambda equation, states, args: equation.rho
        ).final

    def loop(rhos):
        return jax.vmap(lambda rho: sim.simulate(Lorenz63(rho=rho), STARTS[0], 0.5, dt).final)(rhos)

    np.testing.assert_allclose(many(rhos), loop(rhos), rtol=1e-9)
    gradients = [jax.grad(lambda rhos, f=f: jnp.sum(f(rhos) ** 2))(rhos) for f in (many, loop)]
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-8)


def test_ensemble_of_fields():
    space = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (16,)))
    fields = [space.field(lambda x, a=a: a * jnp.sin(x[0])) for a in (0.5, 1.0, 2.0)]
    stacked = fields[0].replace(jnp.stack([u.to(space.home).data for u in fields]))
    many = sim.ensemble(js.equations.Burgers(0.1), stacked, 0.2, 0.01, lanes=2)
    for i, u in enumerate(fields):
        expected = sim.simulate(js.equations.Burgers(0.1), u, 0.2, 0.01).final
        np.testing.assert_allclose(many.final.data[i], expected.data, atol=1e-12)


def test_a_failed_trajectory_does_not_stop_the_others():
    many = sim.ensemble(lambda t, u, args: u**2, jnp.array([[0.5], [2.0], [0.1]]), 1.0, devices=jax.devices()[:1])
    np.testing.assert_array_equal(many.ok, [True, False, True])
    np.testing.assert_allclose(many.final[::2, 0], [1.0, 1 / 9], rtol=1e-5)
    with pytest.raises(SimulationError, match="all 2 trajectories"):
        sim.ensemble(lambda t, u, args: u**2, jnp.array([[2.0], [3.0]]), 1.0)
    with pytest.raises(ShapeError, match="leading axis"):
        sim.ensemble(lambda t, u, args: -u, jnp.array(1.0), 1.0)


class _Decay(eqx.Module):
    rates: np.ndarray

    def __call__(self, t, u, args):
        return -self.rates * u


def test_ensemble_takes_laws_of_numpy_arrays_and_settings_of_this_thread():
    starts, one = jnp.ones((13, 2)), jax.devices()[:1]
    for rates in ([1.0, 2.0], [1.0, 3.0]):
        end = sim.ensemble(_Decay(np.array(rates)), starts, 1.0, devices=one).final
        np.testing.assert_allclose(end, np.broadcast_to(np.exp(-np.array(rates)), (13, 2)), rtol=1e-5)
    with jax.default_matmul_precision("highest"):
        again = sim.ensemble(_Decay(np.array([1.0, 3.0])), starts, 1.0, devices=one).final
    np.testing.assert_array_equal(end, again)


def test_certificate_catches_a_wrong_derivative():
    @jax.custom_vjp
    def wrong(x):
        return jnp.sin(x)

    wrong.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (1.01 * g * jnp.cos(x),))
    report = sim.check_gradient(lambda x: jnp.sum(wrong(x) ** 2), jnp.array([0.3, 1.2]))
    assert not report.passed and report.slope < 1.5 and "FAILED" in repr(report)
    assert report.identity is None

    cut = sim.check_gradient(lambda x: jnp.sum(x**2 * jax.lax.stop_gradient(x)), jnp.array([0.3, 1.2]))
    assert not cut.passed and "differences" in repr(cut)
    right = sim.check_gradient(
        lambda x: {"a": x["u"] ** 3, "b": jnp.exp(x["v"])}, {"u": jnp.array([0.3]), "v": 0.5, "n": 3}
    )
    assert right.passed and abs(right.slope - 2) < 0.1 and right.identity < 1e-12 and "PASSED" in repr(right)
    linear = sim.check_gradient(lambda x: 3.0 * x, jnp.array([0.3, 1.2]))
    assert linear.passed and linear.slope is None
    single = sim.check_gradient(lambda x: jnp.sum(jnp.exp(x)), jnp.array([0.3, 1.2], jnp.float32))
    assert single.passed, single
    with pytest.raises(TypeError, match="nothing to differentiate"):
        sim.check_gradient(lambda x: x, 3)


def scaled(factor):
    """A sine with a wrong derivative."""

    @jax.custom_vjp
    def function(x):
        return jnp.sin(x)

    function.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (factor * g * jnp.cos(x),))
    return function


@pytest.mark.parametrize("factor", [1.0, 1.02, 0.98])
def test_certificate_does_not_depend_on_luck_in_single_precision(factor):
    """Of fourteen differences full of rounding errors one may agree with a derivative that is wrong by two percent."""
    x, function = jnp.linspace(0.3, 1.9, 7, dtype=jnp.float32), scaled(factor)
    keys = map(jax.random.key, range(12))
    verdicts = {sim.check_gradient(lambda x: jnp.sum(function(x) ** 2), x, key=key).passed for key in keys}
    assert verdicts == {factor == 1.0}


def test_certificate_names_a_small_part():
    """A tenth of 0.4 beside 7000 is lost in the sum."""

    def function(x):
        return 1000.0 * jnp.sum(x["a"] ** 2) + jnp.sum(scaled(1.1)(x["b"]))

    x = {"a": jnp.ones(3), "b": jnp.full(2, 0.1)}
    report = sim.check_gradient(function, x)
    assert not report.passed and "in x['b']" in repr(report) and "in x['a']" not in repr(report)
    assert not sim.check_gradient(function, x, parts=False).difference > 1e-3


def test_certificate_blames_no_part_that_is_lost_in_rounding():
    """A derivative of 1e-9 beside a value of 4000 is known to no digit; one of 1e-5 to three."""

    def function(x, factor=1.0):
        return 1000.0 * jnp.sum(x["a"] ** 2) + 1e-9 * jnp.sum(x["b"] ** 2) + 1e-5 * jnp.sum(scaled(factor)(x["c"]))

    x = {"a": jnp.ones(4), "b": jnp.ones(2), "c": jnp.full(2, 0.1)}
    report = sim.check_gradient(function, x)
    assert report.passed, report
    wrong = sim.check_gradient(lambda x: function(x, 1.1), x)
    assert wrong.reasons and all("in x['c']" in reason for reason in wrong.reasons), wrong


@pytest.mark.parametrize("storage", ["walls", "modes"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_steady_state_that_is_not_alone_is_refused_and_the_nearest_can_be_had(storage, dtype):
    """Heat between closed walls keeps its mean, whatever it is; the mean of the start is 2."""
    grid = js.Grid(js.Box((0.0, 1.0)), (64,))
    space = js.Fourier(grid) if storage == "modes" else js.FiniteDifference(grid, js.Neumann(0.0))
    u = space.field((2 + np.cos(2 * np.pi * space.points[:, 0])).astype(dtype))
    law = js.equations.Heat(1.0)
    with pytest.raises(SimulationError, match=r"the mean of a field.*linear_solver=lineax.SVD\(\)"):
        sim.steady_state(law, u, rtol=1e-4, atol=1e-4)
    if dtype == np.float64:  # in single precision rounding keeps Newton's method from arriving
        nearest = optimistix.Newton(1e-8, 1e-8, linear_solver=lineax.SVD())
        np.testing.assert_allclose(sim.steady_state(law, u, method=nearest).final.values, 2.0, rtol=1e-12)


def test_a_stiff_steady_state_is_alone():
    """In single precision, too, where its condition number leaves two digits."""
    grid = js.Grid(js.Box((0.0, 1.0)), (512,))
    space = js.FiniteDifference(grid, js.Dirichlet(0.0))
    found = sim.steady_state(
        js.equations.Heat(1.0, source=1.0), space.field(np.zeros(512, np.float32)), rtol=1e-3, atol=1e-3
    )
    x = space.points[:, 0]
    np.testing.assert_allclose(found.final.values, x * (1 - x) / 2, atol=2e-3)
