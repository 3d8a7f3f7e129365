"""The flow from its sensors: a certified gradient, and a start that is found within its band."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.gallery import vorticity_from_sensors as entry

SMALL = entry.Case(num_nodes=16, num_modes=12, num_sensors=5, num_times=2, t1=0.5)


@pytest.mark.slow
def test_gradient_through_the_flow_has_a_certificate():
    made, prior = entry.experiment(SMALL), entry.random_field(SMALL.num_nodes, SMALL.num_modes)

    @jax.jit
    def misfit(z):
        return jnp.sum((entry.readings(entry.spinning(prior.field(z)), made.points, SMALL) - made.data) ** 2)

    assert js.check_gradient(misfit, 0.1 * jnp.ones(SMALL.num_modes)).passed


def test_readings_are_velocities_of_the_flow():
    w = entry.plane(16).field(lambda x: 2 * jnp.cos(x[0]) * jnp.cos(x[1]))
    points = jnp.array([[0.4, 1.0], [2.0, 5.0]])
    read = entry.readings(w, points, SMALL)
    x, y = points.T
    decay = np.exp(-2 * entry.VISCOSITY * np.array([0.25, 0.5]))[:, None, None]
    exact = decay * jnp.stack([-jnp.cos(x) * jnp.sin(y), jnp.sin(x) * jnp.cos(y)], axis=1)
    np.testing.assert_allclose(read, exact, atol=1e-9)


@pytest.mark.slow
def test_start_of_the_flow_is_found(tmp_path):
    names = [path.name for path in js.gallery.run("vorticity-from-sensors", tmp_path / "out")]
    assert sorted(names) == ["results.json", "vorticity.png"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["prior_alone"] == pytest.approx(1.0) and results["start"] < 0.2 and results["forecast"] < 0.2
    assert 0.75 < results["covered_by_90_percent_band"] < 0.99
    assert abs(results["residual_over_noise"] - 0.93) < 0.1
