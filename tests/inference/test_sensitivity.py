"""Sensitivities against derivatives and against the closed forms of Ishigami and Sobol."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js

inference = js.inference


def ishigami(u):
    return jnp.sin(u[0]) + 7 * jnp.sin(u[1]) ** 2 + 0.1 * u[2] ** 4 * jnp.sin(u[0])


def test_local_sensitivities_of_a_product_of_powers():
    found = inference.local_sensitivities(
        lambda u: jnp.array([1.0, 5.0]) * u["a"] ** 2 / u["b"][0], {"a": 3.0, "b": jnp.array([2.0])}
    )
    assert found.names == ("a", "b[0]")
    np.testing.assert_allclose(found.normalised, [[2.0, -1.0], [2.0, -1.0]], rtol=1e-13)
    np.testing.assert_allclose(found.of("a")[0], [3.0, 15.0], rtol=1e-13)
    with pytest.raises(ValueError, match="there are a, b"):
        found.of("c")


def test_local_sensitivities_through_a_simulation():
    def predict(u):
        law = js.equations.ExponentialDecay(rate=u["rate"])
        return js.simulate(law, u["start"], 2.0, dt=0.01).final

    found = inference.local_sensitivities(predict, {"rate": 0.7, "start": jnp.array([3.0])})
    np.testing.assert_allclose(found.of("rate")[1], [-1.4], rtol=1e-8)
    np.testing.assert_allclose(found.of("start[0]")[1], [1.0], rtol=1e-10)


def test_sobol_indices_of_ishigami():
    """Ishigami & Homma (1990); variances 0.3139, 0.4424, 0 and, together, 0.2437."""
    found = inference.sobol_indices(ishigami, inference.Uniform(-jnp.pi * jnp.ones(3), jnp.pi), num_samples=2**14)
    v1, v2, v13 = 0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 49 / 8, 0.01 * np.pi**8 * (1 / 18 - 1 / 50)
    v = v1 + v2 + v13
    first, total = np.array([v1, v2, 0]) / v, np.array([v1 + v13, v2, v13]) / v
    assert np.all(np.abs(found.first[:, 0] - first) < 4 * found.first_error[:, 0])
    assert np.all(np.abs(found.total[:, 0] - total) < 4 * found.total_error[:, 0])
    assert np.all(found.first_error < 0.02) and np.all(found.total_error < 0.02)
    assert abs(found.variance[0] - v) < 0.05 * v


def test_sobol_indices_of_the_g_function():
    """Saltelli & Sobol (1995): factors |4 x - 2| + a, over 1 + a."""
    a = jnp.array([0.0, 1.0, 4.5, 9.0])
    found = inference.sobol_indices(
        lambda u: jnp.prod((jnp.abs(4 * u - 2) + a) / (1 + a)), inference.Uniform(jnp.zeros(4), 1.0), num_samples=2**14
    )
    parts = np.asarray(1 / (3 * (1 + a) ** 2))
    v = np.prod(1 + parts) - 1
    total = parts * np.prod(1 + parts) / (1 + parts) / v
    assert np.all(np.abs(found.first[:, 0] - parts / v) < 4 * found.first_error[:, 0])
    assert np.all(np.abs(found.total[:, 0] - total) < 4 * found.total_error[:, 0])
    assert np.all(found.first_error < 0.02)


@pytest.mark.slow
def test_errors_of_sobol_indices_are_honest():
    """Over seeds, deviations are as large as the errors say."""
    box = inference.Uniform(jnp.zeros(2), 1.0)

    def deviation(key):
        found = inference.sobol_indices(lambda u: 3 * u[0] + u[1], box, num_samples=512, num_bootstraps=50, key=key)
        return (found.total[:, 0] - jnp.array([0.9, 0.1])) / found.total_error[:, 0]

    deviations = jax.jit(jax.vmap(deviation))(jax.random.split(jax.random.key(0), 60))
    assert 0.8 < jnp.sqrt(jnp.mean(deviations**2)) < 1.25


@pytest.mark.slow
def test_correlated_elements_count_as_one_input():
    prior = {"pair": inference.MultivariateNormal(jnp.zeros(2), jnp.eye(2) + 0.5), "single": inference.Normal(0.0, 1.0)}
    found = inference.sobol_indices(lambda u: u["pair"].sum() + u["single"], prior, num_samples=2**12)
    assert found.names == ("pair", "single")
    np.testing.assert_allclose(found.first[:, 0], [0.8, 0.2], atol=0.06)
    assert "single" in repr(found)


def test_a_prediction_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        inference.sobol_indices(lambda u: jnp.log(u), inference.Normal(0.0, 1.0), num_samples=64)


def test_a_flat_prior_is_refused():
    with pytest.raises(ValueError, match="prior"):
        inference.sobol_indices(lambda u: u, inference.Flat(), num_samples=8)
