"""Kolmogorov flow: the books are balanced, and the files are there with and without xarray."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

import jaxsci as js
from jaxsci.gallery import kolmogorov_flow as entry

SMALL = entry.Case(num_nodes=32, t1=1.0, dt=0.01, num_saves=20)


@pytest.mark.slow
def test_a_short_run_writes_film_states_and_balanced_books(tmp_path):
    entry.main(tmp_path, case=SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "kolmogorov.gif", "kolmogorov.nc", "kolmogorov.png", "results.json",
    ]  # fmt: skip
    dataset = js.data.load(tmp_path / "kolmogorov.nc")
    assert dataset.vorticity.shape == (20, 32, 32) and "NavierStokesVorticity(viscosity=0.003" in dataset.equation
    results = json.loads((tmp_path / "results.json").read_text())
    np.testing.assert_allclose(np.mean(dataset.vorticity**2, axis=(1, 2)) / 2, results["enstrophy"], rtol=1e-12)
    assert results["imbalance"] < 1e-4
    with Image.open(tmp_path / "kolmogorov.gif") as film:
        assert film.n_frames == 20


def test_books_that_are_not_kept_show(tmp_path):
    ts = np.linspace(0.0, 1.0, 20)
    entries = {"energy": ts, "input": np.ones(20), "taken_by_drag": 0 * ts, "taken_by_viscosity": 0 * ts}
    assert entry.imbalance(ts, entries) < 1e-12
    assert abs(entry.imbalance(ts, entries | {"taken_by_drag": 0.1 + 0 * ts}) - 0.1) < 1e-12


def test_states_are_numpy_s_without_xarray(tmp_path, monkeypatch):
    law = js.equations.NavierStokesVorticity.kolmogorov()
    start = entry.random_vorticity(js.Fourier(js.Grid(js.Box(*[(0.0, entry.LENGTH)] * 2), (16, 16))))
    np.testing.assert_allclose(js.norm(start) / entry.LENGTH, 3.0)
    solution = js.simulate(law, start, 0.1, dt=0.01, save_at=2)
    monkeypatch.setitem(sys.modules, "xarray", None)
    entry.write_states(tmp_path, law, solution)
    with np.load(tmp_path / "kolmogorov.npz") as states:
        np.testing.assert_array_equal(states["vorticity"], solution.states.values)


@pytest.mark.slow
def test_the_flow_is_resolved_and_balanced(tmp_path):
    js.gallery.run("kolmogorov-flow", tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["imbalance"] < 1e-4 and results["finest_over_largest"] < 1e-5
    energy = np.array(results["energy"])
    assert energy.min() > 0.1 and energy.max() < 2.0
