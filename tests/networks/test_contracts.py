"""Every network: one point in, one value out; jit = eager, vmap = loop; derivatives; both precisions; bad input."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.jet import jet

import jaxsci as js
from jaxsci import networks as nets
from jaxsci._core.errors import PrecisionError, ShapeError

BOX = js.Box((0.0, 1.0), (0.0, 1.0))
FACTORIES = {
    "mlp": lambda **kw: nets.MLP(2, "scalar", 8, 2, **kw),
    "factorised": lambda **kw: nets.MLP(2, 3, 8, 2, jnp.sin, layer=nets.Factorised, **kw),
    "siren": lambda **kw: nets.SIREN(2, 3, 8, 2, 5.0, **kw),
    "linear": lambda **kw: nets.Linear(2, 3, **kw),
    "waves": lambda **kw: nets.FourierFeatures(2, 3, (0.5, 1.0), **kw),
    "period": lambda key, dtype=None: nets.Chain(
        nets.PeriodicEmbedding((2.0, None), 2, dtype=dtype), nets.MLP(5, "scalar", 8, 1, dtype=dtype, key=key)
    ),
    "pirate": lambda **kw: nets.PirateNet(2, "scalar", 8, 2, scale=0.3, **kw),
    "separable": lambda **kw: nets.Separable(2, 2, 8, 1, 4, **kw),
    "random features": lambda **kw: nets.RandomFeatures(2, "scalar", 20, **kw),
    "deep random features": lambda **kw: nets.RandomFeatures(2, 2, 20, depth=2, bounds=BOX, **kw),
    "antisymmetric": lambda **kw: nets.Antisymmetric(2, 0.1, **kw),
    "residual": lambda **kw: nets.Residual(nets.MLP(2, 2, 8, 1, **kw), 0.1),
    "scales": lambda **kw: nets.MultiScale([nets.MLP(2, "scalar", 8, 1, **kw)] * 2, [1.0, 3.0]),
    "finite basis": lambda **kw: nets.FiniteBasis(
        lambda key: nets.MLP(2, 3, 6, 1, dtype=kw.get("dtype"), key=key), (2, 3), 0.8, key=kw["key"]
    ),
    "spectral": lambda **kw: nets.SpectralNormalised(nets.MLP(2, 2, 8, 1, **kw), 0.5),
}
EVERY = pytest.mark.parametrize("name", FACTORIES)
POINTS = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (5, 2)))


@functools.cache
def made(name, dtype=None, seed=0):
    """The network with all its weights moved, so that nothing vanishes that is zero only at the start."""
    network = FACTORIES[name](key=jax.random.key(seed), dtype=dtype)
    weights, rest = nets.split(network)
    leaves, tree = jax.tree.flatten(weights)
    keys = jax.random.split(jax.random.key(seed + 1), max(1, len(leaves)))
    moved = [leaf + 0.1 * jax.random.normal(k, leaf.shape, leaf.dtype) for leaf, k in zip(leaves, keys, strict=False)]
    return eqx.combine(tree.unflatten(moved), rest)


@EVERY
def test_jit_equals_eager_and_vmap_equals_a_loop(name):
    network = made(name)
    loop = jnp.stack([network(x) for x in POINTS])
    assert np.ptp(np.asarray(loop)) > 1e-3
    np.testing.assert_allclose(jax.vmap(network)(POINTS), loop, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(jax.jit(lambda n, x: n(x))(network, POINTS[0]), loop[0], rtol=1e-13, atol=1e-14)


@EVERY
def test_every_leaf_is_an_array_so_that_jax_takes_a_network_as_it_is(name):
    network = made(name)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(network))
    gradient = jax.jit(jax.grad(lambda n: jnp.sum(n(POINTS[0]) ** 2)))(network)
    weights, rest = nets.split(gradient)
    assert all(bool(jnp.all(leaf == 0)) for leaf in jax.tree.leaves(rest))
    sizes = [leaf.size for leaf in jax.tree.leaves(weights)]
    assert sum(sizes) == nets.num_weights(network)


@EVERY
def test_derivatives_pass_the_certificate(name):
    network = made(name)
    weights, rest = nets.split(network)
    assert js.check_gradient(network, POINTS[0]).passed
    if jax.tree.leaves(weights):
        assert js.check_gradient(lambda w: eqx.combine(w, rest)(POINTS[0]), weights).passed


@EVERY
def test_taylor_propagation_understands_it(name):
    network, x, v = made(name), POINTS[0], jnp.array([0.6, -0.8])
    zero = jnp.zeros(2)
    value, (_, second, third) = jax.jit(lambda x: jet(network, (x,), ((v, zero, zero),)))(x)

    def line(s):
        return network(x + s * v)

    np.testing.assert_allclose(value, network(x), rtol=1e-13)
    scale = float(jnp.max(jnp.abs(third))) + 1.0
    twice = jax.jacfwd(jax.jacfwd(line))
    np.testing.assert_allclose(second, jax.jit(twice)(0.0), rtol=0, atol=1e-11 * scale)
    np.testing.assert_allclose(third, jax.jit(jax.jacfwd(twice))(0.0), rtol=0, atol=1e-11 * scale)


@EVERY
def test_it_is_a_field_whose_laplacian_is_that_of_differences(name):
    network = made(name)
    u = js.Neural(BOX).field(network)
    h, x = 1e-4, POINTS[0]
    steps = h * jnp.eye(2)
    near = jax.vmap(network)(jnp.concatenate([x + steps, x - steps]))
    differences = (jnp.sum(near, axis=0) - 4.0 * network(x)) / h**2
    found = jax.jit(lambda u, x: js.laplacian(u)(x))(u, x)
    assert found.dtype == jnp.float64
    np.testing.assert_allclose(found, differences, rtol=1e-5, atol=1e-5)


@EVERY
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_precision_is_that_of_the_weights(name, dtype):
    network = made(name, dtype)
    point = POINTS[0].astype(dtype)
    assert {leaf.dtype for leaf in jax.tree.leaves(network)} == {jnp.dtype(dtype)}
    assert jax.eval_shape(network, point).dtype == dtype
    assert jax.eval_shape(jax.jacrev(jax.jacfwd(network)), point).dtype == dtype
    other = jnp.float64 if dtype == jnp.float32 else jnp.float32
    with pytest.raises(PrecisionError, match=r"write x.astype\(jnp.float"):
        network(POINTS[0].astype(other))


@EVERY
def test_float32_agrees_with_float64(name):
    exact = made(name)
    rounded = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), exact)
    np.testing.assert_allclose(rounded(POINTS[1].astype(jnp.float32)), exact(POINTS[1]), rtol=0, atol=2e-5)


@EVERY
def test_a_point_of_another_size_raises(name):
    network = made(name)
    with pytest.raises(ShapeError, match="2 coordinates, but got shape \\(3,\\).*in_size=3"):
        network(jnp.zeros(3))
    with pytest.raises(ShapeError, match="jax.vmap"):
        network(POINTS)
    with pytest.raises(ShapeError, match="got shape \\(\\)"):
        network(0.5)


@EVERY
def test_printing_tells_sizes_weights_and_precision(name):
    network = made(name)
    text = repr(network)
    assert "\n" not in text and f"2 -> {network.out_size}" in text
    count = nets.num_weights(network)
    assert (f"{count} weights, float64" if count else "no weights") in text
    assert all(map(repr, nets.split(network))) and repr(jax.eval_shape(lambda: network)) == text


@EVERY
def test_the_key_decides_the_weights(name):
    first, again, other = (jax.tree.leaves(FACTORIES[name](key=jax.random.key(seed))) for seed in (0, 0, 1))
    assert all(bool(jnp.all(a == b)) for a, b in zip(first, again, strict=True))
    assert not all(bool(jnp.all(a == b)) for a, b in zip(first, other, strict=True))


def test_integers_and_lists_are_points():
    network = made("mlp")
    assert network([0, 1]) == network(jnp.array([0.0, 1.0])) == network(jnp.array([0, 1]))
    with pytest.raises(PrecisionError, match="real points"):
        network(jnp.zeros(2, complex))


def test_new_weights_do_not_recompile():
    traces = []

    @jax.jit
    def value(network, x):
        traces.append(1)
        return network(x)

    for seed in range(3):
        value(FACTORIES["pirate"](key=jax.random.key(seed)), POINTS[0])
        value(nets.SIREN(2, 1, 8, 2, 3.0 + seed, key=jax.random.key(seed)), POINTS[0])
    assert len(traces) == 2


@pytest.mark.parametrize("size", [0, -1, 2.5, "number", None, True])
def test_sizes_that_are_no_sizes_raise(size):
    key = jax.random.key(0)
    for build in (
        lambda: nets.MLP(size, 1, 8, 2, key=key),
        lambda: nets.MLP(2, size, 8, 2, key=key),
        lambda: nets.MLP(2, 1, size, 2, key=key),
        lambda: nets.SIREN(2, 1, 8, size, key=key),
        lambda: nets.RandomFeatures(2, 1, size, key=key),
        lambda: nets.Separable(2, 1, 8, 1, size, key=key),
        lambda: nets.PirateNet(2, 1, 8, size, key=key),
        lambda: nets.Antisymmetric(size, key=key),
    ):
        with pytest.raises(ShapeError, match="must be a positive whole number.*write for example"):
            build()


def test_scalar_outputs_have_no_axis():
    for size in ("scalar", ()):
        assert nets.MLP(2, size, 8, 1, key=jax.random.key(0))(POINTS[0]).shape == ()
    assert nets.MLP(2, 1, 8, 1, key=jax.random.key(0))(POINTS[0]).shape == (1,)


def test_weights_are_real_and_activations_are_functions():
    with pytest.raises(PrecisionError, match="weights are real"):
        nets.MLP(2, 1, 8, 1, dtype=jnp.complex128, key=jax.random.key(0))
    with jax.enable_x64(False), pytest.raises(PrecisionError, match="jax_enable_x64"):
        nets.MLP(2, 1, 8, 1, dtype=jnp.float64, key=jax.random.key(0))
    with pytest.raises(TypeError, match="activation=jnp.tanh"):
        nets.MLP(2, 1, 8, 1, activation="tanh", key=jax.random.key(0))


def test_an_activation_with_weights_is_trained():
    activation = nets.MLP(1, 1, 4, 1, key=jax.random.key(1))

    class Learned(type(activation)):
        def __call__(self, x):
            return jax.vmap(lambda value: super(Learned, self).__call__(value[None])[0])(x)

    learned = Learned(1, 1, 4, 1, key=jax.random.key(1))
    network = nets.MLP(2, "scalar", 8, 1, learned, key=jax.random.key(0))
    assert nets.num_weights(network) == 2 * 8 + 8 + 8 + 1 + 13
    gradient = jax.grad(lambda n: n(POINTS[0]))(network)
    assert any(bool(jnp.any(leaf != 0)) for leaf in jax.tree.leaves(gradient.activation))
