"""Stochastic laws: their exact moments solve the moment equations of their drift and diffusion."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci.equations import GeometricBrownian, OrnsteinUhlenbeck


@pytest.mark.parametrize("t", [0.0, 0.4, 2.0])
def test_ornstein_uhlenbeck_moments(t):
    law, start = OrnsteinUhlenbeck(theta=1.3, mu=0.4, sigma=0.7), jnp.array(2.0)
    mean, mean_rate = jax.jvp(lambda s: law.mean(s, start), (t,), (1.0,))
    np.testing.assert_allclose(mean_rate, law.drift(t, mean), rtol=1e-13)
    ahead, behind = law.variance(t + 1e-6), law.variance(abs(t - 1e-6)) * (1 if t > 0 else -1)
    expected = law.diffusion(t, mean) ** 2 - 2 * law.theta * law.variance(t)
    np.testing.assert_allclose((ahead - behind) / 2e-6, expected, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(law.variance(60.0), law.stationary_variance, rtol=1e-14)


def test_ornstein_uhlenbeck_forgets_at_rate_theta():
    law = OrnsteinUhlenbeck(theta=1.3, sigma=0.7)
    np.testing.assert_allclose(law.covariance(50.0, 50.6), law.stationary_variance * jnp.exp(-1.3 * 0.6), rtol=1e-12)
    np.testing.assert_allclose(law.covariance(0.3, 0.9), law.covariance(0.9, 0.3), rtol=1e-15)


@pytest.mark.parametrize("t", [0.0, 0.4, 2.0])
def test_geometric_brownian_moments(t):
    law, start = GeometricBrownian(mu=0.3, sigma=0.5), jnp.array(2.0)
    mean, mean_rate = jax.jvp(lambda s: law.mean(s, start), (t,), (1.0,))
    np.testing.assert_allclose(mean_rate, law.drift(t, mean), rtol=1e-13)
    variance, variance_rate = jax.jvp(lambda s: law.variance(s, start), (t,), (1.0,))
    square = variance + mean**2
    np.testing.assert_allclose(variance_rate, 2 * 0.3 * variance + 0.5**2 * square, rtol=1e-13)


def test_geometric_brownian_path_obeys_ito():
    law, t, noise = GeometricBrownian(mu=0.3, sigma=0.5), 0.7, 0.2

    def path(t, w):
        return law.solution(t, jnp.array(2.0), w)

    x = path(t, noise)
    by_noise = jax.grad(path, 1)
    np.testing.assert_allclose(by_noise(t, noise), law.diffusion(t, x), rtol=1e-13)
    drift = jax.grad(path, 0)(t, noise) + jax.grad(by_noise, 1)(t, noise) / 2
    np.testing.assert_allclose(drift, law.drift(t, x), rtol=1e-13)


@pytest.mark.parametrize("law", [OrnsteinUhlenbeck(), GeometricBrownian()])
def test_precision_batches_and_structure(law):
    x = jnp.linspace(0.5, 2.0, 4, dtype=jnp.float32)
    assert law.drift(0.0, x).dtype == law.diffusion(0.0, x).dtype == jnp.float32
    assert law.drift(0.0, x).shape == law.diffusion(0.0, x).shape == (4,)
    np.testing.assert_array_equal(law(0.0, x), law.drift(0.0, x))
    np.testing.assert_allclose(jax.vmap(lambda y: law.diffusion(0.0, y))(x), law.diffusion(0.0, x), rtol=1e-6)


def test_negative_noise_is_refused():
    for build in (lambda: OrnsteinUhlenbeck(sigma=-1.0), lambda: OrnsteinUhlenbeck(theta=-1.0)):
        with pytest.raises(ValueError, match="pass a"):
            build()
    with pytest.raises(ValueError, match="sigma=-1.*pass a sigma"):
        GeometricBrownian(sigma=-1.0)


@pytest.mark.parametrize("theta", [0.0, 1e-9, 1e-3, 0.02, 0.3])
def test_ornstein_uhlenbeck_without_return_is_brownian_motion(theta):
    t, sigma = 1.3, 0.7

    def variance(theta):
        return OrnsteinUhlenbeck(theta=theta, sigma=sigma).variance(t)

    def by_series(theta):
        x = -2 * theta * t
        return sigma**2 * t * sum(x**k / math.factorial(k + 1) for k in range(20))

    np.testing.assert_allclose(variance(theta), by_series(theta), rtol=1e-14)
    np.testing.assert_allclose(jax.grad(variance)(theta), jax.grad(by_series)(theta), rtol=1e-12)
    np.testing.assert_allclose(jax.grad(jax.grad(variance))(theta), jax.grad(jax.grad(by_series))(theta), rtol=1e-9)
    np.testing.assert_allclose(OrnsteinUhlenbeck(theta=0.0, sigma=sigma).covariance(0.4, 2.0), sigma**2 * 0.4)
    assert jnp.isfinite(jax.grad(lambda a: OrnsteinUhlenbeck(theta=a).variance(jnp.float32(1e6)))(jnp.float32(1e6)))
