"""Every storage under jit, vmap, jvp and vjp; gradients of everything; no recompilation; programs that do not grow
with the grid.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js

BOX = js.Box((0.0, 1.0), (0.0, 2.0))


def walls(value=0.3, weight=2.0, flux=0.5, grid=None, order=4):
    laws = {
        "x-": js.Dirichlet(value),
        "x+": js.Robin(weight, flux, 0.2),
        "y-": js.Neumann(value),
        "y+": js.Dirichlet(0.1),
    }
    return js.FiniteDifference(grid or js.Grid(BOX, (12, 14)), laws, order)


SPACES = {
    "walls": walls(),
    "ring": js.FiniteDifference(js.Grid(BOX, (12, 14)), order=4),
    "fourier": js.Fourier(js.Grid(BOX, (12, 14))),
}
POINTS = jnp.array([[0.05, 0.1], [0.52, 1.32], [0.99, 1.97]])


def everything(u, points):
    """A number that depends on every kind of operator."""
    k = u.map(lambda a: 1.5 + a * a)
    v = js.gradient(u)
    parts = [
        js.norm(js.laplacian(u)) / 100,
        js.norm(js.biharmonic(u)) / 1e5,
        js.inner(js.diffusion(u, k), u) / 10,
        js.integral(js.advection(v, u)) / 10,
        js.norm(js.curl(v * k)),
        js.mean(js.divergence(v * k)) / 10,
        js.norm(js.solve_poisson(u, *_boundary(u))),
        jnp.sum(u(points) ** 2),
        jnp.sum(js.derivative(u, 1, 3)(points)) / 1e3,
    ]
    return jnp.sum(jnp.stack(parts))


def _boundary(u):
    return (js.Dirichlet(0.2),) if isinstance(u.space, js.FiniteDifference) and not u.space.is_periodic(0) else ()


def values_of(space, seed=0, dtype=float):
    x, y = np.moveaxis(np.asarray(space.points), -1, 0)
    a, b, c = np.random.default_rng(seed).uniform(0.5, 1.5, 3)
    return jnp.asarray(a + b * np.sin(2 * np.pi * x + c) * np.cos(np.pi * y), dtype)


@eqx.filter_jit
def measured(space, values, points):
    return everything(space.field(values), points)


@eqx.filter_jit
def derivatives(space, values, points, directions):
    def f(values, points):
        return everything(space.field(values), points)

    primals = (values, points)
    forward = jax.jvp(f, primals, directions)[1]
    back = jax.grad(f, (0, 1))(*primals)
    return forward, sum(jnp.vdot(g, d) for g, d in zip(back, directions, strict=True))


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "walls" else n for n in SPACES])
def test_gradients_with_respect_to_values_and_points(name):
    space, draw = SPACES[name], np.random.default_rng(3)
    values = values_of(space)
    directions = jnp.asarray(draw.normal(size=values.shape)), jnp.asarray(draw.normal(size=POINTS.shape))
    forward, reverse = derivatives(space, values, POINTS, directions)
    np.testing.assert_allclose(forward, reverse, rtol=1e-12)
    h = 1e-5
    behind, back, ahead, far = (
        measured(space, values + s * h * directions[0], POINTS + s * h * directions[1]) for s in (-2, -1, 1, 2)
    )
    np.testing.assert_allclose(forward, (8 * (ahead - back) - (far - behind)) / (12 * h), rtol=1e-7)


@pytest.mark.parametrize("name", SPACES)
def test_vmap_is_a_loop_and_jit_changes_nothing(name):
    space = SPACES[name]
    stack = jnp.stack([values_of(space, seed) for seed in range(3)])
    mapped = eqx.filter_jit(
        lambda space, stack: jax.vmap(lambda values: everything(space.field(values), POINTS))(stack)
    )(space, stack)
    np.testing.assert_allclose(mapped, jnp.stack([measured(space, values, POINTS) for values in stack]), rtol=1e-12)
    u = space.field(stack[0])
    eager = js.advection(js.gradient(u), u)
    jitted = eqx.filter_jit(lambda u: js.advection(js.gradient(u), u))(u)
    assert (jitted.layout, jitted.space) == (eager.layout, eager.space) or eqx.tree_equal(jitted.space, eager.space)
    np.testing.assert_allclose(jitted.values, eager.values, rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize("name", SPACES)
def test_single_precision_stays_single(name):
    space = SPACES[name]
    shapes = eqx.filter_eval_shape(
        lambda v: everything(space.field(v), POINTS.astype(jnp.float32)), values_of(space, dtype=jnp.float32)
    )
    assert shapes.dtype == jnp.float32
    got = measured(space, values_of(space, dtype=jnp.float32), POINTS.astype(jnp.float32))
    np.testing.assert_allclose(got, measured(space, values_of(space), POINTS), rtol=2e-3)


VALUES = values_of(SPACES["walls"])


def law_loss(parameters):
    u = walls(**parameters).field(VALUES)
    poisson = js.solve_poisson(u, boundary=js.Dirichlet(parameters["value"]))
    return js.norm(js.laplacian(u)) + js.norm(poisson) + jnp.sum(u(POINTS)) + js.integral(js.diffusion(u, u))


@pytest.mark.slow
def test_gradients_with_respect_to_wall_laws():
    parameters = {"value": jnp.asarray(0.3), "weight": jnp.asarray(2.0), "flux": jnp.asarray(0.5)}
    loss = jax.jit(law_loss)
    slope = jax.jit(jax.grad(law_loss))(parameters)
    h = 1e-6
    for name, value in parameters.items():
        ahead, behind = (loss(parameters | {name: value + s}) for s in (h, -h))
        np.testing.assert_allclose(slope[name], (ahead - behind) / (2 * h), rtol=1e-6, err_msg=name)
        assert abs(slope[name]) > 1e-6, name
    mapped = jax.vmap(lambda value: law_loss(parameters | {"value": value}))(jnp.array([0.1, 0.3]))
    np.testing.assert_allclose(mapped[1], loss(parameters), rtol=1e-12)


def test_a_wall_function_may_close_over_what_is_differentiated():
    def end(temperature):
        space = walls(lambda x: temperature * x[1])
        return space.field(VALUES)(jnp.array([0.0, 1.0]))

    np.testing.assert_allclose(jax.grad(end)(0.5), 1.0, rtol=1e-10)


def test_changing_a_number_never_recompiles():
    traces = []

    @eqx.filter_jit
    def run(u, c):
        traces.append(1)
        return (c * js.laplacian(u)).values

    values = values_of(SPACES["walls"])
    for value, weight, c in ((0.0, 1.0, 1.0), (1, 2.5, 3.0), (7.5, 3, 0.5)):
        run(walls(value, weight).field(values), jnp.asarray(c))
    assert len(traces) == 1


@pytest.mark.parametrize("name", SPACES)
def test_the_program_does_not_grow_with_the_grid(name):
    def size(shape):
        grid = js.Grid(BOX, shape)
        space = {"walls": walls(grid=grid), "ring": js.FiniteDifference(grid, order=4), "fourier": js.Fourier(grid)}[
            name
        ]
        return len(str(jax.make_jaxpr(lambda v: everything(space.field(v), POINTS))(values_of(space))).splitlines())

    assert size((12, 14)) == size((24, 30))
