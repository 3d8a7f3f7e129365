"""The recovery of a conductivity: its minimum is one, and, as a user runs it, the truth is in the band."""

import json

import jax
import jax.numpy as jnp
import pytest

import jaxsci as js
from jaxsci.gallery import heat_conductivity as entry

SMALL = entry.Case(num_nodes=20, num_steps=300, num_times=6, t1=0.2)


@pytest.fixture(scope="module")
def problem():
    space = entry.rod(SMALL.num_nodes)
    return space, entry.measure(SMALL), entry.log_conductivity(space)


def misfit(problem, z):
    space, data, prior = problem
    found = entry.readings(space, jnp.exp(prior.values(z)), SMALL.num_steps, SMALL)
    return jnp.sum(((found - data) / entry.NOISE) ** 2) / 2


@pytest.mark.slow
def test_derivative_through_the_solver_has_a_certificate(problem):
    assert js.check_gradient(lambda z: misfit(problem, z), 0.1 * jnp.ones(SMALL.num_nodes)).passed


@pytest.mark.slow
def test_minimum_is_a_minimum_by_reverse_mode(problem):
    best = entry.recover(*problem[:2], SMALL, progress=False)
    value, slope = jax.value_and_grad(lambda z: misfit(problem, z) + jnp.sum(z**2) / 2)(best.value)
    assert slope @ best.covariance @ slope < 2e-3
    assert value < 1.5 * problem[1].size / 2


@pytest.mark.slow
def test_a_descent_that_does_not_end_is_reported(problem, monkeypatch):
    monkeypatch.setattr(entry, "MAX_STEPS", 1)
    with pytest.raises(RuntimeError, match="not found: the steps ran out"):
        entry.recover(*problem[:2], SMALL, progress=False)


@pytest.mark.slow
def test_conductivity_is_recovered_within_its_band(tmp_path):
    names = [path.name for path in js.gallery.run("heat-conductivity", tmp_path / "out")]
    assert sorted(names) == ["conductivity.png", "results.json"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["relative_error"] < 0.03
    assert results["covered_by_90_percent_band"] > 0.8
    # 640 readings, some 25 of them used up by the fit: the ratio is 0.98, and chance moves it by 0.03.
    assert abs(results["misfit_over_noise"] - 0.98) < 0.09
