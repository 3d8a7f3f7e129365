"""Viscosity both ways: solver and network find the same coefficient in the same readings."""

import json

import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import viscosity_both_ways as entry


@pytest.mark.slow
def test_the_solver_finds_it_within_its_error_bar():
    case = entry.Case(num_nodes=50)
    found = entry.through_the_solver(case, *entry.measure(case))
    assert found.spread < 0.1 * entry.TRUTH and abs(found.viscosity - entry.TRUTH) < 3 * found.spread


@pytest.mark.slow
def test_both_find_it(tmp_path):
    names = [path.name for path in js.gallery.run("viscosity-both-ways", tmp_path / "out")]
    assert sorted(names) == ["results.json", "table.txt", "viscosity_both_ways.png"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    network, solver = (results[name] for name in ("by a network", "through the solver"))
    assert abs(network["viscosity"] - entry.TRUTH) < 3 * network["spread"]
    assert abs(network["viscosity"] - solver["viscosity"]) < 0.3 * solver["spread"]
    np.testing.assert_allclose(network["spread"], solver["spread"], rtol=0.2)
