"""Transforms and interpolation against SciPy."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js

scipy_fft = pytest.importorskip("scipy.fft")
interpolate = pytest.importorskip("scipy.interpolate")
sparse = pytest.importorskip("scipy.linalg")


def test_coefficients_are_those_of_scipy():
    space = js.Fourier(js.Grid(js.Box((0.0, 1.0), (0.0, 1.0)), (9, 8)))
    values = np.random.default_rng(0).normal(size=(2, 9, 8))
    np.testing.assert_allclose(space.field(values).data, scipy_fft.rfftn(values, axes=(1, 2)), atol=1e-13)
    np.testing.assert_allclose(space.field(values + 1j).data, scipy_fft.fftn(values + 1j, axes=(1, 2)), atol=1e-13)


def test_spectral_derivatives_are_those_of_scipy():
    from scipy.fftpack import diff

    values = np.random.default_rng(1).normal(size=15)
    u = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (15,))).field(values)
    for order in (1, 2, 3):
        np.testing.assert_allclose(js.derivative(u, 0, order).values, diff(values, order), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("order", [2, 4, 6])
def test_evaluation_is_the_interpolating_polynomial_of_scipy(order):
    space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (20,)), order=order)
    values = np.random.default_rng(2).normal(size=20)
    x = 0.512
    near = np.arange(10 - order // 2, 12 + order // 2)
    wanted = interpolate.BarycentricInterpolator(near / 20, values[near])(x)
    np.testing.assert_allclose(space.field(values)(jnp.array([x])), wanted, rtol=1e-12)


def test_poisson_is_the_dense_solve_of_scipy():
    space = js.FiniteDifference(
        js.Grid(js.Box((0.0, 1.0), (0.0, 2.0)), (10, 11)), {"x": js.Dirichlet(), "y": js.Robin(1.0, 0.5)}, 4
    )
    columns = js.laplacian(js.fields.Field(jnp.eye(110).reshape(110, 10, 11), space, "node")).values
    f = np.random.default_rng(3).normal(size=(10, 11))
    wanted = sparse.solve(np.asarray(columns).reshape(110, 110).T, f.ravel()).reshape(10, 11)
    np.testing.assert_allclose(js.solve_poisson(space.field(f)).values, wanted, rtol=1e-9, atol=1e-11)
