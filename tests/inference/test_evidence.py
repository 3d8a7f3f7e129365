"""The evidence by importance sampling and by tempered particles, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci.inference import ImportanceSampling, Normal, Posterior, TemperedSampling, UserNoise, evidence

from .linear_gaussian import LOG_EVIDENCE, posterior

KEY = jax.random.key(3)
METHODS = [ImportanceSampling(), TemperedSampling(num_particles=500)]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_linear_gaussian_case_within_three_errors(method, dtype):
    found = evidence(posterior(dtype), jnp.zeros(2, dtype), method=method, key=KEY)
    assert found.ok and found.log_evidence.dtype == dtype
    assert 0 < found.standard_error < 0.06
    assert abs(float(found.log_evidence) - LOG_EVIDENCE) < 3 * float(found.standard_error)
    assert abs(float(found.laplace) - LOG_EVIDENCE) < (1e-10 if dtype == "float64" else 1e-5)


def two_peaks():
    # exp(-(|u| - 3)^2 / 2 s^2) against N(0, 2^2), whose integral is known from one side
    s = 0.1
    density = UserNoise(lambda d, p: -((jnp.abs(p) - d) ** 2) / (2 * s**2))
    exact = np.log(2 * s * np.sqrt(2 * np.pi)) + np.log(np.exp(-9 / (2 * (4 + s**2))) / np.sqrt(2 * np.pi * (4 + s**2)))
    return Posterior(lambda u: u, 3.0, noise=density, prior=Normal(0.0, 2.0)), exact


@pytest.mark.slow
def test_tempered_particles_find_both_peaks_and_one_top_finds_half():
    density, exact = two_peaks()
    tempered = evidence(density, 2.5, method=TemperedSampling(num_particles=500), key=KEY)
    assert abs(float(tempered.log_evidence) - exact) < 3 * tempered.standard_error
    one = evidence(density, 2.5, key=KEY)
    np.testing.assert_allclose(one.log_evidence, exact - np.log(2), atol=0.02)


@pytest.mark.slow
def test_failed_draws_count_as_impossible():
    density = Posterior(lambda u: jnp.where(u > 0, jnp.nan, u), 0.0, noise=1.0, prior=Normal(-1.0, 1.0))
    found = evidence(density, -0.5, key=KEY)
    u = np.linspace(-12.0, 0.0, 200_001)
    exact = np.log(np.trapezoid(np.exp(-0.5 * u**2 - 0.5 * (u + 1) ** 2) / (2 * np.pi), u))
    assert found.num_failed > 100 and abs(float(found.log_evidence) - exact) < 3 * found.standard_error


def test_improper_priors_and_open_noise_are_refused():
    with pytest.raises(ValueError, match="evidence needs a prior that can be normalised"):
        evidence(Posterior(lambda u: u, 1.0, noise=1.0), 0.0, key=KEY)
    with pytest.raises(ValueError, match="noise=None"):
        evidence(Posterior(lambda u: u * jnp.ones(3), jnp.ones(3), prior=Normal(0.0, 1.0)), 0.0, key=KEY)


def test_no_finite_likelihood_is_an_error():
    density = Posterior(lambda u: jnp.nan * u, 1.0, noise=1.0, prior=Normal(0.0, 1.0))
    with pytest.raises(ValueError, match="no draw has a finite likelihood"):
        evidence(density, 0.0, method=TemperedSampling(num_particles=100, num_repeats=2), key=KEY)


def test_a_method_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="ImportanceSampling"):
        evidence(posterior(), jnp.zeros(2), method="laplace", key=KEY)
