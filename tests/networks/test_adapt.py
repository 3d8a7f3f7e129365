"""Models of other libraries behave as they did, and their weights become leaves."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import networks as nets
from jaxsci._core.errors import PrecisionError, ShapeError

X = jnp.array([0.3, -0.7])


def nnx_model(dtype=jnp.float64):
    nnx = pytest.importorskip("flax.nnx")

    class Scale(nnx.Variable):
        """State that is not trained."""

    class Model(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(2, 8, param_dtype=dtype, rngs=rngs)
            self.dropout = nnx.Dropout(0.5, deterministic=True, rngs=rngs)
            self.last = nnx.Linear(8, 1, param_dtype=dtype, rngs=rngs)
            self.scale = Scale(jnp.asarray(3.0, dtype))

        def __call__(self, x):
            return self.scale[...] * self.last(self.dropout(jnp.tanh(self.first(x))))[0]

    return Model(nnx.Rngs(0))


def linen_model(dtype=jnp.float64):
    linen = pytest.importorskip("flax.linen")

    class Model(linen.Module):
        width: int = 8

        @linen.compact
        def __call__(self, x):
            scale = self.variable("state", "scale", lambda: jnp.asarray(3.0, dtype))
            x = jnp.tanh(linen.Dense(self.width, param_dtype=dtype)(x))
            return scale.value * linen.Dense(1, param_dtype=dtype)(x)[0]

    model = Model()
    return model, model.init(jax.random.key(0), X.astype(dtype))


def made(name, dtype=jnp.float64, in_size=2):
    """An adapted model, and the original as a function."""
    if name == "nnx":
        model = nnx_model(dtype)
        return nets.adapt(model, in_size=in_size), model
    if name == "linen":
        model, variables = linen_model(dtype)
        return nets.adapt(model, variables, in_size=in_size), lambda x: model.apply(variables, x)
    if name == "equinox":
        model = eqx.nn.MLP(2, "scalar", 8, 1, jnp.tanh, dtype=dtype, key=jax.random.key(0))
        return nets.adapt(model, in_size=in_size), model
    weights = {"a": jnp.arange(1, 3, dtype=dtype), "b": jnp.asarray(0.5, dtype)}
    return nets.adapt(_apply, weights, in_size=in_size), lambda x: _apply(weights, x)


def _apply(weights, x):
    return jnp.sin(jnp.dot(weights["a"], x)) + weights["b"]


EVERY = pytest.mark.parametrize("name", ["nnx", "linen", "equinox", "apply"])


@EVERY
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_adapted_models_equal_the_original(name, dtype):
    network, model = made(name, dtype)
    points = jnp.stack([X, 2.0 * X, -X]).astype(dtype)
    expected = jnp.stack([model(x) for x in points])
    assert network(points[0]).dtype == dtype
    tolerance = {"rtol": 1e-5} if dtype == jnp.float32 else {"rtol": 1e-13}
    np.testing.assert_allclose(jnp.stack([network(x) for x in points]), expected, **tolerance)
    np.testing.assert_allclose(jax.vmap(network)(points), expected, **tolerance)
    np.testing.assert_allclose(jax.jit(lambda n, x: n(x))(network, points[0]), expected[0], **tolerance)


@EVERY
def test_their_weights_are_leaves_that_training_moves(name):
    network, _ = made(name)
    weights, rest = nets.split(network)
    count = {"nnx": 33, "linen": 33, "equinox": 33, "apply": 3}[name]
    assert nets.num_weights(network) == count and f"{count} weights, float64" in repr(network)
    assert js.check_gradient(lambda w: eqx.combine(w, rest)(X), weights).passed
    assert js.check_gradient(network, X).passed
    gradient = eqx.filter_grad(lambda n: n(X))(network)
    moved = eqx.apply_updates(network, jax.tree.map(lambda g: -0.1 * g, gradient))
    assert float(moved(X)) < float(network(X))


@EVERY
def test_they_are_fields(name):
    network, model = made(name)
    u = js.Neural(js.Box((0.0, 1.0), (0.0, 1.0))).field(network)
    np.testing.assert_allclose(js.laplacian(u)(X), jnp.trace(jax.hessian(model)(X)), rtol=1e-12)


@EVERY
def test_they_combine_with_other_networks_when_their_size_is_told(name):
    network, model = made(name)
    shift = nets.Residual(nets.MLP(2, 2, 4, 1, key=jax.random.key(1)))
    np.testing.assert_allclose(nets.Chain(shift, network)(X), model(shift(X)), rtol=1e-13)
    with pytest.raises(ShapeError, match="2 coordinates, but got shape \\(3,\\)"):
        network(jnp.zeros(3))
    with pytest.raises(PrecisionError, match="float64"):
        network(X.astype(jnp.float32))
    with pytest.raises(ShapeError, match="adapt\\(model, in_size=...\\)"):
        nets.Chain(shift, made(name, in_size=None)[0])


@pytest.mark.parametrize("name", ["nnx", "linen", "equinox"])
def test_the_same_model_twice_compiles_once(name):
    traces = []

    @jax.jit
    def value(network, x):
        traces.append(1)
        return network(x)

    network, _ = made(name)
    value(network, X)
    value(jax.tree.map(lambda leaf: leaf, network), X)
    assert len(traces) == 1


def test_state_of_a_model_is_kept_and_not_trained():
    for network in (made("nnx")[0], made("linen")[0]):
        gradient = eqx.filter_grad(lambda n: n(X))(network)
        (scale,) = [leaf for leaf in jax.tree.leaves(gradient.rest) if leaf is not None]
        assert float(scale) == 0.0


def test_plain_functions_have_no_weights():
    network = nets.adapt(lambda x: x[0] * x[1], in_size=2)
    assert float(network(jnp.array([2.0, 3.0]))) == 6.0 and nets.num_weights(network) == 0
    assert repr(network) == "Adapted(<lambda>, 2 -> scalar, no weights)"


def test_networks_of_the_room_stay_themselves():
    network = nets.MLP(2, 1, 4, 1, key=jax.random.key(0))
    assert nets.adapt(network) is network
    adapted = nets.adapt(jnp.sum)
    assert nets.adapt(adapted) is adapted


def test_missing_variables_raise_and_say_what_to_write():
    with pytest.raises(TypeError, match="model or a function of one point"):
        nets.adapt(3.0)
    model, variables = linen_model()
    with pytest.raises(TypeError, match=r"adapt\(model, model.init\(key, x\)\)"):
        nets.adapt(model)
    with pytest.raises(TypeError, match="params"):
        nets.adapt(model, variables["params"])
    with pytest.raises(TypeError, match=r"write adapt\(model\)"):
        nets.adapt(nnx_model(), {"params": {}})
