"""The posterior of the predator-prey law by chains, against the published one (posteriordb)."""

import jax
import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import lynx_hare
from jaxsci.inference import evidence, sample


@pytest.mark.slow
def test_means_within_three_errors_and_two_percent_of_the_published_ones():
    key = jax.random.key(0)
    draws = sample(lynx_hare.posterior(), lynx_hare.guess(), num_samples=1000, num_warmup=500, key=key)
    assert np.sum(draws.divergences) == 0 and np.all(draws.r_hat < 1.01), draws
    for unknown, mean, error, sd in zip(
        lynx_hare.UNKNOWNS, draws.mean, draws.monte_carlo_error, draws.standard_deviation, strict=True
    ):
        assert abs(mean - unknown.published_mean) < 3 * error + 0.02 * unknown.published_mean, unknown.name
        assert abs(sd / unknown.published_sd - 1) < 0.1, unknown.name


@pytest.mark.slow
def test_evidence_by_draws_is_above_that_of_laplace_for_a_skewed_posterior():
    found = evidence(lynx_hare.posterior(), lynx_hare.guess(), key=jax.random.key(0))
    assert found.ok and 0.1 < found.log_evidence - found.laplace < 1.0


def test_gradient_has_a_certificate():
    assert js.check_gradient(lynx_hare.posterior(js.Checkpointed()).log_density, lynx_hare.guess()).passed
