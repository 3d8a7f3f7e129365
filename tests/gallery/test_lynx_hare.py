"""The inference of the predator-prey law: its density and gradient, and, as a user runs it, its results."""

import json
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import lognorm, norm

import jaxsci as js
from jaxsci.gallery import lynx_hare

LAW = lynx_hare.Law(*(unknown.published_mean for unknown in lynx_hare.UNKNOWNS))


def log_density(z, adjoint=None):
    return lynx_hare.posterior(adjoint).unconstrained(lynx_hare.guess())(z)


GUESS = jnp.log(jnp.array([unknown.guess for unknown in lynx_hare.UNKNOWNS]))
PUBLISHED = jnp.log(jnp.array(LAW))


def log_density_by_scipy(z):
    """The density of the Stan model, written with SciPy's distributions and solver."""
    alpha, beta, gamma, delta, u0, v0, *sigma = theta = np.exp(z)

    def law(t, y):
        return [(alpha - beta * y[1]) * y[0], (-gamma + delta * y[0]) * y[1]]

    ts = np.arange(21.0)
    y = solve_ivp(law, (0, 20), [u0, v0], t_eval=ts, rtol=1e-10, atol=1e-10).y
    pelts = np.stack([lynx_hare.HARE, lynx_hare.LYNX])
    prior = norm.logpdf([alpha, gamma], 1, 0.5).sum() + norm.logpdf([beta, delta], 0.05, 0.05).sum()
    prior += lognorm.logpdf(sigma, 1, scale=np.exp(-1)).sum() + lognorm.logpdf([u0, v0], 1, scale=10).sum()
    likelihood = sum(lognorm.logpdf(pelts[i], sigma[i], scale=y[i]).sum() for i in range(2))
    return prior + likelihood + np.log(theta).sum()


def test_density_is_that_of_the_published_model():
    # a truncated density is the plain one, up to its constant
    ours = log_density(PUBLISHED) - log_density(GUESS)
    np.testing.assert_allclose(ours, log_density_by_scipy(PUBLISHED) - log_density_by_scipy(GUESS), atol=1e-4)


def test_gradient_has_a_certificate():
    assert js.check_gradient(lambda z: log_density(z, js.Checkpointed()), PUBLISHED).passed


@pytest.mark.slow
def test_forward_and_reverse_modes_agree():
    reverse = jax.grad(lambda z: log_density(z, js.Checkpointed()))(PUBLISHED)
    np.testing.assert_allclose(jax.jacfwd(log_density)(PUBLISHED), reverse, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_a_start_that_cannot_climb_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(lynx_hare, "MAX_STEPS", 2)
    with pytest.raises(ValueError, match="no top of the posterior was reached in 2 steps"):
        lynx_hare.main(tmp_path)


@pytest.mark.slow
def test_command_line_agrees_with_the_published_posterior(tmp_path):
    out, began = tmp_path / "out", time.monotonic()
    command = [sys.executable, "-W", "error", "-m", "jaxsci", "run", "lynx-hare", "--output", str(out)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert time.monotonic() - began < 60
    assert "climbing the posterior" in finished.stderr and "sigma_v" in finished.stdout
    assert sorted(path.name for path in out.iterdir()) == ["lynx_hare.png", "results.json", "table.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]

    results = json.loads((out / "results.json").read_text())
    for row in results["unknowns"]:
        # 2900 effective draws: chance moves a mean by 0.02 of a standard deviation, in the published chains too.
        assert abs(row["weighted_mean"] - row["published_mean"]) < 0.1 * row["published_sd"], row
        assert abs(row["weighted_sd"] / row["published_sd"] - 1) < 0.1, row
        assert abs(row["laplace_mean"] - row["published_mean"]) < row["published_sd"], row
    assert results["effective_draws"] > 1000
    low, _, high = np.array(results["predictive"]["hare_lynx"])[:, ::10]
    pelts = np.stack([results["records"]["hare"], results["records"]["lynx"]], axis=1)
    assert 35 <= np.sum((low < pelts) & (pelts < high)) <= 42
