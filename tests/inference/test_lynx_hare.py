"""The posterior of the predator-prey law by chains, against the published one (posteriordb)."""

import json

import jax
import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import lynx_hare, lynx_hare_chains
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
def test_example_writes_its_table_its_draws_and_a_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(lynx_hare_chains, "NUM_SAMPLES", 200)
    monkeypatch.setattr(lynx_hare_chains, "NUM_WARMUP", 200)
    lynx_hare_chains.main(tmp_path)
    rows = json.loads((tmp_path / "results.json").read_text())["unknowns"]
    assert [row["name"] for row in rows] == [unknown.name for unknown in lynx_hare.UNKNOWNS]
    assert all(abs(row["mean"] - row["published_mean"]) < 0.5 * row["published_sd"] for row in rows)
    assert "published mean" in (tmp_path / "table.txt").read_text()
    with np.load(tmp_path / "draws.npz") as draws:
        assert draws["alpha"].shape == (4, 200)
    assert (tmp_path / "posterior.png").stat().st_size > 10_000


@pytest.mark.slow
def test_evidence_by_draws_is_above_that_of_laplace_for_a_skewed_posterior():
    found = evidence(lynx_hare.posterior(), lynx_hare.guess(), key=jax.random.key(0))
    assert found.ok and 0.1 < found.log_evidence - found.laplace < 1.0


def test_gradient_has_a_certificate():
    """Its steps are chosen to a tolerance of 1e-7; their choice is no part of the gradient, which is worth 2e-6."""
    report = js.check_gradient(lynx_hare.posterior(js.Checkpointed()).log_density, lynx_hare.guess(), tolerance=1e-5)
    assert report.passed, report
