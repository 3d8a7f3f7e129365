"""Boxes, grids and wall laws: what they hold, and what they say about bad input."""

import functools
import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.geometry import per_side


def test_a_box_knows_its_intervals():
    box = js.Box((-1.0, 1.0), (0, 3))
    assert (box.dim, box.lows, box.lengths, box.volume) == (2, (-1.0, 0.0), (2.0, 3.0), 6.0)
    assert box == js.Box((-1, 1), (0.0, 3.0)) and hash(box) == hash(js.Box((-1, 1), (0.0, 3.0)))
    assert box != js.Box((-1, 1), (0.0, 2.0))
    assert repr(box) == "Box([-1, 1] x [0, 3])"


@pytest.mark.parametrize("interval", [(1.0, 0.0), (0.0, 0.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_a_box_refuses_an_empty_or_infinite_interval(interval):
    with pytest.raises(ValueError, match="low must be below high"):
        js.Box(interval)


@pytest.mark.parametrize("interval", [3.0, (1.0, 2.0, 3.0), "ab"])
def test_a_box_refuses_what_is_no_pair(interval):
    with pytest.raises(ValueError, match=r"\(low, high\) pair"):
        js.Box(interval)


def test_a_box_needs_an_axis():
    with pytest.raises(ValueError, match="one .low, high. pair per axis"):
        js.Box()


def test_a_grid_counts_nodes():
    grid = js.Grid(js.Box((0.0, 1.0), (0.0, 2.0)), (4, 16))
    assert (grid.dim, grid.spacing, grid.axis_names) == (2, (0.25, 0.125), ("x", "y"))
    for number in (8, 8.0, np.int64(8), [8], np.array([8])):
        assert js.Grid(js.Box((0.0, 1.0)), number).shape == (8,)
    assert js.Grid(js.Box(*((0.0, 1.0),) * 5), (2,) * 5).axis_names[3:] == ("x3", "x4")
    assert repr(grid) == "Grid(4 x 16 nodes on [0, 1] x [0, 2])"


def test_a_box_says_that_its_bounds_are_no_traced_numbers():
    for transformed in (jax.jit, jax.grad):
        with pytest.raises(TypeError, match="outside of jit, grad and vmap"):
            transformed(lambda length: js.Box((0.0, length)).lengths[0])(2.0)


@pytest.mark.parametrize(
    "shape",
    [(4,), (4, 4, 4), (4, 0), (4, -2), (4, 2.5), (4, float("nan")), (4, "a"), "a", None, 4.0, (4, float("inf"))],
)
def test_a_grid_refuses_a_shape_that_does_not_fit(shape):
    with pytest.raises(ValueError, match="one positive number of nodes per axis"):
        js.Grid(js.Box((0.0, 1.0), (0.0, 1.0)), shape)


def test_a_grid_needs_a_box():
    with pytest.raises(ValueError, match="needs a Box"):
        js.Grid((0.0, 1.0), (4,))


def test_one_law_stands_at_every_wall():
    law = js.Neumann(2.0)
    assert per_side(law, 2) == ((law, law), (law, law))


def test_a_law_for_a_whole_axis_yields_to_one_for_a_side():
    wall, end, rest = js.Dirichlet(1.0), js.Neumann(), js.Periodic()
    assert per_side({"x": wall, "x+": end, "y": rest}, 2) == ((wall, end), (rest, rest))


@pytest.mark.parametrize(
    ("boundary", "error", "words"),
    [
        ({"x-": js.Dirichlet()}, ValueError, r"no law for side 'x\+': add one"),
        (
            {"x": js.Dirichlet(), "y-": js.Dirichlet()},
            ValueError,
            "unknown side 'y-': the sides of this grid are x-, x",
        ),
        ({"x-": js.Dirichlet(), "x+": 0.0}, TypeError, r"write Dirichlet\(value\)"),
        ({"x-": js.Dirichlet(), "x+": js.Periodic()}, ValueError, "periodic on one side only"),
        (0.0, TypeError, r"one law per side"),
        (((js.Dirichlet(), 0.0),), TypeError, r"write Dirichlet\(value\)"),
        (((js.Dirichlet(), js.Periodic()),), ValueError, "periodic on one side only"),
        (((js.Dirichlet(),),), TypeError, r"one law per side"),
    ],
)
def test_a_bad_boundary_is_named(boundary, error, words):
    with pytest.raises(error, match=words):
        js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (16,)), boundary=boundary)


def test_wall_values_are_leaves():
    law = js.Robin(weight=2, flux_weight=0.5, value=3)
    assert jax.tree.leaves(law) == [2.0, 0.5, 3.0]
    assert all(leaf.dtype == jnp.zeros(()).dtype for leaf in jax.tree.leaves(law))
    assert js.Dirichlet(1.0).weights == (1.0, 0.0) and js.Neumann(1.0).weights == (0.0, 1.0)


@pytest.mark.parametrize(
    ("law", "error", "words"),
    [
        (lambda: js.Robin(0, 0), ValueError, "says nothing"),
        (lambda: js.Robin(lambda x: x[0]), TypeError, "weights of a wall law are numbers"),
        (lambda: js.Robin(1.0, "much"), TypeError, "weights of a wall law are numbers"),
        (lambda: js.Dirichlet("hot"), TypeError, "a function of the wall point, got 'hot'"),
        (lambda: js.Dirichlet(None), TypeError, "a function of the wall point, got None"),
        (lambda: js.Neumann({}), TypeError, "a function of the wall point"),
        (lambda: js.InTime(1.0), TypeError, r"write InTime\(lambda t, x: ...\)"),
    ],
)
def test_a_law_refuses_what_is_no_number(law, error, words):
    with pytest.raises(error, match=words):
        law()


def test_a_function_at_a_wall_is_no_leaf_and_shows_itself():
    def warm(x):
        return x[0]

    law = js.Dirichlet(warm)
    assert jax.tree.leaves(law) == [] and "warm" in repr(law) and "warm" in repr(js.Neumann(js.InTime(warm)))
    assert jax.tree.structure(law) == jax.tree.structure(js.Dirichlet(warm))
    assert jax.tree.structure(law) != jax.tree.structure(js.Dirichlet(lambda x: x[0]))
    assert "0x" not in str(jax.tree.structure(law)) and list(inspect.signature(law.value).parameters) == ["x"]

    class Ramp(eqx.Module):
        slope: jax.Array

        def __call__(self, x):
            return self.slope * x[0]

    assert jax.tree.leaves(js.Dirichlet(Ramp(jnp.ones(())))) == [1.0]


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: functools.partial(f), lambda f: lambda x: f(x)])
def test_a_function_that_closes_over_traced_values_stays_in_sight(wrap):
    jax.grad(lambda c: [c, _assert_leaf(js.Dirichlet(wrap(lambda x: c * x[0])))][0])(2.0)


def _assert_leaf(law):
    (leaf,) = jax.tree.leaves(law)
    assert callable(leaf)
