"""Laplace's approximation against closed forms, and what it says where there is no top."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.inference import LogNormal, Normal, Posterior, laplace

from .linear_gaussian import COVARIANCE, LOG_EVIDENCE, MEAN, posterior


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_linear_gaussian_case_is_exact(dtype, tolerance):
    approx = laplace(posterior(dtype), jnp.zeros(2, dtype))
    assert approx.ok and approx.mode.dtype == dtype and approx.mean.dtype == dtype
    np.testing.assert_allclose(approx.mean, MEAN, atol=tolerance)
    np.testing.assert_allclose(approx.covariance, COVARIANCE, atol=tolerance)
    np.testing.assert_allclose(approx.log_evidence, LOG_EVIDENCE, atol=10 * tolerance)


def test_published_numbers():
    np.testing.assert_allclose(MEAN, [0.2370773416, 0.3668869024], atol=5e-11)
    np.testing.assert_allclose(LOG_EVIDENCE, -4.7400102727, atol=5e-11)


def test_mapped_over_data_sets_and_jitted():
    density, data = posterior(), jnp.array([[1.0, 2.0, 3.5], [0.0, 1.0, -1.0]])

    def top(y):
        return laplace(eqx.tree_at(lambda p: p.data, density, y), jnp.zeros(2)).mean

    np.testing.assert_allclose(jax.jit(jax.vmap(top))(data), [top(y) for y in data], atol=1e-12)


def test_moments_of_a_lognormal_unknown_are_exact():
    # z = log x is normal, and so is log d given z: m and s follow by hand
    density = Posterior(lambda x: x, 2.0, noise=js.inference.LogNormalNoise(0.5), prior=LogNormal(0.0, 1.0))
    approx = laplace(density, 1.0)
    m, s = 0.8 * np.log(2.0), np.sqrt(0.2)
    np.testing.assert_allclose(approx.mode[0], m, atol=1e-12)
    np.testing.assert_allclose(approx.mean, np.exp(m + s**2 / 2), rtol=1e-12)
    np.testing.assert_allclose(approx.standard_deviation, np.exp(m + s**2 / 2) * np.sqrt(np.expm1(s**2)), rtol=1e-10)
    draws = approx.sample(jax.random.key(0), 4000)
    assert abs(jnp.mean(jnp.log(draws)) - m) < 4 * s / np.sqrt(4000)


@pytest.mark.parametrize("adjoint", [js.Forward(), pytest.param(js.Checkpointed(), marks=pytest.mark.slow)])
def test_through_a_simulation_in_either_mode(adjoint):
    ts = jnp.array([0.5, 1.0, 2.0])

    def predict(rate):
        return js.simulate(
            lambda t, u, args: -args * u, jnp.array(1.0), t1=2.0, save_at=ts, args=rate, adjoint=adjoint
        ).states

    density = Posterior(predict, jnp.exp(-1.3 * ts), noise=0.01, prior=Normal(1.0, 1.0))
    approx = laplace(density, 1.0)
    information = np.sum((ts * np.exp(-1.3 * ts) / 0.01) ** 2)
    assert approx.ok and abs(approx.mean - 1.3) < 1e-3
    np.testing.assert_allclose(approx.covariance[0, 0], 1 / (information + 1), rtol=1e-2)


def test_differences_replace_second_derivatives_that_are_missing():
    @jax.custom_vjp
    def square(u):
        return u**2

    square.defvjp(lambda u: (square(u), u), lambda u, bar: (opaque(u, bar),))

    @jax.custom_vjp
    def opaque(u, bar):
        return 2 * u * bar

    opaque.defvjp(lambda u, bar: (opaque(u, bar), None), lambda _, bar: (None, None))
    plain = laplace(Posterior(lambda u: u**2, 2.0, noise=0.1, prior=Normal(1.0, 1.0)), 1.0)
    differenced = laplace(Posterior(square, 2.0, noise=0.1, prior=Normal(1.0, 1.0)), 1.0)
    np.testing.assert_allclose(differenced.covariance, plain.covariance, rtol=1e-6)


def test_an_open_combination_is_named():
    density = Posterior(lambda u: (u["a"] + u["b"]) * jnp.ones(3), jnp.zeros(3), noise=1.0)
    with pytest.raises(ValueError, match=r"0\.71 a.*0\.71 b.*proper prior"):
        laplace(density, {"a": 0.0, "b": 1.0})


def test_a_likelihood_that_is_not_finite_is_refused():
    density = Posterior(lambda u: jnp.log(u), 0.0, noise=1.0, prior=Normal(0.0, 1.0))
    with pytest.raises(ValueError, match="log likelihood is nan"):
        laplace(density, -1.0)


def test_table_of_the_approximation():
    text = repr(laplace(posterior(), jnp.zeros(2)))
    assert "unknown[1]" in text and "0.366887" in text and "log evidence -4.74001" in text


@pytest.mark.slow
def test_evidence_and_spread_are_differentiated_by_noise_and_data():
    x = jnp.linspace(0.0, 1.0, 9)
    prior = {"a": Normal(1.0, 1.0), "b": LogNormal(0.0, 1.0)}

    def found(inputs):
        data, sd = inputs
        best = laplace(Posterior(lambda u: u["a"] * jnp.exp(-u["b"] * x), data, sd, prior), {"a": 1.0, "b": 1.0})
        return best.log_evidence, best.mean, best.standard_deviation

    data = 2 * jnp.exp(-1.5 * x) + 0.1 * jnp.cos(40 * x)
    report = js.check_gradient(found, (data, jnp.array(0.2)))
    assert report.passed, report
