"""The epidemic of 1978: its likelihood is SciPy's, its gradient certified, its numbers those of the literature."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import lognorm, nbinom

import jaxsci as js
from jaxsci.gallery import influenza as entry

VALUES = {"beta": 1.8, "gamma": 0.5, "I0": 2.5, "phi": 8.0}


def test_density_is_that_of_scipy():
    beta, gamma, start, phi = (VALUES[name] for name in ("beta", "gamma", "I0", "phi"))

    def law(t, y):
        new = beta * y[0] * y[1] / entry.BOYS
        return [-new, new - gamma * y[1]]

    infected = solve_ivp(law, (0, 13), [entry.BOYS - start, start], t_eval=entry.DAYS, rtol=1e-10, atol=1e-10).y[1]
    prior = sum(
        lognorm.logpdf(VALUES[name], float(d.standard_deviation), scale=np.exp(float(d.mean)))
        for name, d in entry.PRIOR.items()
    )
    for num_days in (14, 8):
        seen = slice(0, num_days)
        likelihood = nbinom.logpmf(entry.IN_BED[seen], phi, phi / (phi + infected[seen])).sum()
        np.testing.assert_allclose(entry.posterior(num_days).log_density(VALUES), likelihood + prior, rtol=1e-5)


def test_gradient_has_a_certificate():
    log_density = jax.jit(lambda values: entry.posterior(14).log_density(values))
    assert js.check_gradient(log_density, VALUES).passed


def test_counts_are_drawn_with_their_mean_and_variance():
    mean, phi = 60.0, 5.0
    counts = entry.NegativeBinomial(phi).sample(jax.random.key(0), jnp.full(200_000, mean))
    assert abs(counts.mean() - mean) < 0.4
    np.testing.assert_allclose(counts.var(), mean + mean**2 / phi, rtol=0.02)
    slopes = jax.vmap(jax.grad(entry.NegativeBinomial(phi).log_density, argnums=1))(counts, jnp.full(200_000, mean))
    np.testing.assert_allclose(jnp.mean(slopes**2), entry.NegativeBinomial(phi).information(mean), rtol=0.02)


@pytest.mark.slow
def test_epidemic_has_the_rates_of_the_literature(tmp_path):
    names = [path.name for path in js.gallery.run("influenza", tmp_path / "out")]
    assert sorted(names) == ["influenza.png", "results.json"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    found = results["days"]["14"]
    assert found["beta"]["low"] < 1.8 and found["beta"]["high"] > 1.7
    assert 0.45 < found["gamma"]["mean"] < 0.54
    assert all(effective > 1000 for effective in results["effective_draws"].values())
    # The first days of the forecast are right; later the boys recover faster than the law allows.
    low, high, came = (np.array(results["forecast"][key]) for key in ("low", "high", "came"))
    assert np.all((low <= came) & (came <= high), where=np.arange(6) < 3)
    assert results["days"]["8"]["gamma"]["sd"] > 1.2 * found["gamma"]["sd"]
