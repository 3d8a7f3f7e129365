"""Hamiltonian network: the true energies stay, and the learned ones do where a plain network drifts."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.equations import Phase
from jaxsci.gallery import hamiltonian_network as entry

SHORT = entry.Case(num_steps=2000, save_every=5)


def test_the_true_energies_would_stay():
    law = entry.Learned(js.networks.SeparableHamiltonian(lambda p: jnp.sum(p * p) / 2, lambda q: -jnp.sum(jnp.cos(q))))
    path = entry.run(law, Phase(jnp.array([1.0]), jnp.array([0.0])), js.Leapfrog(), SHORT)
    found = entry.strayed(0, 0.0, jnp.concatenate([path.q, path.p], axis=1))
    assert 1e-5 < np.max(found.stray) < 2e-3
    first, last = entry.windows(found)
    assert 0 < first and last < 2e-3


def test_the_data_are_those_of_a_pendulum():
    states, rates = entry.observed(SHORT, jax.random.key(0))
    expected = jax.vmap(lambda x: js.equations.Pendulum(gravity=1.0)(0.0, x))(states)
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


@pytest.mark.slow
def test_learned_energies_stay_over_1e5_steps(tmp_path):
    names = [path.name for path in js.gallery.run("hamiltonian-network", tmp_path / "out")]
    assert sorted(names) == ["hamiltonian_network.png", "results.json", "table.txt"]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["Hamiltonian"]["last_hundredth"] < 1.5 * results["Hamiltonian"]["first_hundredth"]
    assert results["plain"]["last_hundredth"] > 20 * results["Hamiltonian"]["last_hundredth"]
