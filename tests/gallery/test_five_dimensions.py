"""Five dimensions: the source is that of the solution, grids converge to it, and a network finds it from few points."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import five_dimensions as entry


@pytest.mark.slow
def test_the_source_is_that_of_the_solution():
    x = jax.random.uniform(jax.random.key(0), (7, entry.DIM))
    laplacian = jax.vmap(lambda y: jnp.trace(jax.hessian(entry.solution)(y)))(x)
    np.testing.assert_allclose(jax.vmap(entry.source)(x), -laplacian, rtol=1e-11)


@pytest.mark.slow
def test_grids_converge():
    coarse, fine, better = (entry.by_grid(*grid).error for grid in ((6, 2), (10, 2), (10, 4)))
    assert coarse / fine > 2.0 and fine / better > 20


@pytest.mark.slow
def test_a_network_finds_it_from_few_points(tmp_path):
    names = [path.name for path in js.gallery.run("five-dimensions", tmp_path / "out")]
    assert sorted(names) == ["five_dimensions.png", "results.json", "table.txt"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["network"]["error"] < 1e-3 and results["grids"][0]["error"] > 2e-2
