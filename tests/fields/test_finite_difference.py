"""Nodal fields: where the nodes are, evaluation up to the walls, laws of vectors and of derived fields."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci._core.errors import PrecisionError, ShapeError
from jaxsci.geometry import Free

LINE = js.Grid(js.Box((0.0, 1.0)), (16,))
SQUARE = js.Grid(js.Box((0.0, 1.0), (0.0, 2.0)), (16, 16))


def test_nodes():
    space = js.FiniteDifference(SQUARE, {"x": js.Periodic(), "y": js.Neumann()})
    assert space.points.shape == (16, 16, 2)
    np.testing.assert_allclose(space.axes[0], np.arange(16) / 16)
    np.testing.assert_allclose(space.axes[1], (np.arange(16) + 0.5) / 8)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("order", [2, 4, 6])
def test_evaluation_at_nodes_walls_and_outside(order, dtype):
    eps = jnp.finfo(dtype).eps
    wall = js.FiniteDifference(LINE, {"x-": js.Dirichlet(1.0), "x+": js.Dirichlet(-2.0)}, order)
    ring = js.FiniteDifference(LINE, order=order)

    @eqx.filter_jit
    def run(values):
        u, w = wall.field(values), ring.field(values)
        ends, outside = jnp.array([[0.0], [1.0]], dtype), jnp.array([[-0.01], [1.01]], dtype)
        return u(wall.points), u(ends), u(outside), w(ring.points), w(ring.points + 3), w(ends)

    values = jnp.asarray(np.random.default_rng(0).normal(size=16), dtype)
    nodes, ends, outside, ring_nodes, later, ring_ends = run(values)
    assert nodes.dtype == ring_nodes.dtype == dtype
    np.testing.assert_allclose(nodes, values, atol=50 * eps)
    np.testing.assert_allclose(ends, [1.0, -2.0], atol=50 * eps)
    assert np.all(np.isnan(outside))
    np.testing.assert_allclose(ring_nodes, values, atol=50 * eps)
    np.testing.assert_allclose(later, values, atol=500 * eps)
    np.testing.assert_allclose(ring_ends, values[0], atol=50 * eps)


def test_a_derived_field_has_no_law_until_one_is_attached():
    space = js.FiniteDifference(LINE, js.Dirichlet(), order=4)
    u = space.field(lambda x: jnp.sin(jnp.pi * x[0]))
    derived = 2.0 * u
    assert isinstance(derived.space.sides[0][0], Free)
    again = derived.with_boundary(js.Dirichlet())
    np.testing.assert_allclose(js.laplacian(again).values, 2 * js.laplacian(u).values, atol=1e-12)
    assert np.abs(js.laplacian(derived).values - 2 * js.laplacian(u).values).max() > 1e-4


def test_one_law_stands_at_the_walls_of_a_channel():
    channel = js.FiniteDifference(SQUARE, {"x": js.Periodic(), "y": js.Neumann()})
    u = channel.field(lambda x: x[1]).with_boundary(js.Dirichlet(3.0))
    assert u.space.is_periodic(0)
    np.testing.assert_allclose(u(jnp.array([[0.3, 0.0], [0.9, 2.0]])), 3.0, rtol=1e-13)
    per_side = u.with_boundary({"x": js.Periodic(), "y-": js.Dirichlet(1.0), "y+": js.Neumann()})
    np.testing.assert_allclose(per_side(jnp.array([0.5, 0.0])), 1.0, rtol=1e-13)


@pytest.mark.parametrize(
    "value",
    [np.array([1.0, -2.0]), lambda x: jnp.stack([1.0 + 0 * x[0], -2.0 + 0 * x[0]])],
    ids=["numbers", "function"],
)
def test_a_component_keeps_its_own_wall_value(value):
    space = js.FiniteDifference(LINE, js.Dirichlet(value))
    v = space.field(lambda x: jnp.stack([x[0], x[0] ** 2]))
    ends = jnp.array([[0.0], [1.0]])
    np.testing.assert_allclose(v(ends), [[1.0, -2.0]] * 2, rtol=1e-13)
    for i, wanted in enumerate((1.0, -2.0)):
        np.testing.assert_allclose(v[i](ends), wanted, rtol=1e-13)
        np.testing.assert_allclose(js.derivative(v[i]).values, js.derivative(v).values[i], rtol=1e-13)
    first, second = v
    np.testing.assert_allclose(second(ends[0]), -2.0, rtol=1e-13)


def test_bad_wall_values_are_named():
    vector = js.FiniteDifference(LINE, js.Dirichlet(np.ones(3))).field(lambda x: jnp.stack([x[0], x[0]]))
    with pytest.raises(ShapeError, match="one number per component"):
        js.derivative(vector)
    function = js.FiniteDifference(LINE, js.Dirichlet(lambda x: jnp.ones(3))).field(lambda x: jnp.stack([x[0], x[0]]))
    with pytest.raises(ShapeError, match="one number per component"):
        js.derivative(function)
    for value in (1j, lambda x: 1j + 0 * x[0].astype(complex)):
        with pytest.raises(PrecisionError, match="needs a complex field"):
            js.derivative(js.FiniteDifference(LINE, js.Dirichlet(value)).field(lambda x: x[0]))


def test_complex_fields_with_complex_walls():
    space = js.FiniteDifference(LINE, {"x-": js.Dirichlet(1j), "x+": js.Dirichlet(2 + 1j)}, order=4)
    u = space.field(lambda x: jax.lax.complex(2 * x[0], 1.0 + 0 * x[0]))
    np.testing.assert_allclose(js.derivative(u).values, 2.0 + 0j, atol=1e-12)
    np.testing.assert_allclose(u(jnp.array([0.0])), 1j, atol=1e-13)


def test_printing():
    space = js.FiniteDifference(LINE, {"x-": js.Dirichlet(0.5), "x+": Free()}, order=4)
    assert repr(space) == "FiniteDifference(Grid(16 nodes on [0, 1]), order 4, x-: Dirichlet(0.5), x+: Free)"
