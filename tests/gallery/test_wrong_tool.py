"""Wrong tool: the comparison is at equal error, and it can come out either way."""

import json
import math

import pytest

import jaxsci as js
from jaxsci.gallery import wrong_tool as entry
from jaxsci.gallery.rivals import Cost, as_good


def test_the_rival_is_the_cheapest_that_is_as_accurate():
    costs = [Cost("a", 1e-2, 1.0, 0.0), Cost("b", 1e-4, 3.0, 0.0), Cost("c", 1e-5, 2.0, 0.0)]
    assert as_good(costs, 1e-3).name == "c" and as_good(costs, 1e-2).name == "a" and as_good(costs, 1e-6) is None
    found = entry.Outcome("", [Cost("n", 1e-3, 10.0, 0.0), Cost("m", 1e-7, 10.0, 0.0)], costs)
    assert found.ratios[0] == 5.0 and math.isnan(found.ratios[1])


def test_a_network_that_wins_is_noticed(tmp_path, monkeypatch):
    slow, good = Cost("grid", 1e-3, 5.0, 0.0), Cost("network", 1e-2, 10.0, 0.0)
    monkeypatch.setattr(entry, "outcome", lambda setting: entry.Outcome("one", [good], [slow]))
    with pytest.raises(RuntimeError, match="2.0 times"):
        entry.main(tmp_path, settings=entry.SETTINGS[:1])


@pytest.mark.slow
def test_the_solver_is_cheaper_on_all_three(tmp_path):
    names = [path.name for path in js.gallery.run("wrong-tool", tmp_path / "out")]
    assert sorted(names) == ["results.json", "table.txt", "wrong_tool.png"]
    for found in json.loads((tmp_path / "out" / "results.json").read_text()):
        assert min(found["cheaper"]) > 10
        assert all(cost["error"] < 0.1 for cost in found["networks"])
