"""What networks are whatever their weights: periodic, separable, linear, bounded, stable."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import networks as nets
from jaxsci._core.errors import PrecisionError, ShapeError

KEY = jax.random.key(5)


@pytest.mark.parametrize("harmonics", [1, 3])
def test_periods_are_exact_with_all_derivatives(harmonics):
    circle = nets.PeriodicEmbedding((2.0, None, 0.7), harmonics)
    network = nets.Chain(circle, nets.MLP(circle.out_size, "scalar", 16, 2, key=KEY))
    shifts = jnp.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.7], [-4.0, 0.0, 1.4]])
    points = jax.random.normal(jax.random.key(1), (3, 3))
    derivatives = (network, jax.grad(network), jax.hessian(network))
    everything = jax.jit(jax.vmap(lambda x: tuple(f(x) for f in derivatives)))
    there = everything(points)
    for shift in shifts:
        for found, expected, tolerance in zip(everything(points + shift), there, (1e-12, 1e-12, 1e-10), strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    moved = everything(points + jnp.array([0.0, 1.0, 0.0]))
    assert float(jnp.min(jnp.abs(moved[0] - there[0]))) > 1e-4


def test_an_embedding_needs_a_period():
    with pytest.raises(ShapeError, match="none of them a number"):
        nets.PeriodicEmbedding((None, None))
    with pytest.raises(ValueError, match="positive length"):
        nets.PeriodicEmbedding((-1.0,))


@pytest.mark.parametrize("out_size", ["scalar", 2])
@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_separable_on_a_grid_equals_pointwise(dim, out_size):
    network = nets.Separable(dim, out_size, 8, 1, rank=5, key=KEY)
    axes = [jnp.linspace(-1.0, 1.0, 3 + i) for i in range(dim)]
    points = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1)
    pointwise = jax.vmap(network)(points.reshape(-1, dim))
    expected = pointwise.reshape(*points.shape[:-1], *(() if out_size == "scalar" else (2,)))
    np.testing.assert_allclose(network.on_grid(axes), expected, rtol=1e-12, atol=1e-14)


def test_separable_networks_may_be_of_any_kind_and_must_fit():
    keys = jax.random.split(KEY, 2)
    network = nets.Separable(2, "scalar", 8, 1, 4, networks=[nets.SIREN(1, 4, 8, 1, 3.0, key=k) for k in keys], key=KEY)
    assert network(jnp.zeros(2)).shape == ()
    with pytest.raises(ShapeError, match="needs 2 networks 1 -> 5"):
        nets.Separable(2, "scalar", 8, 1, 5, networks=network.networks, key=KEY)
    with pytest.raises(ShapeError, match="one per axis"):
        network.on_grid([jnp.zeros(3)])
    with pytest.raises(PrecisionError, match="astype"):
        network.on_grid([jnp.zeros(3, jnp.float32)] * 2)


@pytest.mark.parametrize("out_size", ["scalar", 2])
def test_random_features_are_linear_in_their_coefficients(out_size):
    network = nets.RandomFeatures(2, out_size, 30, key=KEY)
    a, b = (jax.random.normal(k, network.coefficients.shape) for k in jax.random.split(KEY))
    x = jnp.array([0.3, -0.4])
    first, second, both = (network.with_coefficients(c)(x) for c in (a, b, 2.0 * a - 3.0 * b))
    np.testing.assert_allclose(both, 2.0 * first - 3.0 * second, rtol=1e-12)
    np.testing.assert_allclose(first, a @ network.features(x), rtol=1e-12)
    assert network.features(x)[0] == 1.0 and not jnp.any(network(x))
    with pytest.raises(ShapeError, match="components come first"):
        network.with_coefficients(jnp.zeros(7))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_least_squares_solve_gives_poisson_to_ten_digits(seed):
    """-Laplacian u = 2 pi^2 sin(pi x) sin(pi y), 0 at the walls: 300 features, boundary as rows of the system."""
    network = nets.RandomFeatures(2, "scalar", 300, bounds=[(0.0, 1.0)] * 2, key=jax.random.key(seed))
    middles = (np.arange(30) + 0.5) / 30
    inside = np.stack(np.meshgrid(middles, middles), -1).reshape(-1, 2)
    walls = np.concatenate([np.stack(pair, 1) for c in (0.0, 1.0) for pair in _sides(middles, np.full(30, c))])

    def exact(x):
        return jnp.sin(jnp.pi * x[..., 0]) * jnp.sin(jnp.pi * x[..., 1])

    def laplacian(x):
        return jnp.trace(jax.jacfwd(jax.jacfwd(network.features))(x), axis1=1, axis2=2)

    @jax.jit
    def solve():
        matrix = jnp.concatenate([-jax.vmap(laplacian)(inside), 100.0 * jax.vmap(network.features)(walls)])
        target = jnp.concatenate([2 * jnp.pi**2 * exact(inside), jnp.zeros(len(walls))])
        size = jnp.linalg.norm(matrix, axis=0)
        return jnp.linalg.lstsq(matrix / size, target, rcond=1e-15)[0] / size

    solved = network.with_coefficients(solve())
    points = np.random.default_rng(seed).uniform(size=(1000, 2))
    error = jnp.linalg.norm(jax.vmap(solved)(points) - exact(points)) / jnp.linalg.norm(exact(points))
    assert error < 1e-10


def _sides(along, across):
    return (along, across), (across, along)


def test_multiscale_is_the_sum_at_its_scales():
    parts = [nets.MLP(2, 3, 8, 1, key=k) for k in jax.random.split(KEY, 3)]
    x = jnp.array([0.2, -0.7])
    expected = parts[0](x) + parts[1](4.0 * x) + parts[2](16.0 * x)
    np.testing.assert_allclose(nets.MultiScale(parts, [1.0, 4.0, 16.0])(x), expected, rtol=1e-13)
    with pytest.raises(ShapeError, match="one network per scale"):
        nets.MultiScale(parts, [1.0, 2.0])
    with pytest.raises(ShapeError, match="same sizes"):
        nets.MultiScale([parts[0], nets.MLP(2, 1, 8, 1, key=KEY)], [1.0, 2.0])


def test_residual_steps_compose_into_a_motion():
    """Residual layers of one rotation, `(1 + t A / n)^n`, tend to `exp(t A)` with first order."""
    field = nets.Antisymmetric(3, activation=None, key=KEY)
    x, exact = jnp.ones(3), jax.scipy.linalg.expm(field.matrix) @ jnp.ones(3)
    errors = [float(jnp.linalg.norm(nets.Chain(*[nets.Residual(field, 1 / n)] * n)(x) - exact)) for n in (20, 40)]
    assert 1.8 < errors[0] / errors[1] < 2.2
    with pytest.raises(ShapeError, match="build it with out_size=2"):
        nets.Residual(nets.MLP(2, 3, 8, 1, key=KEY))


def test_chain_checks_what_meets():
    with pytest.raises(ShapeError, match="build the later one with in_size=3"):
        nets.Chain(nets.MLP(2, 3, 8, 1, key=KEY), nets.MLP(4, 1, 8, 1, key=KEY))
    with pytest.raises(ShapeError, match="in_size=..."):
        nets.Chain(nets.MLP(2, 3, 8, 1, key=KEY), jnp.sum)
    with pytest.raises(ShapeError, match="at least one"):
        nets.Chain()


@pytest.mark.parametrize("layer", [nets.Linear, nets.Factorised])
def test_spectral_norms_are_within_the_bound(layer):
    wild = jax.tree.map(lambda w: 5.0 * w, nets.MLP(3, 3, 32, 3, layer=layer, key=KEY))
    for bound in (1.0, 0.3):
        network = nets.SpectralNormalised(wild, bound)
        norms = [float(jnp.linalg.norm(part.matrix, 2)) for part in network.normalised.layers]
        np.testing.assert_allclose(norms, bound, rtol=1e-12)
        x = jax.random.normal(jax.random.key(1), (50, 3))
        slopes = jnp.linalg.norm(jax.vmap(jax.jacobian(network))(x), 2, axis=(-2, -1))
        assert float(jnp.max(slopes)) <= bound**4 + 1e-12
        assert nets.num_weights(network) == nets.num_weights(wild)
    assert float(jnp.max(jnp.linalg.norm(jax.vmap(jax.jacobian(wild))(x), 2, axis=(-2, -1)))) > 1.0


def test_spectral_normalisation_leaves_small_weights_alone_and_knows_equinox():
    small = jax.tree.map(lambda w: 0.01 * w, nets.MLP(2, 2, 8, 1, key=KEY))
    x = jnp.array([0.3, 0.4])
    np.testing.assert_array_equal(nets.SpectralNormalised(small)(x), small(x))
    theirs = eqx.tree_at(lambda m: m.layers[0].weight, eqx.nn.MLP(2, 2, 8, 1, key=KEY), 9.0 * jnp.ones((8, 2)))
    np.testing.assert_allclose(jnp.linalg.norm(nets.SpectralNormalised(theirs).normalised.layers[0].weight, 2), 1.0)
    with pytest.raises(TypeError, match="no linear layer"):
        nets.SpectralNormalised(nets.FourierFeatures(2, 3, key=KEY))
    with pytest.raises(ValueError, match="positive"):
        nets.SpectralNormalised(small, 0.0)


@pytest.mark.parametrize("damping", [0.0, 0.2])
@pytest.mark.parametrize("activation", [None, jnp.tanh])
def test_antisymmetric_eigenvalues_lie_on_or_left_of_the_imaginary_axis(damping, activation):
    field = nets.Antisymmetric(7, damping, activation, key=KEY)
    np.testing.assert_allclose(np.linalg.eigvals(field.matrix).real, -damping, rtol=0, atol=1e-13)
    jacobian = jax.jacobian(field)(jax.random.normal(jax.random.key(1), (7,)))
    values = np.linalg.eigvals(jacobian)
    assert np.max(np.abs(values.imag)) > 0.1
    if damping == 0:
        np.testing.assert_allclose(values.real, 0.0, rtol=0, atol=1e-13)
    elif activation is not None:
        assert np.all(values.real < 0)
    with pytest.raises(ValueError, match="makes states grow"):
        nets.Antisymmetric(3, -0.1, key=KEY)
