"""The recovery of a conductivity: its minimum is one, and, as a user runs it, the truth is in the band."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import heat_conductivity as entry

SMALL = entry.Case(num_nodes=20, num_steps=300, num_times=6, t1=0.2)


@pytest.fixture(scope="module")
def problem():
    space = entry.rod(SMALL.num_nodes)
    factor = entry.prior_factor(space.points[:, 0])
    data = entry.measure(SMALL)

    @jax.jit
    def misfits(z):
        return (entry.readings(space, jnp.exp(factor @ z), SMALL.num_steps, SMALL) - data).ravel() / entry.NOISE

    return misfits


def test_derivative_through_the_solver_has_a_certificate(problem):
    assert js.check_gradient(lambda z: jnp.sum(problem(z) ** 2), 0.1 * jnp.ones(SMALL.num_nodes)).passed


@pytest.mark.slow
def test_minimum_is_a_minimum_by_reverse_mode(problem):
    z, spread, _ = entry.minimise(problem, jnp.zeros(SMALL.num_nodes), progress=False)
    value, slope = jax.value_and_grad(lambda z: (jnp.sum(problem(z) ** 2) + jnp.sum(z**2)) / 2)(z)
    assert slope @ spread @ slope < 2e-3
    assert value < 1.5 * len(problem(z)) / 2


def test_prior_factor_gives_its_covariance():
    x = jnp.linspace(0.0, 1.0, 9)
    covariance = entry.prior_factor(x) @ entry.prior_factor(x).T
    s = np.sqrt(3) * np.abs(x[:, None] - x) / entry.PRIOR_LENGTH
    np.testing.assert_allclose(covariance, entry.PRIOR_SIZE**2 * (1 + s) * np.exp(-s), atol=1e-12)


def test_a_descent_that_does_not_end_is_reported(problem, monkeypatch):
    monkeypatch.setattr(entry, "MAX_STEPS", 1)
    with pytest.raises(RuntimeError, match="no minimum"):
        entry.minimise(problem, jnp.zeros(SMALL.num_nodes), progress=False)


@pytest.mark.slow
def test_conductivity_is_recovered_within_its_band(tmp_path):
    names = [path.name for path in js.gallery.run("heat-conductivity", tmp_path / "out")]
    assert sorted(names) == ["conductivity.png", "results.json"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["relative_error"] < 0.03
    assert results["covered_by_90_percent_band"] > 0.8
    # 640 readings, some 25 of them used up by the fit: the ratio is 0.98, and chance moves it by 0.03.
    assert abs(results["misfit_over_noise"] - 0.98) < 0.09
