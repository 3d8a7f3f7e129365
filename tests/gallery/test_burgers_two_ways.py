"""Burgers two ways: solver and network obey one law object, and both meet the formula."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import burgers_two_ways as entry
from jaxsci.gallery.burgers_three_storages import ColeHopf


@pytest.mark.slow
def test_the_solver_meets_the_formula_at_its_order():
    problem = entry.front(entry.VISCOSITY)
    x = jnp.asarray(np.linspace(-0.9, 0.9, 37))[:, None]
    truth = jax.vmap(ColeHopf(jnp.asarray(entry.VISCOSITY), jnp.asarray(1.0)))(x)
    errors = [
        entry.off(entry.by_solver(problem, entry.Case(num_nodes=n))[-1](x), truth) for n in (60, 120)
    ]  # fmt: skip
    assert errors[1] < 1e-4 and errors[0] / errors[1] > 10


def test_the_formula_starts_at_the_start():
    problem = entry.front(entry.VISCOSITY)
    x = jnp.array([0.3])
    assert problem.exact(0.0, x) == -jnp.sin(jnp.pi * 0.3)
    np.testing.assert_allclose(problem.exact(1e-4, x), problem.exact(0.0, x), atol=1e-3)


@pytest.mark.slow
def test_both_ways_meet_the_formula(tmp_path):
    names = [path.name for path in js.gallery.run("burgers-two-ways", tmp_path / "out")]
    assert sorted(names) == ["burgers_two_ways.png", "results.json", "table.txt"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert max(results["errors"]["network"]) < 2e-4 and max(results["errors"]["solver"]) < 2e-6
    assert results["seconds"]["solver"] < results["seconds"]["network"]
