"""Fourier fields: products without aliasing, few transforms, constants, evaluation."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import jaxsci as js


def ring(n, dealias=2 / 3):
    return js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (n,)), dealias)


def spectrum(field):
    return np.asarray(field.to("coef").data) / field.space.grid.shape[0]


@settings(max_examples=10, deadline=None)
@given(n=st.sampled_from([15, 16, 18]), seed=st.integers(0, 99))
def test_products_are_the_truncated_convolution(n, seed):
    space = ring(n)
    draw = np.random.default_rng(seed)
    u, v = (space.field(draw.normal(size=n)) for _ in range(2))
    kept = int(np.ceil(n / 3 - 1e-9)) - 1

    def two_sided(field):
        c = spectrum(field)[: kept + 1]
        return np.concatenate([np.conj(c[:0:-1]), c])

    exact = np.convolve(two_sided(u), two_sided(v))[2 * kept : 3 * kept + 1]
    product = spectrum(u * v)
    np.testing.assert_allclose(product[: kept + 1], exact, atol=1e-14)
    np.testing.assert_allclose(product[kept + 1 :], 0.0, atol=1e-15)


def test_cubic_products_need_a_half():
    n = 32
    full = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (4 * n,)), None)

    def f(x):
        return jnp.cos(7 * x[0]) + jnp.sin(5 * x[0])

    exact = spectrum(full.field(f) ** 3)[:8]
    np.testing.assert_allclose(spectrum(ring(n, 1 / 2).field(f) ** 3)[:8], exact, atol=1e-14)
    steep = ring(n, None).field(lambda x: jnp.cos(11 * x[0]))
    assert np.abs(spectrum(steep * steep * steep)[1]) > 0.1


def test_without_dealiasing_products_alias():
    u = ring(16, None).field(lambda x: jnp.cos(6 * x[0]))
    np.testing.assert_allclose(spectrum(u * u)[4], 0.25, atol=1e-15)
    np.testing.assert_allclose((u * u).values, u.values**2, atol=1e-15)


def transforms(function, *args):
    text = jax.jit(function).lower(*args).compile().as_text()
    return len(re.findall(r" fft\(", text))


def test_transforms_are_few():
    space = js.Fourier(js.Grid(js.Box((0.0, 1.0), (0.0, 1.0)), (16, 16)))
    u = space.field(lambda x: jnp.sin(2 * jnp.pi * x[0])).data

    def field(data):
        return js.fields.Field(data, space, "coef")

    counts = {
        "laplacian": lambda a: js.laplacian(field(a)).to("coef").data,
        "linear": lambda a: (2.0 * field(a) + 1.0 - js.derivative(field(a))).to("coef").data,
        "square": lambda a: (field(a) * field(a)).to("coef").data,
        "burgers": lambda a: (js.laplacian(field(a)) - field(a) * js.derivative(field(a))).to("coef").data,
        "sum of products": lambda a: (
            (field(a) * js.derivative(field(a)) + js.derivative(field(a), 1) * js.derivative(field(a), 1))
            .to("coef")
            .data
        ),
    }
    found = {name: transforms(function, u) for name, function in counts.items()}
    assert found == {"laplacian": 0, "linear": 0, "square": 2, "burgers": 3, "sum of products": 4}


@pytest.mark.parametrize("shape", [(8,), (9, 8), (8, 9)], ids=str)
def test_constants_need_no_transform(shape):
    space = js.Fourier(js.Grid(js.Box(*((0.0, 1.0),) * len(shape)), shape))
    v = space.field(lambda x: jnp.stack([x[0], x[0]]))
    for constant in (2.0, np.array([1.0, -1.0]), 1j, np.array([1j, 2.0])):
        wanted = np.asarray(v.values) + np.reshape(constant, np.shape(constant) + (1,) * len(shape))
        np.testing.assert_allclose((v + constant).values, wanted, atol=1e-14)
    assert transforms(lambda a: (js.fields.Field(a, space, "coef") + 2.0).data, v.data) == 0


def test_layouts_of_products():
    u = ring(16).field(lambda x: jnp.cos(x[0]))
    assert (u.layout, js.derivative(u).layout, (u * u).layout, (u * u + 2 * (u * u)).layout) == (
        "coef",
        "coef",
        "grid",
        "grid",
    )
    assert (u * u + u).layout == "coef"
    np.testing.assert_allclose((u * u).to("coef").to("grid").data, np.cos(u.space.axes[0]) ** 2, atol=1e-14)


@pytest.mark.parametrize("complex_valued", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_product_is_one_function(dtype, complex_valued):
    """Values, evaluation, norms, products and the spectrum see the modes that are kept, whatever the layout."""
    eps, space = 40 * jnp.finfo(dtype).eps, js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi), (0.0, 1.0)), (16, 15)))
    noise = np.random.default_rng(0).normal(size=(2, 16, 15))
    u = space.field(noise[0] + 1j * noise[1] if complex_valued else noise[0]).astype(dtype)
    product = u * u
    assert product.layout == "grid" and np.abs(product.data - product.values).max() > 0.1
    stored = product.to("coef")
    np.testing.assert_allclose(product.values, stored.values, atol=eps)
    np.testing.assert_allclose(product(space.points), product.values, atol=10 * eps)
    for measure in (js.norm, js.integral, js.mean, lambda w: js.norm(w, jnp.inf), lambda w: js.inner(u, w)):
        np.testing.assert_allclose(measure(product), measure(stored), rtol=eps, atol=eps)
    _, energy = js.energy_spectrum(product)
    np.testing.assert_allclose(np.sum(energy), js.norm(product) ** 2 / 2 / space.grid.box.volume, rtol=10 * eps)


def test_values_that_were_given_are_the_values():
    values = np.random.default_rng(0).normal(size=16)
    np.testing.assert_allclose(ring(16).field(values).values, values, atol=1e-15)
    u = ring(16, None).field(values)
    assert transforms(lambda a: (u.replace(a) * u.replace(a)).values, u.data) == 1


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_evaluation_anywhere(dtype):
    space = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi), (-1.0, 1.0)), (8, 9)))

    def f(x):
        return jnp.stack([jnp.sin(2 * x[0]) * jnp.cos(jnp.pi * x[1]), 1 + jnp.cos(x[0] + 2 * jnp.pi * x[1])])

    points = jnp.array(np.random.default_rng(0).uniform(-9, 9, (3, 4, 2)), dtype)
    got = eqx.filter_jit(lambda u, p: u(p))(space.field(f, dtype), points)
    assert got.dtype == dtype and got.shape == (3, 4, 2)
    np.testing.assert_allclose(got, jax.vmap(jax.vmap(f))(points), atol=200 * jnp.finfo(dtype).eps)
