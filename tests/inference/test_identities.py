"""The identities hold on models of several kinds, and a wrong derivative does not get past them."""

import jax
import jax.numpy as jnp
import pytest

import jaxsci as js

inference = js.inference
T = jnp.linspace(0.0, 1.0, 6)
PRIOR = {"size": inference.Normal(1.0, 0.5), "rate": inference.LogNormal(0.0, 0.5)}
VALUE = {"size": jnp.array(1.0), "rate": jnp.array(1.2)}


def decay(u):
    return u["size"] * jnp.exp(-u["rate"] * T)


@pytest.mark.slow
def test_identities_of_the_linear_gaussian_case():
    matrix = jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    prior = inference.MultivariateNormal(jnp.zeros(2), jnp.diag(jnp.array([1.0, 4.0])))
    posterior = inference.Posterior(lambda x: matrix @ x, jnp.array([1.0, 2.0, 3.5]), 0.5, prior)
    report = inference.check_identities(posterior, jnp.array([0.1, -0.2]))
    assert report.passed, report
    exact = [i for i in report.identities if "nested" not in i.name and "gradient" not in i.name]
    assert len(exact) >= 13
    assert max(i.difference for i in exact) < 1e-10
    assert report.nonlinearity < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("noise", [inference.LogNormalNoise(0.1), inference.StudentNoise(0.1, 5.0)], ids=["log", "t"])
def test_identities_of_curved_laws(noise):
    posterior = inference.Posterior(decay, decay(VALUE) * 1.05, noise, PRIOR)
    report = inference.check_identities(posterior, VALUE)
    assert report.passed, report
    assert 0 < report.nonlinearity < 1
    assert "standard deviations of the noise" in repr(report)


@pytest.mark.slow
def test_a_wrong_derivative_fails():
    @jax.custom_jvp
    def wrong(x):
        return jnp.exp(x)

    @wrong.defjvp
    def _(primals, tangents):
        return wrong(primals[0]), 1.1 * jnp.exp(primals[0]) * tangents[0]

    posterior = inference.Posterior(lambda u: u["size"] * wrong(-u["rate"] * T), decay(VALUE) + 0.05, 0.1, PRIOR)
    report = inference.check_identities(posterior, VALUE)
    assert not report.passed
    assert [i.name for i in report.identities if not i.passed] == ["gradient of the log density = central differences"]
    assert "FAILED" in repr(report)


def test_a_flat_prior_is_named():
    posterior = inference.Posterior(decay, decay(VALUE), 0.1, {"size": None, "rate": inference.LogNormal(0.0, 0.5)})
    with pytest.raises(ValueError, match="size"):
        inference.check_identities(posterior, VALUE)
