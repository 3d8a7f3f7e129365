"""Identities of vector calculus, projections, integration by parts, and what the measures add up to."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js

SQUARE = js.Grid(js.Box((0.0, 2 * np.pi), (0.0, 3.0)), (16, 15))
CUBE = js.Grid(js.Box((0.0, 2 * np.pi), (0.0, 3.0), (-1.0, 1.0)), (14, 15, 16))
PERIODIC = {
    "fourier": lambda grid: js.Fourier(grid),
    "order 2": lambda grid: js.FiniteDifference(grid, order=2),
    "order 6": lambda grid: js.FiniteDifference(grid, order=6),
}


def noise(space, *components, seed=0, complex_valued=False):
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(*components, *space.grid.shape))
    return space.field(values + 1j * draw.normal(size=values.shape) if complex_valued else values)


@pytest.fixture(params=["fourier", "order 2", pytest.param("order 6", marks=pytest.mark.slow)])
def storage(request):
    return PERIODIC[request.param]


def test_vector_calculus(storage):
    space = storage(CUBE)
    psi, v, w = noise(space), noise(space, 3), noise(space, 3, seed=9)

    @eqx.filter_jit
    def run(psi, v, w):
        return {
            "curl of a gradient": js.curl(js.gradient(psi)).values,
            "divergence of a curl": js.divergence(js.curl(v)).values,
            "integral of a divergence": js.integral(js.divergence(v)),
            "by parts": js.inner(js.gradient(psi), v) + js.inner(psi, js.divergence(v)),
            "curl is symmetric": js.inner(js.curl(v), w) - js.inner(v, js.curl(w)),
        }

    scale = float(jnp.abs(js.gradient(js.gradient(psi)).values).max()) * 1e-12
    for name, value in run(psi, v, w).items():
        assert np.abs(value).max() < scale * (CUBE.box.volume if value.ndim == 0 else 1), name


def test_projection(storage):
    for grid in (SQUARE, CUBE):
        space = storage(grid)
        v, w = noise(space, grid.dim, seed=1), noise(space, grid.dim, seed=2)

        @eqx.filter_jit
        def run(v, w):
            p, q = js.divergence_free(v), js.divergence_free(w)
            return (
                js.divergence(p).values,
                (js.divergence_free(p) - p).values,
                js.inner(p, w),
                js.inner(v, q),
                (v - p).values,
            )

        divergence, again, left, right, gradient = run(v, w)
        assert np.abs(divergence).max() < 1e-11
        assert np.abs(again).max() < 1e-13
        np.testing.assert_allclose(left, right, rtol=1e-12)
        assert np.abs(gradient).max() > 0.1
    flow = js.curl(noise(storage(SQUARE), seed=3))
    np.testing.assert_allclose(js.divergence_free(flow).values, flow.values, atol=1e-12)


def test_self_adjointness(storage):
    space = storage(SQUARE)
    u, w = noise(space, seed=4), noise(space, seed=5)
    k = space.field(lambda x: 2 + jnp.sin(x[0]))

    @eqx.filter_jit
    def run(u, w):
        operators = {"laplacian": js.laplacian, "biharmonic": js.biharmonic, "poisson": js.solve_poisson}
        if not isinstance(space, js.Fourier):
            operators["diffusion"] = lambda u: js.diffusion(u, k)
        return {name: (js.inner(L(u), w), js.inner(u, L(w)), js.inner(L(u), u)) for name, L in operators.items()}

    for name, (left, right, energy) in run(u, w).items():
        np.testing.assert_allclose(left, right, rtol=1e-11, err_msg=name)
        assert energy > 0 if name == "biharmonic" else energy < 0


def test_poisson_undoes_the_laplacian(storage):
    space = storage(SQUARE)
    u = noise(space, 2, seed=6)
    centred = u - js.mean(u)
    np.testing.assert_allclose(js.solve_poisson(js.laplacian(u)).values, centred.values, atol=1e-11)
    np.testing.assert_allclose(js.laplacian(js.solve_poisson(u)).values, centred.values, atol=1e-11)


@pytest.mark.parametrize("complex_valued", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("shape", [(16, 15), (15, 16)], ids=str)
def test_measures_of_waves(shape, complex_valued):
    space = js.Fourier(js.Grid(SQUARE.box, shape))
    u = noise(space, 2, seed=7, complex_valued=complex_valued)
    k, energy = js.energy_spectrum(u)
    square = np.mean(np.sum(np.abs(u.values) ** 2, axis=0))
    np.testing.assert_allclose(np.sum(energy), square / 2, rtol=1e-13)
    np.testing.assert_allclose(js.inner(u, u), square * SQUARE.box.volume, rtol=1e-13)
    np.testing.assert_allclose(js.norm(u), np.sqrt(square * SQUARE.box.volume), rtol=1e-13)
    np.testing.assert_allclose(js.mean(u), np.mean(u.values, axis=(1, 2)), atol=1e-14)
    np.testing.assert_allclose(js.integral(u), js.mean(u) * SQUARE.box.volume, rtol=1e-13)
    np.testing.assert_allclose(js.norm(u, jnp.inf), np.abs(u.values).max(), rtol=1e-13)
    np.testing.assert_allclose(k[1], 1.0)


def test_sums_over_many_nodes_keep_the_digits_of_float32():
    """One sum over 96^3 float32 numbers, which the compiler writes number by number, is wrong by 4e-5."""
    for storage in PERIODIC.values():
        space = storage(js.Grid(js.Box(*((0.0, 1.0),) * 3), (96,) * 3))
        third = space.field(np.full(space.grid.shape, 1 / 3, np.float32))
        for measured in (jax.jit(js.integral)(third), jax.jit(js.norm)(third), jax.jit(js.mean)(third)):
            np.testing.assert_allclose(measured, 1 / 3, rtol=1e-6)


def test_the_spectrum_finds_a_wave():
    k, energy = js.energy_spectrum(js.Fourier(SQUARE).field(lambda x: 3 * jnp.cos(4 * x[0])))
    np.testing.assert_allclose(energy, np.where(np.asarray(k) == 4.0, 9 / 4, 0.0), atol=1e-14)


def test_inner_products_of_complex_and_real_fields(storage):
    space = storage(SQUARE)
    z, u = noise(space, complex_valued=True), noise(space, seed=8)
    wanted = np.mean(np.conj(z.values) * np.asarray(u.values)) * SQUARE.box.volume
    np.testing.assert_allclose(js.inner(z, u), wanted, rtol=1e-12)
    np.testing.assert_allclose(js.inner(u, z), np.conj(wanted), rtol=1e-12)
    np.testing.assert_allclose(js.norm(u, 1), np.mean(np.abs(u.values)) * SQUARE.box.volume, rtol=1e-12)


def test_gradients_of_vectors_and_flows(storage):
    space = storage(SQUARE)
    v, psi = noise(space, 2), noise(space)
    np.testing.assert_allclose(js.gradient(v).values[0, 1], js.derivative(v[0], 1).values, atol=1e-12)
    np.testing.assert_allclose(js.curl(psi).values[0], js.derivative(psi, 1).values, atol=1e-12)
    np.testing.assert_allclose(js.curl(js.curl(psi)).values, -js.divergence(js.gradient(psi)).values, atol=1e-10)
    carried = js.advection(v, psi)
    wanted = v[0] * js.derivative(psi, 0) + v[1] * js.derivative(psi, 1)
    np.testing.assert_allclose(carried.values, wanted.values, atol=1e-12)
    np.testing.assert_allclose(js.advection(v, v)[1].values, js.advection(v, v[1]).values, atol=1e-12)


def test_projection_of_complex_fields_and_derivatives_under_vmap(storage):
    space = storage(SQUARE)
    z = noise(space, 2, complex_valued=True)
    assert np.abs(js.divergence(js.divergence_free(z)).values).max() < 1e-11
    stacked = jnp.stack([noise(space, seed=i).values for i in range(3)])
    mapped = jax.vmap(lambda values: js.laplacian(space.field(values)).values)(stacked)
    np.testing.assert_allclose(mapped[2], js.laplacian(space.field(stacked[2])).values, atol=1e-11)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    "walls", ["fourier", "ring", js.Dirichlet(), js.Neumann(), js.Robin(0.0), js.Robin(1e-5)], ids=str
)
def test_poisson_on_slender_boxes(walls, axis):
    """A long axis has smaller eigenvalues than a short one, and none but that of the constant is zero."""
    length = (1e9, 1.0) if axis == 0 else (1.0, 1e9)
    grid = js.Grid(js.Box(*((0.0, side) for side in length)), (24, 24))
    laws = {"xy"[axis]: walls, "xy"[1 - axis]: js.Neumann()}
    space = js.Fourier(grid) if walls == "fourier" else js.FiniteDifference(grid, None if walls == "ring" else laws)
    k = (1 if isinstance(walls, js.Dirichlet) else 2) * np.pi / 1e9
    wave = space.field(lambda x: (jnp.sin if isinstance(walls, js.Dirichlet) else jnp.cos)(k * x[axis]))
    found = js.solve_poisson(space.field(-(k**2) * wave.values))
    np.testing.assert_allclose((found - js.mean(found)).values, (wave - js.mean(wave)).values, atol=3e-2)


def between(weight, value=0.2, order=4, dtype=float):
    grid = js.Grid(js.Box((0.0, 1.0), (0.0, 2.0)), (16, 18))
    walls = {
        "x-": js.Robin(weight, 0.7, value),
        "x+": js.Dirichlet(0.1),
        "y-": js.Robin(2.0, weight, value),
        "y+": js.Neumann(0.3),
    }
    return js.FiniteDifference(grid, walls, order).field(lambda x: jnp.sin(3 * x[0]) * jnp.exp(x[1]), dtype)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_poisson_between_walls_whose_weights_are_traced(dtype):
    tolerance = 500 * jnp.finfo(dtype).eps

    def size(weight, value):
        return js.norm(js.solve_poisson(between(weight, value, dtype=dtype)))

    weights, value = jnp.array([1.5, 2.5], dtype), jnp.asarray(0.2, dtype)
    wanted = [size(float(weight), 0.2) for weight in weights]
    u = between(1.5, dtype=dtype)
    solved = jax.jit(js.solve_poisson)(u)
    assert solved.values.dtype == dtype
    np.testing.assert_allclose(solved.values, js.solve_poisson(u).values, atol=tolerance)
    np.testing.assert_allclose(jax.jit(lambda: size(1.5, 0.2))(), wanted[0], rtol=tolerance)
    np.testing.assert_allclose(jax.jit(jax.vmap(size, (0, None)))(weights, value), wanted, rtol=tolerance)
    by_value = jax.jit(jax.vmap(lambda v: size(1.5, v)))(jnp.array([0.2, 0.4], dtype))
    np.testing.assert_allclose(by_value[0], wanted[0], rtol=tolerance)
    if dtype == jnp.float64:
        slopes = jax.jit(jax.grad(size, (0, 1)))(weights[0], value)
        for i, slope in enumerate(slopes):
            ahead, behind = (size(1.5 + s * (i == 0), 0.2 + s * (i == 1)) for s in (1e-5, -1e-5))
            np.testing.assert_allclose(slope, (ahead - behind) / 2e-5, rtol=1e-7)
        np.testing.assert_allclose(jax.jvp(lambda w: size(w, value), (1.5,), (1.0,))[1], slopes[0], rtol=1e-10)


def test_walls_that_turn_out_to_leave_the_constant_free():
    f = between(1.0)
    by_weight = jax.jit(lambda weight: js.solve_poisson(f, js.Robin(weight, 1.0, 0.0)).values)
    np.testing.assert_allclose(by_weight(0.0), js.solve_poisson(f, js.Neumann()).values, atol=1e-11)
    np.testing.assert_allclose(by_weight(2.0), js.solve_poisson(f, js.Robin(2.0)).values, atol=1e-11)


def test_poisson_with_a_law_per_component():
    f = between(1.0)
    both = js.solve_poisson(js.operators.stack(f, 2 * f), js.Robin(np.array([1.0, 3.0]), 0.5, np.array([0.1, 0.2])))
    for i, law in enumerate((js.Robin(1.0, 0.5, 0.1), js.Robin(3.0, 0.5, 0.2))):
        np.testing.assert_allclose(both.values[i], js.solve_poisson((1 + i) * f, law).values, atol=1e-12)


@pytest.mark.parametrize("order", [1, 1.5, 2, 3, jnp.inf])
def test_the_norm_is_flat_at_zero(storage, order):
    space = storage(SQUARE)
    slope = jax.grad(lambda a: js.norm(space.field(a), order))(jnp.zeros(SQUARE.shape))
    np.testing.assert_array_equal(slope, 0.0)
    assert np.isnan(js.norm(space.field(np.full(SQUARE.shape, np.nan)), order))
