"""Random fields against Matern's closed forms and SciPy; penalties against integrals; low rank against dense."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import jaxsci as js

inference = js.inference
GaussianRandomField = inference.GaussianRandomField

BOX = js.Box((0.0, 1.0), (0.0, 2.0))
CLOSED = {
    0.5: lambda s: np.exp(-s),
    1.5: lambda s: (1 + np.sqrt(3) * s) * np.exp(-np.sqrt(3) * s),
    2.5: lambda s: (1 + np.sqrt(5) * s + 5 * s**2 / 3) * np.exp(-np.sqrt(5) * s),
    math.inf: lambda s: np.exp(-(s**2) / 2),
}


def plate(shape=(8, 10), law=None):
    space = js.FiniteDifference(js.Grid(BOX, shape), boundary=js.Dirichlet(1.0) if law is None else law)
    return space.derived if law is None else space


def distances(space, shifts=((0.0, 0.0),)):
    points = np.asarray(space.points).reshape(-1, space.dim)
    return [np.linalg.norm(points[:, None] - points + np.array(shift), axis=-1) for shift in shifts]


@pytest.mark.parametrize("smoothness", CLOSED)
def test_covariance_between_walls_without_a_law_is_the_one_of_matern(smoothness):
    space = plate()
    prior = GaussianRandomField(space, 0.7, 0.3, smoothness)
    (r,) = distances(space)
    np.testing.assert_allclose(prior.covariance, 0.49 * CLOSED[smoothness](r / 0.3), atol=1e-14)


def test_covariance_of_any_smoothness_lies_between_its_neighbours():
    space = plate()
    (r,) = distances(space)
    low, middle, high = (
        np.asarray(GaussianRandomField(space, 1.0, 0.3, nu).covariance)[0, r[0] > 0.3][0] for nu in (1.5, 2.0, 2.5)
    )
    assert low < middle < high or low > middle > high


@pytest.mark.parametrize("smoothness", [1.5, 2.5, math.inf])
@pytest.mark.parametrize("storage", ["fourier", "nodes"])
def test_covariance_on_a_periodic_box_is_the_sum_over_its_images(smoothness, storage):
    grid = js.Grid(js.Box((0.0, 1.0), (0.0, 1.5)), (32, 48))
    space = js.Fourier(grid) if storage == "fourier" else js.FiniteDifference(grid)
    prior = GaussianRandomField(space, 0.7, 0.12, smoothness)
    row = jax.vmap(lambda c: prior.basis.synthesis(c).ravel())(jnp.diag(jnp.sqrt(prior.eigenvalues)))
    found = row.T @ row[:, 0]
    points = np.asarray(space.points).reshape(-1, 2)
    images = sum(
        0.49 * CLOSED[smoothness](np.linalg.norm(points + [a, 1.5 * b], axis=-1) / 0.12)
        for a in (-1, 0, 1, -2)
        for b in (-1, 0, 1, -2)
    )
    # Waves finer than the grid hold a share h^(2 nu) of the variance, which the others take over.
    share = {1.5: 6e-3, 2.5: 8e-4, math.inf: 1e-8}[smoothness]
    np.testing.assert_allclose(found, images, atol=0.49 * share)
    np.testing.assert_allclose(found[0], 0.49, rtol=1e-12)


def test_covariance_on_a_line_converges_with_the_grid():
    """The error of leaving out fine waves falls as h^(2 nu)."""
    errors = []
    for n in (32, 64, 128):
        space = js.Fourier(js.Grid(js.Box((0.0, 1.0)), (n,)))
        found = GaussianRandomField(space, 1.0, 0.1, 1.5).covariance[0]
        x = np.asarray(space.points[:, 0])
        errors.append(np.abs(found - sum(CLOSED[1.5](np.abs(x + i) / 0.1) for i in range(-3, 4))).max())
    assert np.all(np.log2(np.array(errors[:-1]) / errors[1:]) > 2.5)


LAWS = {
    "zero value": (js.Dirichlet(0.0), -1, -1),
    "zero slope": (js.Neumann(0.0), 1, 1),
    "value, then slope": ({"x-": js.Dirichlet(0.0), "x+": js.Neumann(0.0)}, -1, 1),
    "slope, then value": ({"x-": js.Neumann(0.0), "x+": js.Dirichlet(0.0)}, 1, -1),
}


@pytest.mark.parametrize(("law", "low", "high"), LAWS.values(), ids=LAWS)
def test_covariance_between_walls_with_laws_is_reflected(law, low, high):
    space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (64,)), boundary=law)
    found = GaussianRandomField(space, 1.0, 0.1, 2.5).covariance
    x = np.asarray(space.points[:, 0])
    matern = CLOSED[2.5]
    expected = (
        matern(np.abs(x[:, None] - x) / 0.1)
        + low * matern((x[:, None] + x) / 0.1)
        + high * matern((2 - x[:, None] - x) / 0.1)
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("space", [plate(), plate(law=js.Neumann(0.0)), js.Fourier(js.Grid(BOX, (8, 9)))], ids=repr)
def test_log_density_is_the_one_of_scipy(space):
    prior = GaussianRandomField(space, 0.7, 0.4, 1.5, mean=0.3)
    x = prior.sample(jax.random.key(0))
    expected = multivariate_normal(np.full(x.size, 0.3), prior.covariance).logpdf(np.asarray(x).ravel())
    assert abs(prior.log_density(x) - expected) < 1e-8 * abs(expected)
    assert abs(prior.log_density(space.field(x)) - expected) < 1e-8 * abs(expected)


@pytest.mark.parametrize("space", [plate(), plate(law=js.Dirichlet(0.0)), js.Fourier(js.Grid(BOX, (8, 8)))], ids=repr)
def test_white_numbers_and_fields_are_two_names_of_one_thing(space):
    prior = GaussianRandomField(space, 0.7, 0.4, 1.5, mean=-1.0)
    z = jax.random.normal(jax.random.key(1), (prior.num_modes,))
    np.testing.assert_allclose(prior.white(prior.field(z)), z, atol=1e-10)
    assert abs(prior.log_density(prior.field(z)) + 0.5 * (jnp.sum(z**2) - jnp.sum(prior.white(prior.values(0 * z))))
               + 0.5 * jnp.sum(jnp.log(2 * jnp.pi * prior.eigenvalues))) < 1e-9  # fmt: skip


def test_draws_have_the_covariance():
    prior = GaussianRandomField(plate((6, 6)), 0.7, 0.5, 1.5)
    draws = jax.vmap(prior.sample)(jax.random.split(jax.random.key(2), 20_000)).reshape(20_000, -1)
    np.testing.assert_allclose(jnp.cov(draws.T), prior.covariance, atol=5 * 0.49 * math.sqrt(2 / 20_000))


def test_few_modes_hold_nearly_all_of_a_smooth_field_and_have_no_density():
    prior = GaussianRandomField(plate((16, 16)), 0.5, 0.6, 2.5, num_modes=60)
    assert float(jnp.sum(prior.eigenvalues)) > 0.999 * 0.25 * 256
    with pytest.raises(js.UnsupportedError, match="has no density"):
        prior.log_density(jnp.zeros((16, 16)))


def test_gradients_by_size_and_length_have_a_certificate():
    space = js.Fourier(js.Grid(BOX, (8, 8)))
    x = GaussianRandomField(space, 0.5, 0.3).sample(jax.random.key(0))
    report = js.check_gradient(
        lambda p: GaussianRandomField(space, p[0], p[1], 1.5).log_density(x), jnp.array([0.4, 0.25])
    )
    assert report.passed


@pytest.mark.parametrize("space", [plate(), js.Fourier(js.Grid(BOX, (8, 8)))], ids=["walls", "fourier"])
def test_single_precision_jit_and_vmap(space):
    prior = GaussianRandomField(space, 0.5, 0.3)
    z = jax.random.normal(jax.random.key(0), (3, prior.num_modes), jnp.float32)
    values = eqx.filter_jit(lambda p, z: jax.vmap(p.values)(z))(prior, z)
    assert values.dtype == jnp.float32
    np.testing.assert_allclose(values[1], prior.values(z[1].astype(float)), atol=1e-5)
    assert jax.vmap(prior.log_density)(values).dtype == jnp.float32


BAD = {
    "a negative length": (lambda: GaussianRandomField(plate(), 1.0, -0.1), ValueError, "length"),
    "too many modes": (lambda: GaussianRandomField(plate(), num_modes=81), ValueError, "num_modes=81"),
    "a cooling wall": (
        lambda: GaussianRandomField(plate(law=js.Robin(1.0, 1.0, 0.0))), js.UnsupportedError, "Robin",
    ),
    "a network": (lambda: GaussianRandomField(js.Neural(BOX)), js.UnsupportedError, "Fourier or a FiniteDifference"),
    "too many nodes": (lambda: GaussianRandomField(plate((80, 80))), js.UnsupportedError, "Neumann"),
    "a wrong shape": (lambda: GaussianRandomField(plate()).log_density(jnp.ones((10, 8))), js.ShapeError, r"\(10, 8\)"),
    "wrong coefficients": (lambda: GaussianRandomField(plate()).field(jnp.ones(3)), js.ShapeError, r"\(80,\)"),
    "a draw of smoothness": (
        lambda: inference.Smoothness(plate()).sample(jax.random.key(0)), ValueError, "GaussianRandomField",
    ),
    "a penalty of a wrong shape": (lambda: inference.Smoothness(plate()).residual(jnp.ones(3)), js.ShapeError, "grid"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "error", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_penalties_are_integrals_of_slopes():
    space = js.Fourier(js.Grid(js.Box((0.0, 1.0), (0.0, 1.0)), (256, 4)))
    wave = space.field(lambda x: jnp.sin(2 * jnp.pi * x[0]))
    smooth = inference.Smoothness(space, strength=3.0).log_density(wave)
    total = inference.TotalVariation(space, strength=3.0, rounding=1e-3).log_density(wave)
    np.testing.assert_allclose(smooth, -1.5 * 2 * np.pi**2, rtol=1e-4)
    np.testing.assert_allclose(total, -3.0 * 4, rtol=2e-3)


def test_total_variation_prices_a_jump_by_its_height_alone():
    space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (100,)), boundary=js.Neumann(0.0))
    x = space.points[:, 0]
    prior = inference.TotalVariation(space, 1.0, 1e-6)
    jump, ramp = prior.log_density(jnp.where(x > 0.5, 2.0, 0.0)), prior.log_density(2 * (x - x[0]) / (x[-1] - x[0]))
    np.testing.assert_allclose([jump, ramp], [-2.0, -2.0], rtol=1e-5)


@pytest.mark.parametrize("penalty", [inference.Smoothness, inference.TotalVariation])
def test_constants_cost_nothing_and_gradients_are_finite_there(penalty):
    prior = penalty(plate(law=js.Neumann(0.0)))
    assert prior.log_density(jnp.full((8, 10), 3.0)) == 0.0
    assert bool(jnp.isfinite(jax.grad(prior.log_density)(jnp.ones((8, 10)))).all())
    assert not prior.proper
    assert js.check_gradient(prior.log_density, jax.random.normal(jax.random.key(0), (8, 10))).passed


def blurred(space, num_data=24):
    x = np.asarray(space.points[:, 0])
    matrix = jnp.asarray(np.exp(-((np.linspace(0, 1, num_data)[:, None] - x) ** 2) / (2 * 0.05**2)) / len(x) / 0.125)
    data = matrix @ jnp.sin(6 * space.points[:, 0]) + 0.02 * jax.random.normal(jax.random.key(5), (num_data,))
    return matrix, data


@pytest.mark.slow
@pytest.mark.parametrize("law", [pytest.param(None, marks=pytest.mark.slow), js.Neumann(0.0)], ids=["free", "slope"])
def test_low_rank_posterior_of_a_field_is_the_dense_one(law):
    space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (60,)), boundary=js.Neumann(0.0))
    space = space if law else space.derived
    matrix, data = blurred(space)
    prior = GaussianRandomField(space, 1.0, 0.2, 1.5, mean=0.2)
    posterior = inference.Posterior(lambda u: matrix @ u.values, data, 0.02, prior)
    C = np.asarray(prior.covariance)
    K = C @ matrix.T @ np.linalg.inv(matrix @ C @ matrix.T + 4e-4 * np.eye(24))
    mean, covariance = 0.2 + K @ (data - 0.2 * matrix.sum(1)), C - K @ matrix @ C
    found = inference.low_rank_laplace(posterior, space.field(mean), rank=24)
    np.testing.assert_allclose(found.standard_deviation.values, np.sqrt(np.diag(covariance)), rtol=1e-6)
    exact = multivariate_normal(0.2 * matrix.sum(1), matrix @ C @ matrix.T + 4e-4 * np.eye(24)).logpdf(data)
    assert abs(found.log_evidence - exact) < 1e-7 * abs(exact)
    draws = found.sample(jax.random.key(0), 4000).values
    np.testing.assert_allclose(jnp.cov(draws.T), covariance, atol=5 * covariance.max() * math.sqrt(2 / 4000))
    few = inference.low_rank_laplace(posterior, space.field(mean), rank=4)
    assert few.neglected > 1 > found.neglected
    assert bool(jnp.all(few.standard_deviation.values >= found.standard_deviation.values * (1 - 1e-6)))


def test_low_rank_posterior_needs_normal_priors():
    posterior = inference.Posterior(lambda u: u, jnp.ones(2), 1.0, inference.Uniform(0.0, 2.0))
    with pytest.raises(js.UnsupportedError, match="normal priors"):
        inference.low_rank_laplace(posterior, jnp.ones(2))
