"""Chains against exact posteriors, the gradients and schedules they choose, and what they say when things go wrong."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.inference import Dense, Diagonal, LogNormal, Normal, Posterior, Uniform, sample
from jaxsci.inference.chains import diagnostics, nuts
from jaxsci.inference.chains.target import Target, evaluate, goes_forwards

from .linear_gaussian import COVARIANCE, MEAN, posterior

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def draws():
    return sample(posterior(), jnp.zeros(2), num_samples=1000, num_warmup=300, key=KEY)


def test_linear_gaussian_case_within_three_errors(draws):
    assert draws.ok, draws.warnings
    assert np.all(abs(draws.mean - MEAN) < 3 * draws.monte_carlo_error)
    flat = draws.matrix.reshape(-1, 2)
    np.testing.assert_allclose(np.cov(flat.T), COVARIANCE, atol=3 * np.sqrt(2 / 2000) * COVARIANCE.max())
    assert draws.log_density.shape == (4, 1000) and draws.values.shape == (4, 1000, 2)
    assert np.all(draws.effective_sample_size > 1500) and np.all(draws.r_hat < 1.01)
    assert np.all((draws.acceptance > 0.7) & (draws.acceptance < 0.97))


def test_table_and_quantiles(draws):
    text = repr(draws)
    assert "4 chains of 1000 draws" in text and "unknown[1]" in text and "WARNING" not in text
    np.testing.assert_allclose(draws.quantile(0.95) - draws.mean, 1.645 * np.sqrt(np.diag(COVARIANCE)), rtol=0.1)


@pytest.mark.slow
def test_the_same_key_gives_the_same_draws(draws):
    again = sample(posterior(), jnp.zeros(2), num_samples=50, num_warmup=300, key=KEY)
    np.testing.assert_allclose(again.matrix, draws.matrix[:, :50], atol=1e-8)


@pytest.mark.slow
def test_single_precision_from_the_prior_alone():
    found = sample(posterior("float32"), jnp.zeros(2, "float32"), num_samples=300, num_warmup=200, key=KEY)
    assert found.values.dtype == jnp.float32
    assert np.all(abs(np.asarray(found.mean) - MEAN) < 4 * np.asarray(found.monte_carlo_error))


@pytest.mark.slow
def test_without_a_guess_chains_start_at_draws_from_the_prior_and_find_two_peaks():
    density = Posterior(lambda u: jnp.abs(u), 3.0, noise=0.5, prior=Normal(0.0, 3.0))
    found = sample(density, num_samples=200, num_warmup=200, num_chains=6, key=KEY)
    assert set(np.sign(found.values[:, 0]).tolist()) == {-1.0, 1.0}
    assert not found.ok and "chains do not agree on unknown" in repr(found)


@pytest.mark.slow
@pytest.mark.parametrize("metric", [Dense(), Diagonal()], ids=lambda m: type(m).__name__)
def test_bounded_unknowns_in_containers(metric):
    prior = {"a": Uniform(0.0, 1.0), "b": LogNormal(0.0, 1.0)}
    density = Posterior(lambda u: jnp.stack([u["a"], u["b"]]), jnp.array([0.9, 2.0]), noise=0.2, prior=prior)
    found = sample(density, {"a": 0.5, "b": 1.0}, num_samples=600, num_warmup=300, metric=metric, key=KEY)
    a = np.linspace(0, 1, 20_001)
    weights = np.exp(-0.5 * ((a - 0.9) / 0.2) ** 2)
    assert 0 < found.values["a"].min() and found.values["a"].max() < 1 and found.values["b"].min() > 0
    assert abs(found.mean["a"] - np.average(a, weights=weights)) < 4 * found.monte_carlo_error["a"]


def decay(adjoint, **options):
    ts = jnp.array([0.5, 1.0, 2.0])

    def predict(rate):
        law = lambda t, u, args: -args * u  # noqa: E731
        return js.simulate(law, jnp.array(1.0), t1=2.0, save_at=ts, args=rate, adjoint=adjoint, **options).states

    return Posterior(predict, jnp.exp(-1.3 * ts), noise=0.05, prior=Normal(1.0, 1.0))


@pytest.mark.parametrize("adjoint", [js.Forward(), js.Checkpointed(), js.Direct()], ids=lambda a: type(a).__name__)
def test_gradients_in_whatever_mode_the_simulation_allows(adjoint):
    density = decay(adjoint)
    forward = goes_forwards(density, 1.0, 1)
    assert forward is isinstance(adjoint, js.Forward)
    value, slope = evaluate(Target(density, 1.0, forward), jnp.ones(1))
    np.testing.assert_allclose(value, density.log_density(1.0), rtol=1e-12)
    h = 1e-4
    difference = (density.log_density(1 + h) - density.log_density(1 - h)) / (2 * h)
    np.testing.assert_allclose(slope[0], difference, rtol=1e-4)


@pytest.mark.parametrize(("unknowns", "width", "forward"), [(8, 10, True), (20, 10, False), (8, 3000, False)])
def test_few_unknowns_of_a_small_program_are_followed_forwards(unknowns, width, forward):
    density = Posterior(lambda u: jnp.ones(width).sum() * u, jnp.zeros(unknowns), 1.0, Normal(0.0, 1.0))
    assert goes_forwards(density, jnp.zeros(unknowns), unknowns) is forward


def test_gradient_of_a_posterior_has_a_certificate():
    assert js.check_gradient(decay(js.Checkpointed(), dt=0.05).log_density, jnp.array(1.0)).passed


def test_a_prediction_without_gradient_is_refused():
    def predict(u):
        return jax.pure_callback(lambda x: np.asarray(x), jax.ShapeDtypeStruct((), u.dtype), u)

    with pytest.raises((js.UnsupportedError, ValueError), match="ensemble_kalman|JVP|differentiat"):
        sample(Posterior(predict, 1.0, noise=1.0, prior=Normal(0.0, 1.0)), 0.0, key=KEY)


@pytest.mark.slow
def test_chains_in_turn_equal_chains_side_by_side():
    density, z = posterior(), jnp.array([[0.1, 0.2], [-0.3, 0.5], [1.0, 0.0]])
    target, stages = Target(density, jnp.zeros(2), True), nuts.schedule(60, 10)
    found = []
    for lockstep in (True, False):
        settings = nuts.Settings(jnp.asarray(0.8), lockstep=lockstep)
        chains = nuts.begin(target, z, jnp.eye(2), settings)
        found.append(nuts.run(target, settings, chains, stages, KEY, False)[1].z)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


@pytest.mark.slow
def test_threads_give_the_same_chains(monkeypatch):
    density, z = posterior(), jnp.array([[0.1, 0.2], [-0.3, 0.5], [1.0, 0.0]])
    target, stages, settings = (
        Target(density, jnp.zeros(2), True),
        nuts.schedule(60, 10),
        nuts.Settings(jnp.asarray(0.8)),
    )
    chains, found = nuts.begin(target, z, jnp.eye(2), settings), []
    for cores in (1, 2):
        monkeypatch.setattr(nuts, "num_cores", lambda devices, cores=cores: cores)
        found.append(nuts.run(target, settings, chains, stages, KEY, False)[1].z)
    assert found[1].shape == (3, 70, 2)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


@pytest.mark.slow
def test_rollouts_that_blow_up_are_turned_back_and_counted():
    # u' = a u^2 from 1 is infinite before t = 1 for a > 1; the data leave a between 0.5 and 2
    def predict(a):
        solution = js.simulate(lambda t, u, args: args * u * u, jnp.array(1.0), t1=1.0, dt=0.02, args=a)
        return jnp.where(a < 1, solution.final * 0 + a, jnp.nan)

    found = sample(
        Posterior(predict, 0.9, noise=0.3, prior=Normal(0.8, 0.5)), 0.5, num_samples=200, num_warmup=200, key=KEY
    )
    assert np.sum(found.broken) > 0 and found.values.max() < 1 and np.isfinite(found.log_density).all()
    assert not found.ok and "not finite" in repr(found) and "turned back" in repr(found)


@pytest.mark.slow
def test_a_funnel_diverges_with_a_remedy():
    prior = {"log_width": Normal(0.0, 3.0), "x": Normal(0.0, 100.0)}
    noise = js.inference.UserNoise(lambda d, p: -0.5 * (p[1] / jnp.exp(p[0])) ** 2 - p[0] + 0.0 * d)
    density = Posterior(lambda u: jnp.stack([u["log_width"], u["x"]]), jnp.zeros(2), noise, prior)
    found = sample(density, {"log_width": 0.0, "x": 0.1}, num_samples=200, num_warmup=200, key=KEY)
    assert np.sum(found.divergences) > 0 and "target_acceptance=0.95" in repr(found)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="sampling without a guess needs a prior"):
        sample(Posterior(lambda u: u, 1.0, noise=1.0), key=KEY)
    with pytest.raises(ValueError, match="no finite density at the guess: its log likelihood is nan"):
        sample(Posterior(lambda u: jnp.log(u), 1.0, noise=1.0, prior=Normal(0.0, 1.0)), -1.0, key=KEY)
    with pytest.raises(ValueError, match="finite for 0 of 200 draws from the prior"):
        sample(Posterior(lambda u: jnp.nan * u, 1.0, noise=1.0, prior=Normal(0.0, 1.0)), key=KEY)
    with pytest.raises(ValueError, match="num_chains=0"):
        sample(posterior(), jnp.zeros(2), num_chains=0, key=KEY)
    with pytest.raises(ValueError, match="target_acceptance"):
        sample(posterior(), jnp.zeros(2), target_acceptance=1.5, key=KEY)


def test_inside_a_trace_it_is_refused_by_name():
    def mean(data):
        return sample(Posterior(lambda u: u, data, noise=1.0, prior=Normal(0.0, 1.0)), 0.0, key=KEY).mean

    with pytest.raises(js.UnsupportedError, match="js.inference.laplace"):
        jax.vmap(mean)(jnp.zeros(2))


def test_a_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "blackjax", None)
    with pytest.raises(ImportError, match=r"jaxsci\[bayes\].*ensemble_kalman"):
        sample(posterior(), jnp.zeros(2), key=KEY)


def test_diagnostics_equal_those_of_arviz(draws):
    data = draws.to_arviz()
    assert data.posterior["unknown"].shape == (4, 1000, 2) and "diverging" in data.sample_stats
    arviz = pytest.importorskip("arviz")
    rng = np.random.default_rng(0)
    for memory in (0.0, 0.9, -0.5):
        chains = np.zeros((4, 501))
        for i, noise in enumerate(rng.normal(size=(500, 4))):
            chains[:, i + 1] = memory * chains[:, i] + noise
        for ours, theirs in (
            (diagnostics.r_hat, arviz.rhat),
            (diagnostics.bulk_size, arviz.ess),
            (diagnostics.tail_size, lambda x: arviz.ess(x, method="tail", prob=(0.05, 0.95))),
            (diagnostics.mean_size, lambda x: arviz.ess(x, method="mean")),
        ):
            np.testing.assert_allclose(ours(chains), theirs(chains), rtol=1e-8)


def test_diagnostics_of_useless_draws_are_not_numbers():
    for useless in (np.ones((2, 10)), np.full((2, 10), np.nan), np.arange(6.0).reshape(2, 3)):
        assert np.isnan(diagnostics.r_hat(useless)) and np.isnan(diagnostics.bulk_size(useless))
