"""Observed order on refined grids: operators in two dimensions, with walls of every kind and on periodic axes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js

A, B = 3.0, 2.5
BOX = js.Box((0.1, 1.1), (-0.2, 0.9))
CIRCLE = js.Box((0.0, 2 * np.pi), (0.0, np.pi))
NODES = {2: (32, 64), 4: (32, 64), 6: (32, 64)}


def wave(i, j, x):
    """`d^i/dx^i d^j/dy^j` of `sin(A x + 0.4) cos(B y - 0.2)`."""
    return A**i * B**j * jnp.sin(A * x[0] + 0.4 + i * jnp.pi / 2) * jnp.cos(B * x[1] - 0.2 + j * jnp.pi / 2)


WALLS = {
    "x-": js.Dirichlet(lambda x: wave(0, 0, x)),
    "x+": js.Robin(2.0, 0.5, lambda x: 2.0 * wave(0, 0, x) + 0.5 * wave(1, 0, x)),
    "y-": js.Neumann(lambda x: -wave(0, 1, x)),
    "y+": js.Dirichlet(lambda x: wave(0, 0, x)),
}


def conductivity(x):
    return 1.5 + 0.5 * jnp.sin(x[0] + x[1])


def sup(field, function):
    values = jax.vmap(lambda x: jnp.asarray(function(x)), out_axes=-1)(field.space.points.reshape(-1, field.space.dim))
    return jnp.max(jnp.abs(field.values.reshape(values.shape) - values))


@eqx.filter_jit
def errors_between_walls(space):
    u = space.field(lambda x: wave(0, 0, x))
    k = space.field(conductivity)
    slope = 0.5 * jnp.cos(0.0)

    def k_slope(x):
        return slope * jnp.cos(x[0] + x[1])

    def lap(x):
        return wave(2, 0, x) + wave(0, 2, x)

    K = jnp.array([[1.0, 0.3], [0.1, 2.0]])
    v = space.derived.field(lambda x: jnp.stack([wave(1, 0, x), wave(0, 1, x)]))
    tensor = space.field(lambda x: conductivity(x) * K)

    def flux_divergence(x):
        g, H = [wave(1, 0, x), wave(0, 1, x)], [[wave(2, 0, x), wave(1, 1, x)], [wave(1, 1, x), wave(0, 2, x)]]
        return sum(K[i, j] * (conductivity(x) * H[i][j] + k_slope(x) * g[j]) for i in range(2) for j in range(2))

    points = jnp.stack(jnp.meshgrid(jnp.linspace(0.1, 1.1, 9), jnp.linspace(-0.2, 0.9, 7), indexing="ij"), -1)
    return {
        "gradient": sup(js.gradient(u), lambda x: jnp.stack([wave(1, 0, x), wave(0, 1, x)])),
        "divergence": sup(js.divergence(v), lap),
        "curl": sup(js.curl(v), lambda x: 0.0 * x[0]),
        "laplacian": sup(js.laplacian(u), lap),
        "advection": sup(js.advection(v, u), lambda x: wave(1, 0, x) ** 2 + wave(0, 1, x) ** 2),
        "diffusion by a field": sup(
            js.diffusion(u, k), lambda x: conductivity(x) * lap(x) + k_slope(x) * (wave(1, 0, x) + wave(0, 1, x))
        ),
        "diffusion by a matrix": sup(
            js.diffusion(u, K), lambda x: wave(2, 0, x) + 0.4 * wave(1, 1, x) + 2 * wave(0, 2, x)
        ),
        "diffusion by a matrix field": sup(js.diffusion(u, tensor), flux_divergence),
        "evaluation": jnp.max(jnp.abs(u(points) - jax.vmap(jax.vmap(lambda x: wave(0, 0, x)))(points))),
        "integral": jnp.abs(js.integral(u) - integral_of_wave()),
        "inner": jnp.abs(js.inner(u, u) - integral_of_square()),
        "norm": jnp.abs(js.norm(u) - jnp.sqrt(integral_of_square())),
    }


def integral_of_wave():
    (a, b), (c, d) = BOX.intervals
    return (np.cos(A * a + 0.4) - np.cos(A * b + 0.4)) / A * (np.sin(B * d - 0.2) - np.sin(B * c - 0.2)) / B


def integral_of_square():
    (a, b), (c, d) = BOX.intervals
    across = (b - a) / 2 - (np.sin(2 * A * b + 0.8) - np.sin(2 * A * a + 0.8)) / (4 * A)
    return across * ((d - c) / 2 + (np.sin(2 * B * d - 0.4) - np.sin(2 * B * c - 0.4)) / (4 * B))


@pytest.mark.slow
@pytest.mark.parametrize("order", [2, *(pytest.param(order, marks=pytest.mark.slow) for order in (4, 6))])
def test_between_walls(order):
    coarse, fine = (
        errors_between_walls(js.FiniteDifference(js.Grid(BOX, (n, n - 4)), WALLS, order)) for n in NODES[order]
    )
    spaces = (js.FiniteDifference(js.Grid(BOX, (n, n - 4)), WALLS, order) for n in NODES[order])
    coarse["poisson"], fine["poisson"] = (
        sup(js.solve_poisson(space.field(lambda x: wave(2, 0, x) + wave(0, 2, x))), lambda x: wave(0, 0, x))
        for space in spaces
    )
    for name in coarse:
        if coarse[name] > 1e-12:
            assert np.log2(coarse[name] / fine[name]) > order - 0.35, (name, coarse[name], fine[name])


@eqx.filter_jit
def errors_on_a_circle(space):
    def f(i, j, x):
        return 2.0**j * jnp.sin(x[0] + 0.3 + i * jnp.pi / 2) * jnp.cos(2 * x[1] + j * jnp.pi / 2)

    u = space.field(lambda x: f(0, 0, x))
    v = space.field(lambda x: jnp.stack([f(1, 0, x), f(0, 1, x)]))
    k = space.field(lambda x: 2 + jnp.cos(2 * x[1]))
    points = jnp.array([[0.1, 0.2], [6.2, 3.1], [-1.0, 7.0]])
    return {
        **{f"derivative {m}": sup(js.derivative(u, 0, m), lambda x, m=m: f(m, 0, x)) for m in (1, 2, 3, 4)},
        "gradient": sup(js.gradient(u), lambda x: jnp.stack([f(1, 0, x), f(0, 1, x)])),
        "divergence": sup(js.divergence(v), lambda x: f(2, 0, x) + f(0, 2, x)),
        "laplacian": sup(js.laplacian(u), lambda x: -5 * f(0, 0, x)),
        "biharmonic": sup(js.biharmonic(u), lambda x: 25 * f(0, 0, x)),
        "advection": sup(js.advection(v, u), lambda x: f(1, 0, x) ** 2 + f(0, 1, x) ** 2),
        "diffusion": sup(
            js.diffusion(u, k), lambda x: -5 * (2 + jnp.cos(2 * x[1])) * f(0, 0, x) - 2 * jnp.sin(2 * x[1]) * f(0, 1, x)
        ),
        "evaluation": jnp.max(jnp.abs(u(points) - jax.vmap(lambda x: f(0, 0, x))(points))),
        "poisson": sup(js.solve_poisson(u), lambda x: -f(0, 0, x) / 5),
    }


@pytest.mark.parametrize("order", [2, *(pytest.param(order, marks=pytest.mark.slow) for order in (4, 6))])
def test_on_periodic_axes(order):
    coarse, fine = (
        errors_on_a_circle(js.FiniteDifference(js.Grid(CIRCLE, (n, n + 2)), order=order)) for n in NODES[order]
    )
    for name in coarse:
        assert np.log2(coarse[name] / fine[name]) > order - 0.35, (name, coarse[name], fine[name])
        assert name == "evaluation" or np.log2(coarse[name] / fine[name]) < order + 0.5, name
