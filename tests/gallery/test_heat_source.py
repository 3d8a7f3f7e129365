"""The heat source: the rod remembers what the formula says, and the source is found within its band."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import heat_source as entry


@pytest.mark.slow
def test_formula_has_the_published_singular_values_and_the_simulation_meets_it():
    simulated, exact = entry.singular_values(entry.Case())
    np.testing.assert_allclose(exact[:5], entry.SINGULAR_VALUES, atol=1e-10)
    # Fourth order on 64 nodes: the fifth wave is off by 5e-5.
    np.testing.assert_allclose(simulated[:5], exact[:5], rtol=1e-4)
    off = [np.max(np.abs(np.divide(*entry.singular_values(entry.Case(n, n * n // 4)))[:3] - 1)) for n in (16, 32)]
    assert off[0] / off[1] > 8


def test_waves_are_orthonormal_and_complete():
    values = np.random.default_rng(0).normal(size=16)
    np.testing.assert_allclose(np.sum(entry.wave_coefficients(values, 16)[:15] ** 2), np.sum(values**2)
                               - entry.wave_coefficients(values, 16)[15] ** 2 / 2, rtol=1e-12)  # fmt: skip


@pytest.mark.slow
def test_source_is_found_within_its_band(tmp_path):
    names = [path.name for path in js.gallery.run("heat-source", tmp_path / "out")]
    assert sorted(names) == ["heat_source.png", "results.json"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["errors"]["evidence"] < 0.2 and results["covered_by_90_percent_band"] > 0.8
    errors, naive = (np.array([row[key] for row in results["levels"]]) for key in ("error", "naive_error"))
    assert np.all(np.diff(errors) < 0) and naive[0] / naive[-1] > 500
    assert errors[0] < naive[0] / 50
    truth = jnp.asarray(results["truth"])
    np.testing.assert_allclose(
        entry.relative_error(jnp.asarray(results["source"]), truth), results["errors"]["evidence"], rtol=1e-3
    )
