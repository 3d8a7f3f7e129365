"""What data tell: closed forms, other ways to the same number, and a heat source seen through the library's solver."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js

inference = js.inference
Normal, Posterior = inference.Normal, inference.Posterior

MATRIX = jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
COVARIANCE = jnp.diag(jnp.array([1.0, 4.0]))


def linear_gaussian(prior=None):
    """The linear-Gaussian reference case: noise of variance 1/4, prior N(0, diag(1, 4))."""
    prior = inference.MultivariateNormal(jnp.zeros(2), COVARIANCE) if prior is None else prior
    return Posterior(lambda x: MATRIX @ x, jnp.array([1.0, 2.0, 3.5]), 0.5, prior)


def test_fisher_information_of_the_linear_case():
    information = inference.fisher_information(linear_gaussian(), jnp.array([0.3, -0.2]))
    np.testing.assert_allclose(information, [[140, 176], [176, 224]], rtol=1e-14)


@pytest.mark.parametrize(
    "prior", [None, Normal(jnp.zeros(2), jnp.array([1.0, 2.0]))], ids=["multivariate", "elementwise"]
)
def test_information_gain_of_the_linear_case(prior):
    gain = inference.expected_information_gain(linear_gaussian(prior))
    exact = np.linalg.slogdet(np.eye(2) + np.array([[140.0, 176.0], [176.0, 224.0]]) @ np.diag([1.0, 4.0]))[1] / 2
    assert abs(gain.value - exact) < 1e-12
    assert abs(gain.value - 3.9264139061) < 1e-10
    assert gain.error < 1e-12


def test_nested_draws_agree_with_the_closed_form_within_their_error():
    gain = inference.expected_information_gain(
        linear_gaussian(), method=inference.NestedMonteCarlo(1024, 8192), key=jax.random.key(1)
    )
    assert gain.error < 0.1
    assert abs(gain.value - 3.9264139061) < 3 * gain.error


@pytest.mark.parametrize(("points", "exact"), [((-1.0, 1.0), math.log(3)), ((1.0, 1.0), math.log(5) / 2)])
def test_information_of_two_points_of_a_line(points, exact):
    x = jnp.array(points)
    line = Posterior(lambda u: u["a"] + u["b"] * x, x, 1.0, {"a": Normal(0.0, 1.0), "b": Normal(0.0, 1.0)})
    assert abs(inference.expected_information_gain(line).value - exact) < 1e-10


@pytest.mark.slow
def test_a_curved_law_and_bounded_priors_agree_with_nested_draws():
    def predict(u):
        return jnp.exp(-u["rate"] * jnp.linspace(0.2, 2.0, 8)) + u["offset"]

    prior = {"rate": inference.LogNormal(0.0, 0.3), "offset": inference.Uniform(0.0, 0.5)}
    posterior = Posterior(predict, jnp.zeros(8), 0.03, prior)
    averaged = inference.expected_information_gain(posterior, method=inference.LaplaceAverage(512))
    nested = inference.expected_information_gain(posterior, method=inference.NestedMonteCarlo(2048))
    # A normal approximation of a posterior that a bound cuts off is off by a few hundredths of a nat.
    assert abs(averaged.value - nested.value) < 3 * math.hypot(averaged.error, nested.error) + 0.05


NOISES = {
    "gaussian": inference.Gaussian(0.3),
    "lognormal": inference.LogNormalNoise(0.2),
    "poisson": inference.PoissonNoise(),
    "student": inference.StudentNoise(0.3, 5.0),
    "correlated": inference.CorrelatedGaussian(0.1 * jnp.eye(3) + 0.05),
}


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_fisher_information_is_the_mean_square_of_the_score(noise):
    def predict(u):
        return jnp.array([1.0, 2.0, 4.0]) * jnp.exp(u["b"]) + u["a"]

    value = {"a": jnp.array(1.0), "b": jnp.array(0.2)}
    posterior = Posterior(predict, jnp.ones(3), noise)
    num_draws = 20_000

    def score(key):
        data = posterior.simulate_data(key, value)
        slope = jax.grad(lambda u: Posterior(predict, data, noise).log_likelihood(u))(value)
        return jnp.stack([slope["a"], slope["b"]])

    scores = jax.vmap(score)(jax.random.split(jax.random.key(3), num_draws))
    products = scores[:, :, None] * scores[:, None, :]
    error = jnp.std(products, axis=0) / math.sqrt(num_draws)
    information = inference.fisher_information(posterior, value)
    assert jnp.all(jnp.abs(jnp.mean(products, axis=0) - information) < 4.5 * error)


def test_unknown_scale_of_the_noise_adds_its_own_information():
    posterior = Posterior(lambda u: u["mean"] * jnp.ones(10), jnp.zeros(10), lambda u: u["scale"])
    information = inference.fisher_information(posterior, {"mean": 0.0, "scale": 0.5})
    np.testing.assert_allclose(information, [[40.0, 0.0], [0.0, 2 * 10 / 0.25]], atol=1e-12)


def test_estimated_scale_is_the_one_of_the_residuals():
    data = jnp.array([1.0, 2.0, 4.0, 3.0])
    posterior = Posterior(lambda u: u * jnp.ones(4), data)
    scale = posterior.noise_scale(2.5)
    assert abs(inference.fisher_information(posterior, 2.5)[0, 0] - 4 / scale**2) < 1e-12


def test_masked_data_tell_nothing():
    mask = jnp.array([True, False, True])
    posterior = Posterior(lambda x: MATRIX @ x, jnp.ones(3), 0.5, mask=mask)
    rows = MATRIX[mask]
    np.testing.assert_allclose(inference.fisher_information(posterior, jnp.zeros(2)), 4 * rows.T @ rows, rtol=1e-13)


def test_forward_and_reverse_mode_give_the_same_information():
    tall = jnp.sin(jnp.arange(12.0).reshape(6, 2))
    for matrix in (tall, tall.T):
        found = inference.fisher_information(
            Posterior(lambda x, m=matrix: m @ x, jnp.ones(len(matrix)), 1.0), jnp.ones(matrix.shape[1])
        )
        np.testing.assert_allclose(found, matrix.T @ matrix, atol=1e-13)


def test_an_improper_prior_is_named():
    posterior = Posterior(lambda u: u["a"] * jnp.ones(2), jnp.ones(2), 1.0, {"a": None})
    with pytest.raises(ValueError, match=r"needs a prior that can be normalised.*a is flat"):
        inference.expected_information_gain(posterior, {"a": 0.0})


def test_information_in_single_precision_under_jit_and_vmap():
    posterior = linear_gaussian(Normal(jnp.zeros(2, jnp.float32), 1.0))
    matrix = MATRIX.astype(jnp.float32)
    posterior = Posterior(lambda x: matrix @ x, jnp.ones(3, jnp.float32), 0.5)
    values = jnp.ones((4, 2), jnp.float32)
    found = jax.jit(jax.vmap(lambda x: inference.fisher_information(posterior, x)))(values)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found[2], [[140, 176], [176, 224]], rtol=1e-5)


def test_gradient_of_a_gain_by_the_design_has_a_certificate():
    def gain(x):
        line = Posterior(lambda u: u[0] + u[1] * jnp.sin(x), x, 1.0, Normal(jnp.zeros(2), 1.0))
        return inference.expected_information_gain(line).value

    assert js.check_gradient(gain, jnp.array([0.3, -0.7, 1.1])).passed


T, NUM_MODES = 0.1, 5
SINGULAR = [0.0635579843, 0.0248415148, 0.0112563470, 0.0063325731, 0.0040528473]


def sine_modes_at_the_end(coefficients):
    """Sine modes at T of u_t = u_xx + q with cold ends, through the solver: odd functions of period 2 vanish at "
    "both."""
    space = js.Fourier(js.Grid(js.Box((0.0, 2.0)), (32,)))
    k = jnp.arange(1.0, NUM_MODES + 1)
    source = space.field(lambda x: jnp.sin(jnp.pi * k * x[0]) @ coefficients)
    law = js.equations.Heat(conductivity=1.0, source=source)
    end = js.simulate(law, space.field(lambda x: 0.0 * x[0]), T, dt=T / 4).final
    x = space.points[:, 0]
    return jnp.sin(jnp.pi * k[:, None] * x) @ end.values * 2 / len(x)


def test_singular_values_of_the_heat_source():
    posterior = Posterior(sine_modes_at_the_end, jnp.zeros(NUM_MODES), 1.0)
    information = inference.fisher_information(posterior, jnp.zeros(NUM_MODES))
    singular = jnp.sqrt(jnp.linalg.eigvalsh(information))[::-1]
    k = np.pi * np.arange(1, NUM_MODES + 1)
    np.testing.assert_allclose(singular, (1 - np.exp(-(k**2) * T)) / k**2, atol=1e-12)
    np.testing.assert_allclose(singular, SINGULAR, atol=1e-10)


@pytest.mark.slow
def test_heat_source_between_walls_has_nearly_the_same_singular_values():
    space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (24,)), boundary=js.Dirichlet(0.0), order=4)
    k = jnp.arange(1.0, NUM_MODES + 1)
    waves = jnp.sqrt(2.0) * jnp.sin(jnp.pi * k[:, None] * space.points[:, 0])

    def predict(coefficients):
        law = js.equations.Heat(conductivity=1.0, source=space.field(coefficients @ waves))
        end = js.simulate(law, space.field(jnp.zeros(24)), T, dt=T / 500).final
        return waves @ end.values / 24

    rows = jax.jacfwd(predict)(jnp.zeros(NUM_MODES))
    np.testing.assert_allclose(jnp.linalg.svd(rows, compute_uv=False), SINGULAR, rtol=5e-3)
    assert js.check_gradient(predict, jnp.ones(NUM_MODES)).passed
