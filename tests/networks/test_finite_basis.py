"""Finite-basis networks: windows that sum to one, exact derivatives, and high frequencies that one network misses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.networks import MLP, FiniteBasis, RandomFeatures, num_weights
from jaxsci.networks.base import Fixed

KEY = jax.random.key(0)


def pieces(counts=(4, 3), overlap=0.7, width=5):
    return FiniteBasis(lambda key: MLP(len(counts), "scalar", width, 1, key=key), counts, overlap, key=KEY)


def every_window(network, x):
    index, windows = jax.vmap(network.windows)(x)
    whole = np.zeros((len(x), int(np.prod(network.counts))))
    for row, numbers, values in zip(whole, np.asarray(index), np.asarray(windows), strict=True):
        np.add.at(row, numbers, values)
    return whole


@pytest.mark.parametrize("overlap", [0.3, 1.0])
def test_windows_sum_to_one_and_vanish_outside_of_their_pieces(overlap):
    network = pieces(overlap=overlap)
    x = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (200, 2)))
    whole = every_window(network, jnp.concatenate([x, jnp.array([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]])]))
    np.testing.assert_allclose(whole.sum(axis=1), 1.0, atol=1e-14)
    centers = np.stack(np.meshgrid((np.arange(4) + 0.5) / 2 - 1, (np.arange(3) + 0.5) / 1.5 - 1, indexing="ij"), -1)
    far = np.abs(np.asarray(x)[:, None] - centers.reshape(-1, 2)) > np.array([0.25, 1 / 3]) * (1 + overlap)
    assert whole.min() >= 0 and np.all(whole[:200][far.any(axis=2)] == 0) and np.mean(far.any(axis=2)) > 0.4


def test_it_equals_the_sum_over_all_pieces():
    network, x = pieces(), jnp.array([0.13, -0.4])
    centers = [((i + 0.5) / 2 - 1, (j + 0.5) / 1.5 - 1) for i in range(4) for j in range(3)]
    half = jnp.array([0.25, 1 / 3]) * 1.7
    ones = [jax.tree.map(lambda a, i=i: a[i], network.pieces) for i in range(12)]
    values = jnp.stack([one((x - jnp.array(c)) / half) for one, c in zip(ones, centers, strict=True)])
    assert network(x) == pytest.approx(float(every_window(network, x[None])[0] @ values), rel=1e-13)


@pytest.mark.slow
def test_derivatives_are_continuous_and_taylor_reads_them():
    network = pieces((5,), 1.0)
    u = js.Neural(js.Box((-1.0, 1.0))).field(network)
    edges = jnp.array([-0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4])[:, None]
    for order in (1, 2, 3):
        slope = js.derivative(u, order=order)
        np.testing.assert_allclose(slope(edges - 1e-9), slope(edges + 1e-9), atol=1e-4)
    law = learning.residual(lambda t, u, args: js.laplacian(u), lambda t, x: network(x), jnp.array([[0.0, 0.3]]),
                            domain=js.Box((-1.0, 1.0)))  # fmt: skip
    np.testing.assert_allclose(-law[0, 0], js.derivative(u, order=2)(jnp.array([0.3])), rtol=1e-12)


def fast_oscillation(network, **options):
    """`du/dt = cos(15 t)`, the first example of the paper."""
    end = 2 * np.pi
    solution = learning.solve_pinn(
        lambda t, u, args: jnp.cos(15.0 * t), None, network, initial=jnp.zeros(()), t0=-end, t1=end,
        exact=lambda t: jnp.sin(15 * t) / 15, compare=0, key=KEY, **options,
    )  # fmt: skip
    return solution.report.error


@pytest.mark.slow
def test_a_fast_oscillation_by_training():
    step = learning.LevenbergMarquardt(max_steps=60)
    parted, whole = pieces((30,), 1.0, 8), MLP(1, "scalar", 250, 1, key=KEY)
    assert abs(num_weights(parted) - num_weights(whole)) <= 1
    assert fast_oscillation(parted, points=400, optimiser=step) < 2e-2
    assert fast_oscillation(whole, points=400, optimiser=step) > 0.5


@pytest.mark.slow
def test_a_fast_oscillation_in_one_solve():
    network = FiniteBasis(lambda key: RandomFeatures(1, "scalar", 16, jnp.sin, scale=3.0, key=key), (30,), key=KEY)
    assert isinstance(network.pieces.slopes, Fixed) and num_weights(network) == 480
    assert fast_oscillation(network, points=600, optimiser=learning.LeastSquares()) < 1e-4


@pytest.mark.parametrize(
    ("make", "counts", "overlap", "error", "match"),
    [
        (lambda key: MLP(2, "scalar", 4, 1, key=key), (3,), 1.0, js.ShapeError, "in_size=1"),
        (lambda key: MLP(1, "scalar", 4, 1, key=key), (3,), 1.5, ValueError, "at most 1"),
        (lambda key: MLP(1, "scalar", 4, 1, key=key), (0,), 1.0, js.ShapeError, "positive whole number"),
        (lambda key: jnp.sin, (3,), 1.0, js.ShapeError, "adapt"),
    ],
)
def test_errors_say_why(make, counts, overlap, error, match):
    with pytest.raises(error, match=match):
        FiniteBasis(make, counts, overlap, key=KEY)
