"""Fourier fields differentiate trigonometric polynomials to rounding error, on every box, node count and dimension."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js

LENGTHS = (2 * np.pi, 3.0, 0.5)
LOWS = (0.3, -1.0, 2.0)
SHAPES = ((16,), (15,), (12, 9), (9, 12), (8, 6, 7))


def trigonometric(shape, complex_valued):
    """A random sum of waves below the Nyquist mode, and its derivatives of any order."""
    draw = np.random.default_rng(len(shape) + sum(shape))
    dim, count = len(shape), 6
    m = np.stack([draw.integers(-((n - 1) // 2), (n - 1) // 2 + 1, count) for n in shape], axis=-1)
    k = 2 * np.pi * m / np.array(LENGTHS[:dim])
    a, phase = draw.normal(size=count), draw.uniform(0, 6, count)

    def value(x, orders=(0,) * dim):
        angle = k @ (x - np.array(LOWS[:dim])) + phase
        factor = a * np.prod(k ** np.array(orders), axis=-1)
        turn = angle + sum(orders) * np.pi / 2
        if complex_valued:
            return jax.lax.complex(jnp.sum(factor * jnp.cos(turn)), jnp.sum(factor * jnp.sin(turn)))
        return jnp.sum(factor * jnp.cos(turn))

    return value


def unit(dim, axis, order):
    return tuple(order if i == axis else 0 for i in range(dim))


@pytest.mark.parametrize("complex_valued", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_operators_are_exact_below_the_nyquist_mode(shape, complex_valued):
    dim = len(shape)
    space = js.Fourier(js.Grid(js.Box(*zip(LOWS[:dim], np.add(LOWS, LENGTHS)[:dim], strict=True)), shape))
    f = trigonometric(shape, complex_valued)
    points = jnp.array(np.random.default_rng(1).uniform(-3, 3, (5, dim)))

    @eqx.filter_jit
    def pairs():
        u = space.field(f)

        def nodes(g):
            return space.field(g).values

        def lap(x):
            return sum(f(x, unit(dim, i, 2)) for i in range(dim))

        out = {
            f"d{i} {m}": (js.derivative(u, i, m).values, nodes(lambda x, i=i, m=m: f(x, unit(dim, i, m))))
            for i in range(dim)
            for m in (1, 2, 3)
        }
        out["laplacian"] = js.laplacian(u).values, nodes(lap)
        out["biharmonic"] = js.biharmonic(u).values, js.laplacian(js.laplacian(u)).values
        out["divergence of gradient"] = js.divergence(js.gradient(u)).values, nodes(lap)
        out["poisson"] = js.solve_poisson(js.laplacian(u)).values, (u - js.mean(u)).values
        out["evaluation"] = u(points), jax.vmap(f)(points)
        out["slope"] = (
            js.gradient(u)(points),
            jnp.stack([jax.vmap(lambda x, i=i: f(x, unit(dim, i, 1)))(points) for i in range(dim)], -1),
        )
        return out

    for name, (got, wanted) in pairs().items():
        assert got.dtype == wanted.dtype, name
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max(), err_msg=name)


@pytest.mark.parametrize("shape", [(8,), (8, 6)], ids=str)
def test_the_nyquist_wave_is_a_cosine(shape):
    dim = len(shape)
    space = js.Fourier(js.Grid(js.Box(*((0.0, 2 * np.pi),) * dim), shape))
    for axis, n in enumerate(shape):
        u = space.field(lambda x, axis=axis, n=n: jnp.cos(n // 2 * x[axis]))
        assert np.abs(js.derivative(u, axis).values).max() < 1e-13
        np.testing.assert_allclose(js.derivative(u, axis, 2).values, -((n // 2) ** 2) * u.values, atol=1e-12)
        x = jnp.full((dim,), 0.3)
        np.testing.assert_allclose(u(x), np.cos(n // 2 * 0.3), rtol=1e-13)
        complex_u = space.field(u.values.astype(complex))
        np.testing.assert_allclose(complex_u(x), np.cos(n // 2 * 0.3), rtol=1e-13)


def test_functions_are_differentiated_exactly():
    space = js.Neural(js.Box((0.0, 1.0), (0.0, 1.0)))
    u = space.field(lambda x: jnp.sin(2 * x[0]) * jnp.exp(x[1]))
    v = space.field(lambda x: jnp.stack([x[0] * x[1], x[1] ** 2]))
    x = jnp.array([0.3, 0.7])
    value = jnp.sin(0.6) * jnp.exp(0.7)
    np.testing.assert_allclose(js.laplacian(u)(x), -3 * value, rtol=1e-14)
    np.testing.assert_allclose(js.biharmonic(u)(x), 9 * value, rtol=1e-14)
    np.testing.assert_allclose(js.derivative(u, 0, 3)(x), -8 * np.cos(0.6) * np.exp(0.7), rtol=1e-14)
    np.testing.assert_allclose(js.divergence(v)(x), 0.7 + 1.4, rtol=1e-14)
    np.testing.assert_allclose(js.curl(v)(x), -0.3, rtol=1e-14)
    np.testing.assert_allclose(js.diffusion(u, v[1])(x), 0.49 * -3 * value + 1.4 * value, rtol=1e-14)
    np.testing.assert_allclose(js.gradient(v)(x), [[0.7, 0.3], [0.0, 1.4]], rtol=1e-14)
