"""What networks are before training: the statistics and identities that their papers promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import networks as nets
from jaxsci._core.errors import ShapeError

KEY = jax.random.key(3)


def preactivations(network, points):
    """What enters each sine, layer by layer."""
    h, found = points, []
    for layer in network.layers[:-1]:
        found.append(network.omega0.value * jax.vmap(layer)(h))
        h = jnp.sin(found[-1])
    return found


@pytest.mark.parametrize("omega0", [10.0, 30.0])
def test_siren_preactivations_keep_their_variance_at_every_depth(omega0):
    """1 at the second sine; a sine of Gaussian numbers of variance s has variance (1 - exp(-2 s)) / 2, doubled by W."""
    network = nets.SIREN(2, 1, 512, 8, omega0, key=KEY)
    points = jax.random.uniform(jax.random.key(1), (512, 2), minval=-1.0)
    variances = [float(jnp.var(z)) for z in jax.jit(preactivations)(network, points)[1:]]
    expected = [1.0]
    for _ in variances[1:]:
        expected.append(1 - np.exp(-2 * expected[-1]))
    np.testing.assert_allclose(variances, expected, rtol=0, atol=0.03)
    assert abs(expected[-1] - 0.797) < 1e-3


def test_siren_first_layer_spreads_over_its_frequency():
    network = nets.SIREN(2, 1, 4096, 1, key=KEY)
    first, last = network.layers
    assert float(jnp.max(jnp.abs(first.weight))) <= 1 / 2
    np.testing.assert_allclose(jnp.var(first.weight), 1 / 12, rtol=0.05)
    np.testing.assert_allclose(jnp.var(last.weight), 6 / 4096 / 3 / 900, rtol=0.05)


def test_glorot_weights_have_the_published_variance():
    layer = nets.Linear(300, 500, key=KEY)
    np.testing.assert_allclose(jnp.var(layer.weight), 2 / 800, rtol=0.02)
    assert not jnp.any(layer.bias)


def test_glorot_keeps_signals_and_gradients_at_the_same_size():
    """Linear layers of equal width keep the variance of what goes through them, both ways."""
    network = nets.MLP(256, 256, 256, 6, lambda x: x, key=KEY)
    x = jax.random.normal(jax.random.key(1), (64, 256))
    y, back = jax.vjp(jax.vmap(network), x)
    np.testing.assert_allclose([jnp.var(y), jnp.var(back(x)[0])], 1.0, rtol=0.35)


def test_factorised_equals_dense_at_the_start():
    x = jax.random.normal(jax.random.key(1), (7, 3))
    dense = nets.MLP(3, 2, 16, 3, key=KEY)
    factorised = nets.MLP(3, 2, 16, 3, layer=nets.Factorised, key=KEY)
    np.testing.assert_allclose(jax.vmap(factorised)(x), jax.vmap(dense)(x), rtol=1e-13)
    assert nets.num_weights(factorised) == nets.num_weights(dense) + 3 * 16 + 2


def test_factorised_scales_have_the_asked_statistics():
    layer = nets.Factorised(3, 4000, 0.5, 0.2, key=KEY)
    np.testing.assert_allclose([jnp.mean(layer.log_scale), jnp.std(layer.log_scale)], [0.5, 0.2], rtol=0.05)


@pytest.mark.slow
def test_piratenet_is_linear_in_its_embedding_at_the_start():
    network = nets.PirateNet(2, 3, 32, 4, key=KEY)
    points = jax.random.normal(jax.random.key(1), (4, 2))
    embedded = jax.vmap(network.embedding)(points)
    np.testing.assert_allclose(jax.jit(jax.vmap(network))(points), jax.vmap(network.readout)(embedded), rtol=1e-12)
    np.testing.assert_allclose(embedded[:, :16] ** 2 + embedded[:, 16:] ** 2, 1.0, rtol=1e-13)
    gradient = jax.jit(jax.grad(lambda n: jnp.sum(n(jnp.ones(2)) ** 2)))(network)
    assert all(abs(float(block.alpha)) > 1e-6 for block in gradient.blocks), "depth must be able to come in"


def test_piratenet_starts_from_data():
    network = nets.PirateNet(1, "scalar", 64, 2, key=KEY)
    x = jnp.linspace(-1.0, 1.0, 200)[:, None]
    values = x[:, 0] ** 2 * jnp.cos(jnp.pi * x[:, 0])
    started = network.start_from(x, values)
    assert float(jnp.max(jnp.abs(jax.jit(jax.vmap(started))(x) - values))) < 1e-6
    assert float(jnp.max(jnp.abs(jax.jit(jax.vmap(network))(x) - values))) > 0.1
    with pytest.raises(ShapeError, match="give \\(200,\\)"):
        network.start_from(x, values[:, None])


def test_piratenet_takes_an_embedding_of_its_width():
    circle = nets.Chain(nets.PeriodicEmbedding((2.0,)), nets.FourierFeatures(2, 8, key=KEY))
    network = nets.PirateNet(1, "scalar", 16, 2, embedding=circle, key=KEY)
    np.testing.assert_allclose(network(jnp.array([-1.0])), network(jnp.array([1.0])), rtol=0, atol=1e-12)
    with pytest.raises(ShapeError, match="needs an embedding 1 -> 20, got one 1 -> 16"):
        nets.PirateNet(1, "scalar", 20, 2, embedding=circle, key=KEY)
    with pytest.raises(ShapeError, match="write width=8"):
        nets.PirateNet(1, "scalar", 7, 2, key=KEY)


def test_random_waves_have_the_asked_frequencies():
    waves = nets.FourierFeatures(2, 4000, (1.0, 3.0), key=KEY)
    np.testing.assert_allclose(jnp.std(waves.frequencies.value, axis=0), [1.0, 3.0], rtol=0.05)
    assert nets.num_weights(waves) == 0 and waves.out_size == 8000
    with pytest.raises(ShapeError, match="2 axes"):
        nets.FourierFeatures(2, 4, (1.0, 2.0, 3.0), key=KEY)


def test_random_features_bend_inside_their_box():
    network = nets.RandomFeatures(2, 1, 500, scale=2.0, bounds=[(0.0, 1.0), (10.0, 30.0)], key=KEY)
    slopes, offsets = network.slopes.value, network.offsets.value
    assert float(jnp.max(jnp.abs(slopes * jnp.array([0.5, 10.0])))) <= 2.0
    corners = jnp.array([[0.0, 10.0], [1.0, 10.0], [0.0, 30.0], [1.0, 30.0]])
    arguments = slopes @ corners.T + offsets[:, None]
    assert bool(jnp.all((jnp.min(arguments, axis=1) <= 0) & (jnp.max(arguments, axis=1) >= 0)))
    for bounds in ([(0.0, 1.0)], [(0.0, 1.0), (2.0, 1.0)]):
        with pytest.raises(ShapeError, match="one \\(low, high\\) pair per axis"):
            nets.RandomFeatures(2, 1, 500, bounds=bounds, key=KEY)
