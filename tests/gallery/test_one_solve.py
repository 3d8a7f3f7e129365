"""One solve: linear laws are solved to ten digits by least squares, and the example notices when they are not."""

import json

import pytest

import jaxsci as js
from jaxsci.gallery import one_solve as entry


@pytest.mark.slow
def test_a_rod_in_one_solve_beside_two_grids(tmp_path):
    setting = entry.Setting(entry.rod(), 200, 3.0, (25, 25), (16, 32))
    entry.main(tmp_path, settings=(setting,))
    (found,) = json.loads((tmp_path / "results.json").read_text())
    assert found["optimiser"] == "LeastSquares" and found["network"]["error"] < 1e-11
    coarse, fine = (cost["error"] for cost in found["solver"])
    assert coarse / fine > 10


@pytest.mark.slow
def test_too_few_features_are_noticed(tmp_path):
    setting = entry.Setting(entry.rod(), 20, 3.0, (12, 12), (16,))
    with pytest.raises(RuntimeError, match="promised"):
        entry.main(tmp_path, settings=(setting,))


@pytest.mark.slow
def test_three_laws_to_ten_digits(tmp_path):
    names = [path.name for path in js.gallery.run("one-solve", tmp_path / "out")]
    assert sorted(names) == ["one_solve.png", "results.json", "table.txt"]
    for found in json.loads((tmp_path / "out" / "results.json").read_text()):
        assert found["network"]["error"] < 1e-11
        assert min(cost["error"] for cost in found["solver"]) < 1e-8
