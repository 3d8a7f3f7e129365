"""Priors against SciPy, their draws, and the maps of the real line onto their supports."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st

from jaxsci import ShapeError, inference as inf

CASES = {
    "normal": (inf.Normal(1.0, 2.0), st.norm(1, 2), (-1.3, 0.4)),
    "lognormal": (inf.LogNormal(0.5, 0.4), st.lognorm(0.4, scale=np.exp(0.5)), (0.3, 2.0)),
    "truncated above zero": (inf.TruncatedNormal(1.0, 0.5, lower=0.0), st.truncnorm(-2, np.inf, 1, 0.5), (0.1, 3.0)),
    "truncated below": (inf.TruncatedNormal(1.0, 0.5, upper=0.0), st.truncnorm(-np.inf, -2, 1, 0.5), (-0.1, -1.0)),
    "truncated in the tail": (inf.TruncatedNormal(1.0, 0.5, 6.0, 7.0), st.truncnorm(10, 12, 1, 0.5), (6.01, 6.9)),
    "half normal": (inf.HalfNormal(2.0), st.halfnorm(0, 2), (0.0, 3.0)),
    "uniform": (inf.Uniform(-1.0, 3.0), st.uniform(-1, 4), (-1.0, 2.0)),
    "gamma": (inf.Gamma(2.0, 3.0), st.gamma(2, scale=1 / 3), (0.1, 2.0)),
    "beta": (inf.Beta(2.0, 3.0), st.beta(2, 3), (0.1, 0.9)),
    "exponential": (inf.Exponential(2.0), st.expon(0, 0.5), (0.0, 2.0)),
    "student": (inf.StudentT(1.0, 2.0, 3.0), st.t(3, 1, 2), (-4.0, 0.3)),
    "laplace": (inf.Laplace(1.0, 2.0), st.laplace(1, 2), (-4.0, 0.3)),
}
DISTRIBUTIONS = pytest.mark.parametrize(("prior", "oracle", "points"), CASES.values(), ids=CASES)


@DISTRIBUTIONS
def test_log_density_is_the_one_of_scipy_summed_over_the_array(prior, oracle, points):
    assert float(prior.log_density(jnp.array(points))) == pytest.approx(oracle.logpdf(points).sum(), rel=1e-12)


@DISTRIBUTIONS
def test_outside_the_support_the_density_is_zero_and_its_gradient_finite(prior, oracle, points):
    low, high = map(float, prior.support)
    for outside in [x for x in (low - 1, high + 1) if np.isfinite(x)]:
        assert float(prior.log_density(outside)) == -np.inf
        assert np.isfinite(jax.grad(prior.log_density)(outside))


@DISTRIBUTIONS
def test_draws_follow_the_distribution_in_the_asked_precision(prior, oracle, points):
    draws = np.asarray(prior.sample(jax.random.key(3), (4000,)))
    assert st.kstest(draws, oracle.cdf).pvalue > 1e-3
    assert prior.sample(jax.random.key(3), (2, 3), jnp.float32).dtype == jnp.float32


@DISTRIBUTIONS
def test_transform_maps_the_line_onto_the_support(prior, oracle, points):
    z = jnp.array([-1.7, 0.0, 2.3])
    x = prior.transform.forward(z)
    low, high = prior.support
    assert bool(jnp.all((x > low) & (x < high)))
    np.testing.assert_allclose(prior.transform.inverse(x), z, atol=1e-12)
    slopes = jax.vmap(jax.grad(prior.transform.forward))(z)
    assert float(prior.transform.log_jacobian(z)) == pytest.approx(float(jnp.sum(jnp.log(slopes))), abs=1e-12)


@DISTRIBUTIONS
def test_residuals_give_the_log_density_up_to_a_constant(prior, oracle, points):
    assert prior.least_squares == (prior.residual(jnp.array(points)) is not None)
    if prior.least_squares:
        constants = [prior.log_density(x) + 0.5 * jnp.sum(prior.residual(x) ** 2) for x in points]
        assert float(constants[0]) == pytest.approx(float(constants[1]), rel=1e-12)


@DISTRIBUTIONS
def test_single_precision_is_kept(prior, oracle, points):
    value = prior.log_density(jnp.array(points, jnp.float32))
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(oracle.logpdf(points).sum(), rel=2e-5)


@pytest.mark.parametrize(
    "transform", [inf.Identity(), inf.Positive(), inf.Above(2.0), inf.Below(-1.0), inf.Between(2.0, 3.0)]
)
def test_transforms_invert_and_know_their_slope(transform):
    z = jnp.array([-3.0, 0.2, 1.1])
    np.testing.assert_allclose(transform.inverse(transform.forward(z)), z, atol=1e-12)
    slopes = jax.vmap(jax.grad(transform.forward))(z)
    assert float(transform.log_jacobian(z)) == pytest.approx(float(jnp.sum(jnp.log(slopes))), abs=1e-12)


def test_infinite_bounds_are_no_bounds_element_by_element():
    transform = inf.Between(jnp.array([-jnp.inf, 0.0, -jnp.inf, 0.0]), jnp.array([jnp.inf, jnp.inf, 0.0, 1.0]))
    parts = (inf.Identity(), inf.Positive(), inf.Below(0.0), inf.Between(0.0, 1.0))
    z = jnp.array([0.3, -0.4, 0.5, 1.2])
    expected = [part.forward(number) for part, number in zip(parts, z, strict=True)]
    np.testing.assert_allclose(transform.forward(z), jnp.stack(expected), rtol=1e-14)
    np.testing.assert_allclose(transform.inverse(transform.forward(z)), z, atol=1e-14)
    assert bool(jnp.isfinite(jax.jacobian(transform.forward)(100 * z)).all())


def test_multivariate_normal():
    covariance = jnp.array([[2.0, 0.3], [0.3, 1.0]])
    prior = inf.MultivariateNormal(jnp.array([1.0, -1.0]), covariance)
    x = jnp.array([0.2, 0.5])
    assert float(prior.log_density(x)) == pytest.approx(st.multivariate_normal([1, -1], covariance).logpdf(x))
    draws = jax.vmap(prior.sample)(jax.random.split(jax.random.key(0), 4000))
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.12)
    np.testing.assert_allclose(prior.covariance, covariance, rtol=1e-14)


def test_wrong_parameters_are_refused():
    with pytest.raises(ShapeError, match="one row"):
        inf.MultivariateNormal(jnp.zeros(3), jnp.eye(2))
    with pytest.raises(ValueError, match="not positive definite"):
        inf.MultivariateNormal(jnp.zeros(2), jnp.ones((2, 2)))
    with pytest.raises(ShapeError, match="one parameter for all"):
        inf.Normal(jnp.zeros(3), 1.0).log_density(jnp.zeros(2))
    with pytest.raises(ValueError, match="cannot be drawn from"):
        inf.Flat().sample(jax.random.key(0), ())
