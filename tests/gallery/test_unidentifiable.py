"""What cannot be identified is seen: the direction, the error bars, the flat profiles; and a survey mends it."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import unidentifiable as entry


def test_counts_do_not_tell_share_and_size_apart():
    shift = 0.7
    truth = entry.logarithms(entry.TRUTH)
    moved = truth | {
        "log N": truth["log N"] + shift, "log I0": truth["log I0"] + shift, "log rho": truth["log rho"] - shift
    }  # fmt: skip
    np.testing.assert_allclose(entry.reported(moved), entry.reported(truth), rtol=1e-12)
    assert np.max(np.abs(entry.reported(truth | {"log beta": jnp.log(0.51)}) / entry.reported(truth) - 1)) > 0.05


def test_the_fit_says_so_and_a_survey_mends_it():
    data = entry.measure()
    alone, informed = (js.inference.maximize(entry.posterior(data, with_survey), entry.logarithms(entry.GUESS))
                       for with_survey in (False, True))  # fmt: skip
    assert not alone.ok and informed.ok
    (direction,) = alone.identifiability.unidentifiable
    assert all(f"log {name}" in direction for name in ("I0", "N", "rho")) and "beta" not in direction
    spread = alone.standard_deviation
    assert np.isinf(spread["log rho"]) and np.isfinite(spread["log beta"])
    for name, value in entry.logarithms(entry.TRUTH).items():
        assert abs(informed.value[name] - value) < 3 * informed.standard_deviation[name]
    np.testing.assert_allclose(informed.standard_deviation["log rho"], entry.SURVEY_NOISE, rtol=1e-6)


@pytest.mark.slow
def test_profiles_are_flat_where_nothing_is_known(tmp_path):
    names = [path.name for path in js.gallery.run("unidentifiable", tmp_path / "out")]
    assert sorted(names) == ["results.json", "unidentifiable.png"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    alone, informed = (results[title]["profiles"] for title in list(results)[:2])
    for name in ("log I0", "log N", "log rho"):
        assert np.max(np.abs(alone[name])) < 1e-6 and min(informed[name][0], informed[name][-1]) > 10
    np.testing.assert_allclose(informed["log rho"], (np.array(results["range"]) / entry.SURVEY_NOISE) ** 2, atol=1e-4)
    np.testing.assert_allclose(alone["log beta"], informed["log beta"], atol=1e-4)
