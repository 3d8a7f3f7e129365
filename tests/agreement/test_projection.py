"""One function in every storage: projection between all pairs, and the same derivatives everywhere."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js

BOX = js.Box((0.0, 2 * np.pi), (0.0, 1.0))


def f(x):
    return jnp.exp(jnp.sin(x[0])) * (1.3 + jnp.cos(2 * jnp.pi * x[1]))


def v(x):
    return jnp.stack([f(x), jnp.sin(x[0] + 2 * jnp.pi * x[1])])


def z(x):
    return jax.lax.complex(f(x), jnp.sin(x[0]))


SPACES = {
    "nodal": js.FiniteDifference(js.Grid(BOX, (48, 44)), order=6),
    "walls": js.FiniteDifference(js.Grid(BOX, (40, 48)), {"x": js.Periodic(), "y": js.Neumann()}, order=6),
    "fourier": js.Fourier(js.Grid(BOX, (28, 24)), None),
    "neural": js.Neural(js.Grid(BOX, (10, 12))),
}


@eqx.filter_jit
def moved(u, target):
    return target.project(u).values


@pytest.mark.parametrize(("source", "target"), list(itertools.permutations(SPACES, 2)))
def test_projection(source, target):
    for function in (f, v, z) if "walls" not in (source, target) else (f,):
        got = moved(SPACES[source].field(function), SPACES[target])
        wanted = SPACES["neural"].field(function)
        points = SPACES[target].points.reshape(-1, 2)
        exact = jnp.moveaxis(wanted(points), 0, -1).reshape(got.shape)
        assert got.dtype == exact.dtype
        np.testing.assert_allclose(got, exact, atol=3e-5)


def test_projection_keeps_precision_and_the_law_of_the_target():
    single = SPACES["fourier"].field(f, dtype=jnp.float32)
    for target in SPACES.values():
        assert target.project(single).values.dtype == jnp.float32
    projected = SPACES["walls"].project(single)
    assert isinstance(projected.space.sides[1][0], js.Neumann)


BRICK = js.Box((0.0, 2 * np.pi), (0.0, 1.0), (-1.0, 1.0))
LAWS = {"x": js.Periodic(), "y": js.Dirichlet(lambda x: jnp.sin(x[0])), "z": js.Robin(1.0, 0.5, 0.2)}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("source", ["fourier", "walls"])
def test_projection_to_a_grid_is_evaluation_at_its_nodes(source, dtype):
    grid, finer = js.Grid(BRICK, (12, 13, 14)), js.Grid(BRICK, (9, 20, 16))
    space = js.Fourier(grid) if source == "fourier" else js.FiniteDifference(grid, LAWS, order=4)
    u = space.field(np.random.default_rng(0).normal(size=grid.shape)).astype(dtype)
    wider = js.Grid(js.Box((-1.0, 9.0), (-0.1, 1.0), (-1.0, 1.0)), (12, 12, 12))
    for target in (js.Fourier(finer, None), js.FiniteDifference(finer, js.Neumann()), js.FiniteDifference(wider)):
        got, wanted = target.project(u).values, u(target.points)
        assert got.dtype == dtype and np.isnan(got).any() == (source == "walls" and target.grid == wider)
        np.testing.assert_allclose(got, wanted, atol=300 * jnp.finfo(dtype).eps)


def test_projection_in_space_goes_axis_by_axis():
    space = js.Fourier(js.Grid(BRICK, (32, 32, 32)))
    target = js.FiniteDifference(space.grid, js.Neumann())
    data = jax.ShapeDtypeStruct((32, 32, 17), complex)
    memory = jax.jit(lambda a: target.project(js.fields.Field(a, space, "coef")).values).lower(data).compile()
    assert memory.memory_analysis().temp_size_in_bytes < 20 * 8 * 32**3


def laws(u, w):
    return {
        "laplacian": js.laplacian(u),
        "diffusion": js.diffusion(u, 2 + u * u / 10),
        "advection": js.advection(w, u),
        "divergence": js.divergence(u * w),
        "curl": js.curl(w),
        "biharmonic": js.biharmonic(u) / 100,
    }


@pytest.mark.slow
def test_one_law_in_every_storage_and_its_gradient():
    points = jnp.array([[0.7, 0.31], [3.0, 0.5], [5.5, 0.77]])

    @eqx.filter_jit
    def run(space, c):
        def at(c):
            results = laws(space.field(lambda x: f(x) * (1 + c * jnp.sin(x[0]) / 5)), space.field(v))
            return jnp.stack([field(points) for field in results.values()])

        return jax.jvp(at, (c,), (jnp.ones(()),))

    exact, exact_slope = run(SPACES["neural"], jnp.asarray(0.5))
    scale = np.abs(exact).max(axis=1, keepdims=True)
    for name, tolerance in (("nodal", 2e-3), ("fourier", 2e-3)):
        value, slope = run(
            js.Fourier(js.Grid(BOX, (40, 24)), None) if name == "fourier" else SPACES[name], jnp.asarray(0.5)
        )
        np.testing.assert_allclose(value / scale, exact / scale, atol=tolerance, err_msg=name)
        np.testing.assert_allclose(slope / scale, exact_slope / scale, atol=tolerance, err_msg=name)
