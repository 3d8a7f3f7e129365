"""Trained networks in files, and as fields of other storages from which simulations start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.geometry import Ball
from jaxsci.networks import MLP, RandomFeatures

KEY = jax.random.key(0)
UNIT = js.Box((0.0, 1.0))
HEAT = js.equations.Heat(0.25)


def start(x):
    return jnp.sin(jnp.pi * x[0])


def network(seed=0, width=8, activation=jnp.tanh, **options):
    return MLP(2, "scalar", width, 1, activation, key=jax.random.key(seed), **options)


CONDITIONS = {"initial": start, "boundary": js.Dirichlet(0.0), "t1": 1.0}


@pytest.fixture(scope="module")
def trained():
    step = learning.LevenbergMarquardt(max_steps=20)
    return learning.solve_pinn(HEAT, UNIT, network(), points=100, compare=0, optimiser=step, key=KEY, **CONDITIONS)


@pytest.fixture(scope="module")
def file(trained, tmp_path_factory):
    return trained.save(tmp_path_factory.mktemp("saved") / "heat.npz")


def test_what_is_loaded_gives_the_same_numbers_bit_for_bit(trained, file):
    again = learning.load_pinn(file, HEAT, UNIT, network(seed=7), **CONDITIONS)
    x = jnp.linspace(0.0, 1.0, 33)[:, None]
    for t in (0.0, 0.4, 1.0):
        assert jnp.array_equal(again.at(t)(x), trained.at(t)(x))
    assert repr(again) == repr(trained) and again.ok and again.report.num_weights == 33
    assert np.array_equal(again.report.losses, trained.report.losses)
    assert [path.name for path in file.parent.iterdir()] == ["heat.npz"]


@pytest.mark.slow
def test_random_features_and_regions(tmp_path):
    law, disk = js.equations.Poisson(lambda x: 4.0 + 0.0 * x[0]), Ball((0.0, 0.0), 1.0)

    def features(seed):
        return RandomFeatures(2, "scalar", 40, key=jax.random.key(seed))

    walls = js.Dirichlet(0.0)
    solution = learning.solve_pinn(law, disk, features(0), boundary=walls, points=200, compare=0, key=KEY)
    again = learning.load_pinn(solution.save(tmp_path / "disk"), law, disk, features(1), boundary=walls)
    x = jnp.array([[0.3, 0.1], [-0.2, 0.8]])
    assert jnp.array_equal(again.field(x), solution.field(x)) and jnp.max(jnp.abs(again.field(x))) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"network": network(width=9)}, "holds the network MLP.*8.*but got MLP.*9"),
        ({"network": network(activation=jnp.sin)}, "holds the network.*tanh.*but got.*sin"),
        ({"boundary": js.Neumann(0.0)}, "other conditions"),
        ({"domain": js.Box((0.0, 2.0)), "initial": lambda x: jnp.sin(jnp.pi * x[0] / 2)}, "another law"),
        ({"initial": lambda x: x[0] * (1 - x[0])}, "other functions.*initial"),
    ],
)
def test_another_network_or_other_conditions(file, changes, match):
    given = {**CONDITIONS, "domain": UNIT, "network": network(), **changes}
    with pytest.raises(ValueError, match=match):
        learning.load_pinn(file, HEAT, given.pop("domain"), given.pop("network"), **given)


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        learning.load_pinn(tmp_path / "nothing.npz", HEAT, UNIT, network(), **CONDITIONS)
    (tmp_path / "text").write_text("hello")
    np.savez(tmp_path / "numbers.npz", a=np.ones(3))
    np.save(tmp_path / "array.npy", np.ones(3))
    for name in ("text", "numbers.npz", "array.npy"):
        with pytest.raises(ValueError, match="no trained network"):
            learning.load_pinn(tmp_path / name, HEAT, UNIT, network(), **CONDITIONS)


def test_it_is_projected_on_every_storage_and_a_simulation_starts_from_it(trained):
    u = trained.at(0.5)
    grid = js.Grid(UNIT, (64,))
    nodal = js.FiniteDifference(grid, boundary=js.Dirichlet(0.0), order=4).project(u)
    np.testing.assert_allclose(nodal.values, u(nodal.space.points), atol=1e-13)
    waves = js.Fourier(grid).project(u)
    np.testing.assert_allclose(waves.values, u(waves.space.points), atol=1e-13)
    assert jnp.allclose(js.Neural(UNIT).project(u)(jnp.array([0.3])), u(jnp.array([0.3])))
    final = js.simulate(HEAT, nodal, t1=0.5).final
    factor = float(jnp.exp(-0.25 * jnp.pi**2 * 0.5))
    np.testing.assert_allclose(final.values, factor * nodal.values, atol=2e-2)
