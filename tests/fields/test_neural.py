"""Functions as fields: weights stay visible, constants are leaves, precision follows the points."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import jaxsci as js

BOX = js.Box((0.0, 1.0), (0.0, 1.0))
NETWORK = eqx.nn.MLP(2, "scalar", 8, 2, activation=jnp.tanh, key=jax.random.key(0))
NETWORK_OF_ONE = eqx.nn.MLP("scalar", "scalar", 4, 1, key=jax.random.key(0))


def sizes(tree):
    return sorted(leaf.size for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array)))


def test_weights_of_composed_fields_stay_visible():
    u = js.Neural(BOX).field(NETWORK)
    for composed in (-u, js.laplacian(u), u.map(jnp.sin), js.Neural(BOX).project(u), js.derivative(u, 1, 2)):
        assert set(sizes(NETWORK)) <= set(sizes(composed))
    points = jnp.ones((3, 2)) / 3
    loss = eqx.filter_grad(lambda u: jnp.sum((js.laplacian(u) + u * u)(points) ** 2))
    slope = loss(u)
    assert any(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(slope))


def test_constants_of_composed_fields_are_leaves():
    u = js.Neural(BOX).field(lambda x: x[0])
    scaled = eqx.filter_jit(lambda c: c * u / (1 + c) + c)(jnp.asarray(3.0))
    np.testing.assert_allclose(scaled(jnp.array([0.4, 0.0])), 3 * 0.4 / 4 + 3, rtol=1e-15)
    assert len(sizes(scaled)) == 3


def test_precision_follows_the_network_and_the_points():
    single = jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, NETWORK)
    u = js.Neural(BOX).field(single)
    assert u.dtype == jnp.float32
    assert (2.0 * js.laplacian(u) + u * u + 1.0)(jnp.zeros((4, 2))).dtype == jnp.float32
    assert (2.0 * u).dtype == jnp.float32
    f = js.Neural(BOX).field(lambda x: jnp.sin(x[0]))
    assert (f * u)(jnp.zeros((4, 2), jnp.float32)).dtype == jnp.float32
    assert (3 * f + 1)(jnp.zeros((4, 2), jnp.float32)).dtype == jnp.float32
    assert f(jnp.zeros((4, 2))).dtype == jnp.float64


def test_functions_that_return_numbers():
    space = js.Neural(js.Grid(BOX, (3, 4)))
    for number in (2, 2.0):
        u = space.field(lambda x, number=number: number)
        assert u(jnp.zeros((5, 2), jnp.float32)).dtype == jnp.float32
        np.testing.assert_allclose(js.laplacian(u).values, np.zeros((3, 4)))
    assert space.field(lambda x: x).values.shape == (2, 3, 4)


def test_functions_pass_through_transformations_and_are_compiled_once():
    u = js.Neural(BOX).field(lambda x: jnp.sin(x[0]))
    point, traced = jnp.array([0.3, 0.4]), []

    @jax.jit
    def value(w, x):
        traced.append(w)
        return w(x)

    def built():
        v = js.gradient(u)
        return 2 * js.laplacian(u) - (-u) + v[0] * v[..., 1] + js.dot(v, v) + abs(u) ** 2 + 1 / (u + 3) + 2.0**u

    assert value(built(), point) == value(built(), point) and len(traced) == 1
    np.testing.assert_allclose(value(built(), point), built()(point), rtol=1e-14)
    assert jax.lax.cond(True, lambda w: w, lambda w: w, u)(point) == u(point)
    assert jax.grad(lambda w: w(point))(2.0 * u).data.parts[1].value == u(point)
    assert "lambda" in repr(u.data)


def test_powers_keep_their_numbers_visible():
    u = js.Neural(BOX).field(lambda x: 1 + x[0])
    for composed in (u ** jnp.asarray(1.5), jnp.asarray(1.5) ** u, jnp.asarray(1.5) / u, u.map(NETWORK_OF_ONE)):
        assert len(sizes(composed)) >= 1
