"""Sensors: what they tell is the information of the linear law, and placing them pays."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import sensor_placement as entry

SMALL = entry.Case(num_nodes=12, num_modes=6, num_steps=200, num_sensors=2)


@pytest.fixture(scope="module")
def problem():
    space = entry.plate(SMALL.num_nodes)
    prior = js.inference.GaussianRandomField(space.derived, 1.0, 0.3, num_modes=SMALL.num_modes)
    return space, prior, entry.responses(space, prior, SMALL)


def test_responses_are_those_of_the_law(problem):
    space, prior, modes = problem
    z = jax.random.normal(jax.random.key(0), (SMALL.num_modes,))
    law = js.equations.Heat(entry.CONDUCTIVITY, source=prior.field(z))
    direct = js.simulate(law, space.field(lambda x: 0.0 * x[0]), entry.TIMES[-1], dt=0.005, save_at=entry.TIMES)
    points = jnp.array([[0.3, 0.4], [0.8, 0.1]])
    expected = jnp.stack([direct.at(i)(points) for i in range(3)], axis=1)
    np.testing.assert_allclose(entry.readings(space, modes, z, points), expected, rtol=1e-6)


@pytest.mark.slow
def test_information_and_spread_are_the_library_s(problem):
    space, prior, modes = problem
    points = jnp.array([[0.3, 0.4], [0.8, 0.1]])
    white = js.inference.Normal(jnp.zeros(SMALL.num_modes), 1.0)
    posterior = js.inference.Posterior(
        lambda z: entry.readings(space, modes, z, points), jnp.zeros((2, 3)), entry.NOISE, white
    )
    zero = jnp.zeros(SMALL.num_modes)
    found = entry.examine(space, prior, modes, points)
    np.testing.assert_allclose(found.gain, js.inference.expected_information_gain(posterior, zero).value, rtol=1e-9)
    covariance = js.inference.maximize(posterior, zero).covariance
    basis = jax.vmap(lambda z: prior.values(z).ravel())(jnp.eye(SMALL.num_modes))
    variance = jnp.sum(basis * (covariance @ basis), axis=0)
    np.testing.assert_allclose(found.spread.values.ravel() ** 2, variance, rtol=1e-8)


@pytest.mark.slow
def test_placing_sensors_pays(tmp_path):
    names = [path.name for path in js.gallery.run("sensor-placement", tmp_path / "out")]
    assert sorted(names) == ["results.json", "sensor_placement.png"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    gain, error = results["gain"], results["error"]
    assert gain["refined"] >= gain["greedy"] > gain["regular"] > gain["typical random"]
    assert gain["refined"] > max(results["random_gain"])
    assert error["refined"] < 0.95 * error["regular"]
