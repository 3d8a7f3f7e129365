"""Three storages, one law: values and gradients meet the exact formula."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import burgers_three_storages as entry

THICK = 0.1 / np.pi


def test_formula_has_the_published_values():
    values = np.stack([u(jnp.asarray(entry.POINTS)) for u in entry.formula(jnp.asarray(entry.VISCOSITY))])
    np.testing.assert_allclose(values, entry.PUBLISHED, atol=1e-10)


@pytest.mark.parametrize("viscosity", [entry.VISCOSITY, THICK])
def test_the_law_leaves_no_residual_on_the_formula(viscosity):
    assert entry.residual(viscosity) < 1e-11


@pytest.mark.parametrize(
    "space",
    [
        js.FiniteDifference(js.Grid(entry.LINE, (256,)), boundary=js.Dirichlet(0.0), order=6),
        js.Fourier(js.Grid(entry.LINE, (192,))),
    ],
    ids=lambda space: type(space).__name__,
)
def test_a_thicker_front_and_its_gradient_are_the_formula_s(space):
    row = entry.differentiate("stepped", entry.stepped(space, 1400), THICK)
    exact = entry.differentiate("formula", entry.formula, THICK)
    np.testing.assert_allclose(row.values, exact.values, rtol=0, atol=1e-7)
    np.testing.assert_allclose(row.gradient, exact.gradient, rtol=1e-6)


def test_gradient_of_the_formula_is_that_of_central_differences():
    def loss(viscosity):
        return entry.loss(entry.formula(viscosity))

    h = 1e-5 * entry.VISCOSITY
    difference = (loss(jnp.asarray(entry.VISCOSITY + h)) - loss(jnp.asarray(entry.VISCOSITY - h))) / (2 * h)
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(entry.VISCOSITY)), difference, rtol=1e-7)


@pytest.mark.slow
def test_front_is_published_to_nine_digits_by_all(tmp_path):
    names = [path.name for path in js.gallery.run("burgers-three-storages", tmp_path / "out")]
    assert sorted(names) == ["burgers.png", "results.json", "table.txt"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    *stepped, exact = results["storages"]
    for row in results["storages"]:
        np.testing.assert_allclose(row["values"], entry.PUBLISHED, atol=1e-9)
    for row in stepped:
        np.testing.assert_allclose(row["gradient"], exact["gradient"], rtol=1e-8)
