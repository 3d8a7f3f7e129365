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


def weighted(weight, flux_weight=0.7, value=0.2, order=4):
    return js.FiniteDifference(LINE, js.Robin(weight, flux_weight, value), order)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_each_component_has_the_weights_of_its_wall(dtype):
    eps = jnp.finfo(dtype).eps
    together = weighted(np.array([1.0, 3.0]), np.array([0.7, 0.1]), np.array([0.2, -0.3]))
    v = together.field(lambda x: jnp.stack([jnp.sin(x[0]), jnp.cos(3 * x[0])]), dtype)
    for i, one in enumerate((weighted(1.0, 0.7, 0.2), weighted(3.0, 0.1, -0.3))):
        wanted = js.laplacian(one.field(v.values[i])).values
        for got in (js.laplacian(v).values[i], js.laplacian(v[i]).values, js.laplacian(v[i : i + 1]).values[0]):
            np.testing.assert_allclose(got, wanted, rtol=0, atol=100 * eps * np.abs(wanted).max())
    matrix = weighted(np.array([[1.0, 3.0], [2.0, 5.0]])).field(
        lambda x: jnp.exp(x[0] * jnp.array([[1.0, 2.0], [3, 4]]))
    )
    for i, weight in enumerate((3.0, 5.0)):
        wanted = js.laplacian(weighted(weight).field(matrix.values[i, 1])).values
        np.testing.assert_allclose(js.laplacian(matrix[:, 1]).values[i], wanted, rtol=1e-10)


def test_bad_weights_are_named():
    with pytest.raises(ShapeError, match="wall weight of shape .3,. does not fit.*one number per component"):
        js.laplacian(weighted(np.ones(3)).field(lambda x: jnp.stack([x[0], x[0]])))
    with pytest.raises(PrecisionError, match="complex wall weight needs a complex field"):
        js.laplacian(weighted(1j).field(lambda x: x[0]))


@pytest.mark.parametrize(
    "wall",
    [js.Dirichlet(lambda x: 1.0 + x[0]), js.Neumann(js.InTime(lambda t, x: t + x[0], 0.5))],
    ids=["rest", "time"],
)
def test_fields_with_functions_at_their_walls_pass_through_transformations(wall):
    u = js.FiniteDifference(LINE, wall).field(lambda x: jnp.cos(2 * x[0]))
    wanted = js.laplacian(u).values
    np.testing.assert_allclose(jax.jit(lambda u: js.laplacian(u).with_boundary(wall))(u).values, wanted, rtol=1e-12)
    moved, rates = jax.lax.scan(lambda u, _: (u.replace(u.data / 2), js.laplacian(u).values), u, None, length=2)
    np.testing.assert_allclose(rates[0], wanted, rtol=1e-12)
    assert moved.space.sides[0][0] == wall
    same = jax.lax.cond(True, lambda u: u, lambda u: u.replace(-u.data), u)
    np.testing.assert_array_equal(same.values, u.values)
    slope = jax.grad(lambda u: jnp.sum(js.laplacian(u).values ** 2) / 2)(u)
    assert slope.data.shape == (16,) and bool(jnp.all(jnp.isfinite(slope.data)))
    rows = jax.vmap(lambda c: u.replace(c * u.data))(jnp.arange(1.0, 3.0))
    np.testing.assert_allclose(jax.vmap(js.laplacian, in_axes=(_rows(u),))(rows).values[0], wanted, rtol=1e-12)


def _rows(u):
    return jax.tree.map(lambda _: 0, u)


def test_a_function_at_a_wall_is_compiled_once():
    v = js.FiniteDifference(LINE, js.Dirichlet(lambda x: jnp.stack([x[0], 1 - x[0]]))).field(lambda x: jnp.ones(2))
    traced = []

    @jax.jit
    def rate(u):
        traced.append(u)
        return js.laplacian(u).values

    for factor in (1.0, 2.0):
        rate(v.replace(factor * v.data))
    assert len(traced) == 1
    assert [rate(v[:1]).shape for _ in range(2)] == [(1, 16)] * 2 and len(traced) == 2
    np.testing.assert_allclose(rate(v[0]), js.laplacian(v).values[0], rtol=1e-12)


def test_complex_fields_with_complex_walls():
    space = js.FiniteDifference(LINE, {"x-": js.Dirichlet(1j), "x+": js.Dirichlet(2 + 1j)}, order=4)
    u = space.field(lambda x: jax.lax.complex(2 * x[0], 1.0 + 0 * x[0]))
    np.testing.assert_allclose(js.derivative(u).values, 2.0 + 0j, atol=1e-12)
    np.testing.assert_allclose(u(jnp.array([0.0])), 1j, atol=1e-13)


def test_printing():
    space = js.FiniteDifference(LINE, {"x-": js.Dirichlet(0.5), "x+": Free()}, order=4)
    assert repr(space) == "FiniteDifference(Grid(16 nodes on [0, 1]), order 4, x-: Dirichlet(0.5), x+: Free)"
