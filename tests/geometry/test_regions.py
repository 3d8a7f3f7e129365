"""Regions: distances, Boolean operations, areas, normals, and the smooth functions that vanish on walls."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

import jaxsci as js
from jaxsci.geometry import Ball, Block, HalfSpace, Polygon, Region

SQUARE = js.Box((0.0, 1.0), (0.0, 1.0))
CORNER = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
REGIONS = {
    "disk": (Ball((0.3, -0.2), 0.8), np.pi * 0.64),
    "ring": (Ball((0.0, 0.0), 1.0) - Ball((0.0, 0.0), 0.5, name="hole"), np.pi * 0.75),
    "block": (Block(js.Box((0.0, 2.0), (-1.0, 1.0))), 4.0),
    "holed": (js.Box((-1.0, 1.0), (-1.0, 1.0)) - Ball((0.2, 0.1), 0.5), 4 - np.pi / 4),
    "corner": (Polygon(CORNER), 3.0),
    "clockwise": (Polygon(CORNER[::-1]), 3.0),
    "triangle": (Polygon([(0, 0), (4, 0), (0, 3)]), 6.0),
    "half disk": (Ball((0.0, 0.0), 1.0) & HalfSpace((0.0, 0.0), (0.0, 2.0)), np.pi / 2),
    "two blocks": (Block(js.Box((0.0, 2.0), (0.0, 1.0))) | js.Box((0.25, 1.25), (0.5, 2.0)), 3.0),
    "ellipse": (
        Region.of(lambda x: jnp.sqrt(x[0] ** 2 / 4 + x[1] ** 2) - 1, js.Box((-2.0, 2.0), (-1.0, 1.0))),
        2 * np.pi,
    ),
}
EVERY = pytest.mark.parametrize("name", REGIONS)


def sobol(region, power=14, room=0.0):
    bounds = np.array(region.bounds.intervals) + room * np.array([-1, 1])
    unit = qmc.Sobol(region.dim, rng=np.random.default_rng(0)).random_base2(power)
    return jnp.asarray(bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) * unit)


@jax.jit
def slopes_of(region, x):
    return jax.vmap(jax.value_and_grad(region.distance))(x)


def nearest(region, points):
    """Distances to the wall by a very fine sampling of it: the zeros of the distance along many short lines."""
    x = sobol(region, 13, 0.1)
    d, slope = slopes_of(region, x)
    wall = x - d[:, None] * slope
    wall = np.asarray(wall[jnp.abs(region.distance(wall)) < 1e-12])
    from scipy.spatial import cKDTree

    return cKDTree(wall).query(np.asarray(points))[0]


@EVERY
def test_areas(name):
    region, area = REGIONS[name]
    x = sobol(region, 12)
    assert float(jnp.mean(region.contains(x))) * region.bounds.volume == pytest.approx(area, rel=5e-3)


@pytest.mark.parametrize("name", ["ring", "block", "holed", "clockwise", "triangle"])
def test_distances_are_exact(name):
    region = REGIONS[name][0]
    x = sobol(region, 8, 0.15)
    inside_or_smooth = jnp.ones(len(x), bool) if name != "holed" else region.contains(x)
    found = jnp.abs(region.distance(x))
    np.testing.assert_allclose(found[inside_or_smooth], nearest(region, x)[inside_or_smooth], atol=0.04)
    assert jnp.all((region.distance(x) < 0) == (region.approach(x) > 0))


def test_unions_are_exact_outside_and_too_small_inside():
    region = REGIONS["two blocks"][0]
    x = sobol(region, 8, 0.3)
    found, true, outside = region.distance(x), nearest(region, x), region.distance(x) > 0
    np.testing.assert_allclose(found[outside], true[outside], atol=0.04)
    assert jnp.all(-found[~outside] < true[~outside] + 0.04)
    assert jnp.any(-found[~outside] < true[~outside] - 0.1)


@pytest.mark.parametrize(
    ("name", "order"), [(name, 2) for name in ("ring", "block", "corner", "two blocks")] + [("corner", 4), ("holed", 4)]
)
def test_the_approach_leaves_the_wall_with_slope_one(name, order):
    region = REGIONS[name][0]
    x = sobol(region, 9, 0.05)
    d, n = slopes_of(region, x)
    x = x - d[:, None] * n
    there = np.asarray(jnp.abs(everything(region, x)[:, 0]) < 1e-12)
    x, n = np.asarray(x)[there], np.asarray(n)[there]
    near = jnp.linalg.norm(x - jnp.round(4 * x) / 4, axis=1) < 0.06
    x, n = np.asarray(x)[~near], np.asarray(n)[~near]
    n = jnp.where((everything(region, x + 1e-3 * n)[:, :1] > 0), n, -n)
    assert len(x) > 100 and jnp.max(jnp.abs(everything(region, x)[:, 1])) < 1e-11
    h = 1e-5
    far, close = jax.jit(lambda x: region.approach(x, order))(x - h * jnp.array([2.0, 1.0])[:, None, None] * n)
    slopes = (far - close) / h
    np.testing.assert_allclose(slopes, 1.0, atol=2e-3)


def test_values_of_rvachev():
    walls = [HalfSpace((0.0, 0.0), (-1.0, 0.0)), HalfSpace((0.0, 0.0), (0.0, -1.0))]
    x = jnp.array([3.0, 4.0])
    both, one = walls[0] & walls[1], walls[0] | walls[1]
    assert both.approach(x) == pytest.approx(7 - 5) and one.approach(x) == pytest.approx(7 + 5)
    assert both.approach(x, 4) == pytest.approx(7 - (81 + 256) ** 0.25)
    assert both.window(x) == pytest.approx(12.0)
    assert (~both).approach(x) == -both.approach(x)


@pytest.mark.parametrize("name", ["holed", "corner", "half disk"])
def test_smooth_inside_where_the_distance_has_kinks(name):
    region = REGIONS[name][0]
    x = sobol(region, 8)
    x = x[region.distance(x) < -0.1]
    bends = jax.jit(
        jax.vmap(lambda y: jnp.trace(jax.hessian(lambda y: everything(region, y)[1:])(y), axis1=1, axis2=2))
    )
    values = bends(x)
    assert jnp.all(jnp.isfinite(values)) and jnp.max(jnp.abs(values)) < 300
    h = 1e-4 * jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    near = everything(region, x + h[:, None]) - everything(region, x)
    stencil = jnp.sum(near, axis=0)[:, 1:] / 1e-8
    np.testing.assert_allclose(values, stencil, rtol=1e-3, atol=1e-4 * jnp.max(jnp.abs(values)) + 1e-5)


def test_windows_are_smooth_at_convex_corners_and_vanish_on_walls():
    block = Block(SQUARE)
    x = jnp.array([[0.3, 0.7], [1e-3, 1e-3]])
    np.testing.assert_allclose(block.window(x), jnp.prod(x * (1 - x), axis=1), rtol=1e-12)
    assert float(block.window(jnp.array([0.0, 0.4]))) == 0.0


@jax.jit
def everything(region, x):
    return jnp.stack([region.distance(x), region.approach(x), region.window(x)], axis=-1)


@EVERY
def test_jit_vmap_and_precision(name):
    region = REGIONS[name][0]
    x = sobol(region, 4)
    found = everything(region, x)
    np.testing.assert_allclose(jax.jit(jax.vmap(everything, (None, 0)))(region, x), found, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(region.distance(x[0]), found[0, 0], rtol=1e-12)
    single = everything(region, x.astype(jnp.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, found, atol=1e-4)


def test_a_radius_can_be_differentiated():
    x = jnp.array([0.3, 0.4])
    slope = jax.jit(jax.grad(lambda r: (Ball((0.0, 0.0), 1.0) - Ball((0.0, 0.0), r)).distance(x)))(0.4)
    assert slope == pytest.approx(1.0)
    moved = eqx.tree_at(lambda b: b.center, Ball((0.0, 0.0), 1.0), jnp.array([1.0, 0.0]))
    assert moved.bounds == js.Box((0.0, 2.0), (-1.0, 1.0))


def test_walls_have_names_and_outward_normals():
    region = js.Box((-1.0, 1.0), (-1.0, 1.0)) - Ball((0.0, 0.0), 0.5, name="hole")
    assert region.names == ("x-", "x", "block", "x+", "y-", "y", "y+", "hole")
    hole = region.walls()[-1]
    np.testing.assert_allclose(jax.grad(hole.distance)(jnp.array([0.5, 0.0])), [-1.0, 0.0])
    assert len(region.factors()) == 5 and len((Block(SQUARE) | Ball((0.0, 0.0), 1.0)).factors()) == 1
    assert len((Block(SQUARE) - (Ball((0.0, 0.0), 0.1) | Ball((1.0, 1.0), 0.1))).factors()) == 6


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Ball((0.0, 0.0), -1.0), ValueError, "positive"),
        (lambda: Ball(0.0, 1.0), js.ShapeError, "Ball needs a centre"),
        (lambda: HalfSpace((0.0,), (1.0, 0.0)), js.ShapeError, "one shape"),
        (lambda: Polygon([(0, 0), (1, 0)]), js.ShapeError, "n >= 3"),
        (lambda: Ball((0.0, 0.0), 1.0) - Ball((0.0,), 1.0), js.ShapeError, "2 coordinates was joined with one of 1"),
        (lambda: Ball((0.0, 0.0), 1.0) - 3, TypeError, "a Region or a Box"),
        (lambda: HalfSpace((0.0, 0.0), (1.0, 0.0)).bounds, ValueError, "no end along x: cut it"),
        (lambda: (Ball((0.0, 0.0), 1.0) & Ball((9.0, 0.0), 1.0)).bounds, ValueError, "is empty"),
        (lambda: Region.of(SQUARE, lambda x: x), TypeError, "in this order"),
    ],
)
def test_errors_say_why(make, error, match):
    with pytest.raises(error, match=match):
        make()
