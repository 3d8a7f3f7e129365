"""Schroedinger's wave: the solver keeps its invariants, the network nearly so."""

import json

import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import schrodinger_network as entry


def test_the_solver_keeps_probability_and_energy_and_meets_the_formula():
    fields, _ = entry.by_solver(entry.Case())
    waves = entry.judged(fields, fields[0].space)
    for wave in waves:
        assert wave.error < 1e-5 and abs(wave.probability - 1) < 1e-8 and abs(wave.energy - 1) < 1e-7
    assert np.linalg.norm(waves[0].values - waves[-1].values) > 1.0


@pytest.mark.slow
def test_the_network_swings_too(tmp_path):
    names = [path.name for path in js.gallery.run("schrodinger-network", tmp_path / "out")]
    assert sorted(names) == ["results.json", "schrodinger_network.png", "table.txt"]
    network = json.loads((tmp_path / "out" / "results.json").read_text())["network"]
    assert max(network["error"]) < 1e-3 and network["error"][0] < 1e-12
    assert max(abs(p - 1) for p in network["probability"]) < 2e-4
