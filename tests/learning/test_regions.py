"""Laws on regions that are no boxes: what is built in, what joins the loss, and the points."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import cKDTree

import jaxsci as js
from jaxsci import learning
from jaxsci.geometry import Ball, Block, Polygon
from jaxsci.learning.sampling.inside import inside, on_walls
from jaxsci.networks import MLP, RandomFeatures

KEY = jax.random.key(0)
DISK = Ball((0.0, 0.0), 1.0)
RING = Ball((0.0, 0.0), 1.0, name="rim") - Ball((0.0, 0.0), 0.4, name="hole")
SQUARE = js.Box((-1.0, 1.0), (-1.0, 1.0))
NONE = np.zeros((0, 2))


def features(number, scale=3.0, inputs=2):
    return RandomFeatures(inputs, "scalar", number, jnp.sin, scale=scale, key=KEY)


def poisson(region, u, boundary, network=None, points=1200, **options):
    law = js.equations.Poisson(lambda x: -jnp.trace(jax.hessian(u)(x)))
    options = {"compare": 0, "key": jax.random.key(1), **options}
    network = features(300) if network is None else network
    return learning.solve_pinn(
        law, region, network, boundary=boundary, exact=lambda t, x: u(x), points=points, **options
    )


def on_circle(radius, number=40):
    angle = jnp.linspace(0, 2 * jnp.pi, number)
    return radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)


def square(x):
    return jnp.sum(x**2)


@pytest.mark.slow
def test_a_disk_in_one_solve():
    solution = poisson(DISK, lambda x: (1 - square(x)) * jnp.exp(x[0]) * jnp.cos(3 * x[1]), js.Dirichlet(0.0))
    assert solution.report.optimiser == "LeastSquares" and solution.report.built_in == ["value at ball"]
    assert solution.report.error < 1e-9
    assert jnp.max(jnp.abs(solution.field(on_circle(1.0)))) < 1e-14


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_a_disk_by_training(seed):
    network = MLP(2, "scalar", 20, 1, key=jax.random.key(seed))
    u = lambda x: (1 - square(x)) * jnp.sin(x[0] + x[1] / 2)  # noqa: E731
    solution = poisson(DISK, u, js.Dirichlet(0.0), network, 500)
    assert solution.report.optimiser == "LevenbergMarquardt"
    assert solution.report.error < 1e-6


@pytest.mark.slow
def test_a_ring_with_a_value_on_each_wall():
    u = lambda x: square(x) + (1 - square(x)) * (square(x) - 0.16) * jnp.sin(3 * x[0] + x[1])  # noqa: E731
    walls = {"rim": js.Dirichlet(1.0), "hole": js.Dirichlet(lambda x: 0.16 + 0.0 * x[0])}
    solution = poisson(RING, u, walls)
    assert solution.report.error < 1e-9 and not solution.report.soft
    assert jnp.max(jnp.abs(solution.field(on_circle(1.0)) - 1.0)) < 1e-13
    assert jnp.max(jnp.abs(solution.field(on_circle(0.4)) - 0.16)) < 1e-13


@pytest.mark.slow
def test_a_flux_through_the_wall_of_a_hole():
    u = lambda x: jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1]) * jnp.exp(x[0])  # noqa: E731
    center = jnp.array([0.2, 0.1])
    flux = lambda x: jnp.dot(jax.grad(u)(x), center - x) / 0.5  # noqa: E731
    region = SQUARE - Ball(center, 0.5, name="hole")
    solution = poisson(region, u, {"block": js.Dirichlet(0.0), "hole": js.Neumann(flux)})
    assert list(solution.report.soft) == ["law at hole"] and len(solution.report.built_in) == 4
    assert solution.report.error < 1e-6


CORNER = Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])


@pytest.mark.slow
@pytest.mark.parametrize("region", [SQUARE - js.Box((0.0, 2.0), (-2.0, 0.0)), CORNER], ids=["blocks", "polygon"])
def test_reentrant_corners_are_in_the_loss(region):
    u = lambda x: jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])  # noqa: E731
    solution = poisson(region, u, js.Dirichlet(0.0))
    assert solution.report.soft and solution.report.error < 1e-6


@pytest.mark.slow
def test_heat_in_a_disk_with_its_start_built_in():
    k = 2.404825557695773

    def exact(t, x):
        bessel = sum((-k * k / 4) ** m / math.factorial(m) ** 2 * square(x) ** m for m in range(18))
        return jnp.exp(-0.2 * k * k * t) * bessel

    solution = learning.solve_pinn(
        js.equations.Heat(0.2),
        DISK,
        features(300, 2.0, inputs=3),
        initial=lambda x: exact(0.0, x),
        boundary=js.Dirichlet(0.0),
        t1=1.0,
        exact=exact,
        points=1200,
        key=KEY,
    )
    assert solution.report.built_in == ["start", "value at ball"] and solution.report.error < 1e-6
    assert "not on regions" in solution.report.solver and "not on regions" in repr(solution)
    x = inside(20, DISK, NONE, dtype=float, key=KEY)
    assert jnp.allclose(solution.at(0.0)(x), jax.vmap(lambda y: exact(0.0, y))(x), atol=1e-14)


@pytest.mark.slow
def test_a_start_that_misses_the_wall_and_walls_of_different_values_that_meet():
    walls = {"x": js.Dirichlet(0.0), "y": js.Dirichlet(1.0)}
    solution = poisson(Block(SQUARE), lambda x: x[0], walls, features(20), 100)
    assert set(solution.report.soft) == {"law at x-", "law at x+", "law at y-", "law at y+"}
    solution = learning.solve_pinn(
        js.equations.Heat(1.0), DISK, features(20, inputs=3), initial=lambda x: 1.0 + 0.0 * x[0],
        boundary=js.Dirichlet(0.0), t1=1.0, points=100, compare=0, key=KEY,
    )  # fmt: skip
    assert list(solution.report.soft) == ["start"]


def test_points_fill_the_region_and_its_walls_evenly():
    region = SQUARE - Ball((0.0, 0.0), 0.5, name="hole")
    z = inside(2000, region, np.array([[0.0, 2.0]]), dtype=float, key=KEY)
    assert z.shape == (2000, 3) and jnp.all(region.distance(z[:, 1:]) < 0)
    assert float(jnp.mean(z[:, 0])) == pytest.approx(1.0, abs=0.02)
    pieces = on_walls(400, region, list(region.walls()), NONE, dtype=float, key=KEY)
    lengths = [2.0] * 4 + [np.pi]
    numbers = [len(piece) for piece in pieces]
    np.testing.assert_allclose(np.array(numbers) / 400, np.array(lengths) / sum(lengths), rtol=0.15)
    x = np.concatenate(pieces)
    assert np.max(np.abs(region.distance(jnp.asarray(x)))) < 1e-12
    gaps = cKDTree(x).query(x, 2)[0][:, 1]
    assert gaps.min() > 0.4 * sum(lengths) / 400
    assert jnp.all(jnp.abs(on_walls(50, DISK, [DISK], np.array([[0.0, 2.0]]), dtype=float, key=KEY)[0][:, 0] - 1) <= 1)


@pytest.mark.parametrize(
    ("region", "boundary", "options", "error", "match"),
    [
        (RING, {"rim": js.Dirichlet(0.0)}, {}, ValueError, "no law for the wall 'hole'"),
        (RING, {"rim": js.Dirichlet(0.0), "hull": js.Dirichlet(0.0)}, {}, ValueError, "unknown wall 'hull'.*rim, hole"),
        (RING, js.Periodic(), {}, TypeError, "a region takes Dirichlet"),
        (DISK - Ball((0.0, 0.0), 1.0), js.Dirichlet(0.0), {}, ValueError, "is empty, or nearly so"),
        (DISK, js.Dirichlet(0.0), {"points": (4, 4)}, js.ShapeError, "one number"),
        (DISK, js.Dirichlet(0.0), {"points": np.array([[0.9, 0.9]])}, js.ShapeError, "lie in Ball"),
        (DISK, js.Dirichlet(0.0), {"network": features(4, inputs=3)}, js.ShapeError, "must take 2 numbers"),
        ("disk", None, {}, js.ShapeError, "no Box and no Region"),
    ],
)
def test_errors_say_why(region, boundary, options, error, match):
    with pytest.raises(error, match=match):
        poisson(region, lambda x: x[0], boundary, **options)
