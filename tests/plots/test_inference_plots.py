"""Pictures of posteriors show the numbers they are given."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import jaxsci as js
from jaxsci._core.errors import ShapeError
from jaxsci.plots.inference.draws import columns
from jaxsci.plots.inference.residuals import normalised

X = jnp.linspace(0.0, 1.0, 9)
NORMAL = np.random.default_rng(0).normal(size=(4000, 3))
DRAWS = {"a": NORMAL[:, 0], "b": np.stack([NORMAL[:, 1], 2 * NORMAL[:, 0] + NORMAL[:, 2]], axis=1)}


@pytest.fixture(autouse=True)
def no_figures_left():
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


def line(unknowns):
    return unknowns["a"] + unknowns["b"] * X


def posterior(noise=0.5, mask=None):
    data = 1.0 + 2.0 * X + 0.5 * (-1.0) ** np.arange(9)
    return js.inference.Posterior(line, data, noise, mask=mask)


def test_columns_are_the_unknowns_by_name():
    found = columns(DRAWS)
    assert found.names == ("a", "b[0]", "b[1]")
    np.testing.assert_array_equal(found.values[:, 1], DRAWS["b"][:, 0])
    np.testing.assert_array_equal(found.only(["b[1]", "a"]).values[:, 0], DRAWS["b"][:, 1])
    assert columns(NORMAL).names == ("unknown[0]", "unknown[1]", "unknown[2]")


def test_corner_shows_every_unknown_and_every_pair():
    picture = js.plots.corner(DRAWS, truth={"a": 0.5, "b": np.array([0.25, 0.0])}, label="here")
    assert picture.axes.shape == (3, 3)
    heights = np.array([patch.get_height() for patch in picture.axes[0, 0].patches])
    widths = np.array([patch.get_width() for patch in picture.axes[0, 0].patches])
    np.testing.assert_allclose(np.sum(heights * widths), 1.0)
    assert picture.axes[0, 0].get_title().startswith(f"{NORMAL[:, 0].mean():.4g} ")
    assert picture.axes[2, 0].get_xlabel() == "a" and picture.axes[2, 0].get_ylabel() == "b[1]"
    x, y = picture.axes[2, 0].lines[0].get_data()
    np.testing.assert_array_equal(y, DRAWS["b"][::2, 1])
    np.testing.assert_array_equal(x, DRAWS["a"][::2])
    assert picture.axes[1, 0].lines[1].get_xdata()[0] == 0.5 and picture.axes[1, 0].lines[2].get_ydata()[0] == 0.25
    assert not picture.axes[0, 1].axison
    again = js.plots.corner({name: values + 1 for name, values in DRAWS.items()}, picture.axes, color="C1")
    assert again.figure is picture.figure and len(picture.axes[0, 0].patches) == 80


def test_lines_of_a_pair_hold_their_share():
    contour = js.plots.corner({"x": NORMAL[:, 0], "y": NORMAL[:, 1]}, masses=(0.5,)).axes[1, 0].collections[0]
    (path,) = contour.get_paths()
    assert abs(path.contains_points(NORMAL[:, :2]).mean() - 0.5) < 0.07


def test_corner_takes_chains_and_a_selection():
    chains = jax.tree.map(lambda leaf: leaf.reshape(4, 1000, *leaf.shape[1:]), DRAWS)
    draws = SimpleNamespace(values=chains, r_hat=np.ones(3))
    found = columns(draws)
    assert found.names == ("a", "b[0]", "b[1]")
    np.testing.assert_array_equal(found.values[1000:2000, 2], chains["b"][1, :, 1])
    assert js.plots.corner(draws, names=["b[0]"]).axes.shape == (1, 1)


def test_bands_are_quantiles():
    ts = np.linspace(0.0, 2.0, 5)
    curves = np.random.default_rng(1).normal(size=(500, 5)) + ts
    picture = js.plots.predictive_bands(ts, curves, data=[1.0, 2.0], data_ts=[0.5, 1.5], truth=ts, masses=(0.9,))
    panel = picture.axes
    (band,) = panel.collections
    low, high = np.quantile(curves, [0.05, 0.95], axis=0)
    points = band.get_paths()[0].vertices
    np.testing.assert_allclose([points[:, 1].min(), points[:, 1].max()], [low.min(), high.max()])
    median, truth, data = panel.lines
    np.testing.assert_allclose(median.get_ydata(), np.median(curves, axis=0))
    np.testing.assert_allclose(truth.get_ydata(), ts)
    np.testing.assert_allclose(data.get_xydata(), [[0.5, 1.0], [1.5, 2.0]])


def test_every_component_has_its_panel_and_broken_curves_are_counted():
    ts = np.linspace(0.0, 1.0, 4)
    curves = {"u": np.ones((3, 4)), "v": np.ones((3, 4, 2))}
    curves["u"][0, 2] = np.nan
    picture = js.plots.predictive_bands(ts, curves)
    assert [panel.get_ylabel() for panel in picture.axes] == ["u", "v[0]", "v[1]"]
    assert picture.axes[0].get_title().startswith("1 of 3 curves") and not picture.axes[1].get_title()


def test_residuals_are_in_units_of_the_noise_and_without_missing_data():
    value = {"a": 1.0, "b": 2.0}
    order, normal = js.plots.residuals(posterior(mask=X > 0.2), value).axes
    expected = (-1.0) ** np.arange(9)[2:]
    np.testing.assert_allclose(order.lines[0].get_ydata(), expected, atol=1e-12)
    assert order.get_title() == "mean square 1"
    np.testing.assert_allclose(normal.lines[1].get_ydata(), np.sort(expected), atol=1e-12)
    found = normalised(posterior(noise=None), value)["data"]
    np.testing.assert_allclose(found, (-1.0) ** np.arange(9) * np.sqrt(7 / 9), rtol=1e-12)
    poisson = js.inference.Posterior(line, jnp.round(line(value)), js.inference.PoissonNoise())
    np.testing.assert_allclose(
        normalised(poisson, value)["data"], (jnp.round(line(value)) - line(value)) / jnp.sqrt(line(value)), atol=1e-12
    )


def test_data_sets_are_told_apart():
    data = {"left": jnp.ones(9), "right": jnp.zeros(9)}
    both = js.inference.Posterior(lambda u: {"left": line(u), "right": -line(u)}, data, 1.0)
    order, _ = js.plots.residuals(both, {"a": 1.0, "b": 0.0}).axes
    assert [text.get_text() for text in order.get_legend().get_texts()] == ["left", "right"]
    np.testing.assert_allclose(order.lines[1].get_ydata(), 1.0)


def test_directions_without_effect_are_seen():
    product = js.inference.Posterior(lambda u: u["a"] * u["b"] * X + u["c"], 1.0 + X, 0.1)
    best = js.inference.maximize(product, {"a": 2.0, "b": 1.0, "c": 0.0})
    values, directions = js.plots.identifiability(best).axes
    assert values.get_title() == "1 of 3 directions without effect"
    np.testing.assert_allclose(values.lines[0].get_ydata(), best.identifiability.singular_values[:2])
    (image,) = directions.images
    np.testing.assert_allclose(np.abs(image.get_array()[:, 2]), [np.sqrt(0.5), np.sqrt(0.5), 0.0], atol=1e-6)
    assert [tick.get_text() for tick in directions.get_yticklabels()] == ["a", "b", "c"]


def test_path_of_strengths_shows_misfit_and_choice():
    space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (20,)), boundary=js.Neumann(0.0))
    data = jnp.sin(3 * space.points[:, 0]) + 0.1 * jax.random.normal(jax.random.key(0), (20,))
    path = js.inference.choose_strength(
        js.inference.Posterior(lambda u: u, data, 0.1, js.inference.Smoothness(space)), jnp.zeros(20)
    )
    panel = js.plots.strength_path(path).axes
    np.testing.assert_allclose(panel.lines[0].get_ydata(), path.misfits)
    assert panel.lines[1].get_ydata()[0] == 20 and panel.lines[3].get_xdata()[0] == float(path.best)


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: js.plots.corner({"a": np.ones(3), "b": np.ones(4)}), ShapeError, "a: .3,., b: .4,."),
        (lambda: js.plots.corner({"a": np.ones(3), "b": np.array(1.0)}), ShapeError, "first axis"),
        (lambda: js.plots.corner(NORMAL, names=["c"]), ValueError, "no unknown called 'c'"),
        (lambda: js.plots.corner(np.ones((5, 13))), ValueError, "at most 12"),
        (lambda: js.plots.corner(NORMAL, axes=plt.gca()), ValueError, "3 x 3 panels"),
        (lambda: js.plots.predictive_bands(np.ones(3), np.ones((5, 4))), ShapeError, "do not fit 3 times"),
        (lambda: js.plots.predictive_bands(np.arange(3.0), np.full((5, 3), np.nan)), ValueError, "no curve is finite"),
    ],
)
def test_what_cannot_be_drawn_says_what_can(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
