"""Ensembles against the exact posterior of linear laws, and what becomes of members that fail."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.inference import (
    DeterministicInversion,
    EnsembleTransform,
    Inversion,
    LogNormal,
    Normal,
    PoissonNoise,
    Posterior,
    Uniform,
    Unscented,
    ensemble_kalman,
)  # fmt: skip

from .linear_gaussian import COVARIANCE, MEAN, A, Y, posterior

KEY = jax.random.key(1)
METHODS = [
    *(pytest.param(method, marks=pytest.mark.slow) for method in (Inversion(), DeterministicInversion())),
    EnsembleTransform(),
    Unscented(),
]
EXACT = [EnsembleTransform(), Unscented()]


def name(method):
    return type(method).__name__


@pytest.mark.parametrize("method", EXACT, ids=name)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
def test_transform_and_sigma_points_are_exact_for_linear_laws(method, dtype, tolerance):
    flow = ensemble_kalman(posterior(dtype), jnp.zeros(2, dtype), num_members=20, method=method, key=KEY)
    assert flow.ok and flow.mean.dtype == dtype and flow.failed == 0
    np.testing.assert_allclose(flow.mean, MEAN, atol=tolerance)
    np.testing.assert_allclose(flow.covariance, COVARIANCE, atol=tolerance)


def test_perturbed_inversion_is_exact_up_to_chance():
    flow = ensemble_kalman(posterior(), num_members=10_000, key=KEY)
    error = np.sqrt(np.diag(COVARIANCE) / 10_000)
    assert np.all(abs(flow.mean - MEAN) < 3 * error)
    np.testing.assert_allclose(flow.covariance, COVARIANCE, atol=3 * np.sqrt(2 / 10_000) * COVARIANCE.max())


@pytest.mark.slow
def test_deterministic_inversion_has_the_mean_and_a_covariance_that_is_not_too_small():
    flow = ensemble_kalman(posterior(), num_members=500, method=DeterministicInversion(), key=KEY)
    np.testing.assert_allclose(flow.mean, MEAN, atol=2e-3)
    values = np.linalg.eigvalsh(flow.covariance - COVARIANCE)
    assert values.min() > -1e-6 and values.max() < 0.1 * COVARIANCE.max()


@pytest.mark.slow
@pytest.mark.parametrize("method", EXACT, ids=name)
def test_more_data_than_members(method):
    rng = np.random.default_rng(0)
    B = rng.normal(size=(300, 3))
    density = Posterior(lambda u: jnp.asarray(B) @ u, B @ np.ones(3), noise=2.0, prior=Normal(jnp.zeros(3), 1.0))
    flow = ensemble_kalman(density, num_members=30, method=method, key=KEY)
    np.testing.assert_allclose(flow.covariance, np.linalg.inv(B.T @ B / 4 + np.eye(3)), atol=1e-10)


def test_one_step_equals_the_textbook_formula():
    rng = np.random.default_rng(0)
    z, misfits = rng.normal(size=(40, 2)), rng.normal(size=(40, 3))
    Z, D = z - z.mean(axis=0), misfits - misfits.mean(axis=0)
    K = -Z.T @ D / 39 @ np.linalg.inv(D.T @ D / 39 + np.eye(3) / 0.3)
    moved = EnsembleTransform().move(jnp.asarray(z), jnp.asarray(misfits), jnp.asarray(0.3), KEY)
    np.testing.assert_allclose(moved.mean(axis=0), z.mean(axis=0) + K @ misfits.mean(axis=0), atol=1e-12)
    covariance = Z.T @ Z / 39 + K @ (D.T @ Z / 39)
    np.testing.assert_allclose(np.cov(np.asarray(moved).T), covariance, atol=1e-12)


@pytest.mark.slow
def test_positive_unknowns_stay_positive_and_lognormal_ones_are_exact():
    density = Posterior(lambda x: x, 2.0, noise=js.inference.LogNormalNoise(0.5), prior=LogNormal(0.0, 1.0))
    flow = ensemble_kalman(density, method=EnsembleTransform(), key=KEY)
    z = np.log(flow.members)
    np.testing.assert_allclose([z.mean(), z.var(ddof=1)], [0.8 * np.log(2.0), 0.2], atol=1e-10)
    bounded = Posterior(lambda x: x, 0.9, noise=0.01, prior=Uniform(0.0, 1.0))
    members = ensemble_kalman(bounded, num_members=200, method=EnsembleTransform(), key=KEY).members
    assert members.min() > 0 and members.max() < 1 and abs(members.mean() - 0.9) < 0.01


def sometimes_broken(limit):
    return Posterior(lambda u: jnp.where(u[0] > limit, jnp.nan, A @ u), Y, noise=0.5, prior=posterior().prior)


@pytest.mark.parametrize("method", METHODS, ids=name)
def test_failed_members_are_replaced_and_counted(method):
    flow = ensemble_kalman(sometimes_broken(2.0), num_members=500, method=method, key=KEY)
    assert flow.failed > 0 and np.isfinite(flow.covariance).all()
    # what lies beyond 2 is 0.15 % of the posterior
    assert np.all(abs(flow.mean - MEAN) < 0.3 * np.sqrt(np.diag(COVARIANCE)))
    assert f"{int(flow.failed)} predictions failed" in repr(flow)


@pytest.mark.parametrize("method", METHODS, ids=name)
def test_all_failed_is_an_error(method):
    with pytest.raises(js.SimulationError, match="all members failed in step"):
        ensemble_kalman(sometimes_broken(-1e9), method=method, key=KEY)


def test_simulations_that_blow_up_are_failed_members():
    def predict(rate):
        return js.simulate(lambda t, u, args: args * u * u, jnp.array(1.0), t1=1.0, dt=0.01, args=rate).final

    density = Posterior(predict, 1 / (1 - 0.5), noise=0.1, prior=Normal(0.5, 0.5))
    flow = ensemble_kalman(density, 0.5, num_members=300, key=KEY)
    assert flow.failed > 10 and abs(flow.mean - 0.5) < 0.02


def test_jitted_and_mapped_over_data_sets():
    density, data = posterior(), jnp.array([[1.0, 2.0, 3.5], [0.0, 1.0, -1.0]])

    def means(y):
        density_y = eqx.tree_at(lambda p: p.data, density, y)
        return ensemble_kalman(density_y, jnp.zeros(2), num_members=10, method=EnsembleTransform(), key=KEY).mean

    np.testing.assert_allclose(jax.jit(jax.vmap(means))(data), [means(y) for y in data], atol=1e-12)


def test_too_few_steps_are_flagged():
    flow = ensemble_kalman(posterior(), num_steps=1, key=KEY)
    assert not flow.ok and "raise num_steps" in repr(flow)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="first ensemble of ensemble_kalman needs a prior"):
        ensemble_kalman(Posterior(lambda u: u, 1.0, noise=1.0), 0.0, key=KEY)
    with pytest.raises(js.UnsupportedError, match="Gaussian or lognormal noise"):
        ensemble_kalman(Posterior(lambda u: u, 1.0, PoissonNoise(), Normal(1.0, 1.0)), key=KEY)
    with pytest.raises(js.UnsupportedError, match="known scale"):
        ensemble_kalman(Posterior(lambda u: u * jnp.ones(3), jnp.ones(3), prior=Normal(1.0, 1.0)), key=KEY)
    with pytest.raises(TypeError, match="EnsembleTransform"):
        ensemble_kalman(posterior(), method=Inversion, key=KEY)
    with pytest.raises(ValueError, match="at least 2 members"):
        ensemble_kalman(posterior(), num_members=1, key=KEY)
