"""Mechanics by construction: energy and volume stay, accelerations are those of the Lagrangian, drift is bounded."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import networks as nets
from jaxsci._core.errors import ShapeError
from jaxsci.equations import Phase
from jaxsci.gallery.hamiltonian_network import Case, energy, fitted, observed

KEY = jax.random.key(7)
STATE = Phase(jnp.array([0.3, -0.8]), jnp.array([0.5, 0.1]))


class Pair(NamedTuple):
    angle: dict
    speed: dict


def hamiltonians():
    kinetic, potential = (nets.MLP(2, "scalar", 16, 2, key=k) for k in jax.random.split(KEY))
    return {
        "one network": nets.Hamiltonian(nets.MLP(4, "scalar", 16, 2, key=KEY)),
        "one network with an axis": nets.Hamiltonian(nets.MLP(4, 1, 16, 2, key=KEY)),
        "separable": nets.SeparableHamiltonian(kinetic, potential),
    }


BOTH = pytest.mark.parametrize("name", ["one network", "one network with an axis", "separable"])


def flat_field(network):
    def field(x):
        return jnp.concatenate(network(Phase(x[:2], x[2:])))

    return field


@BOTH
def test_hamiltonian_fields_have_no_divergence(name):
    points = jax.random.normal(jax.random.key(1), (5, 4))
    jacobians = jax.jit(jax.vmap(jax.jacobian(flat_field(hamiltonians()[name]))))(points)
    np.testing.assert_allclose(jnp.trace(jacobians, axis1=1, axis2=2), 0.0, rtol=0, atol=1e-14)
    assert float(jnp.min(jnp.max(jnp.abs(jacobians), axis=(1, 2)))) > 1e-2


@BOTH
def test_energy_stays_along_the_exact_flow(name):
    network = hamiltonians()[name]
    field, h = flat_field(network), 1e-3

    @jax.jit
    def flow(x):
        def step(x, _):
            a = field(x)
            b = field(x + h / 2 * a)
            c = field(x + h / 2 * b)
            d = field(x + h * c)
            return x + h / 6 * (a + 2.0 * b + 2.0 * c + d), None

        return jax.lax.scan(step, x, length=5000)[0]

    start = jnp.concatenate(STATE)
    end = flow(start)
    energies = [network.hamiltonian(Phase(x[:2], x[2:])) for x in (start, end)]
    assert float(jnp.linalg.norm(end - start)) > 0.05
    np.testing.assert_allclose(*energies, rtol=0, atol=1e-12)


def test_a_true_energy_gives_the_law_of_the_library():
    law = js.equations.Kepler()
    learned = nets.Hamiltonian(lambda x: jnp.sum(x[2:] ** 2) / 2 - 1.0 / jnp.linalg.norm(x[:2]))
    separable = nets.SeparableHamiltonian(law.kinetic, law.potential)
    for network in (learned, separable):
        for found, expected in zip(network(STATE), law(0.0, STATE, None), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(separable.velocity(STATE.p), law.velocity(STATE.p))
    np.testing.assert_allclose(separable.force(STATE.q), law.force(STATE.q), rtol=1e-13)


@BOTH
def test_a_state_is_any_pair(name):
    network = hamiltonians()[name]
    expected = network(STATE)
    assert isinstance(expected, Phase)
    as_tuple = network(tuple(STATE))
    assert type(as_tuple) is tuple
    nested = network(Pair({"a": STATE.q[:1], "b": STATE.q[1:]}, {"a": STATE.p[:1], "b": STATE.p[1:]}))
    assert isinstance(nested, Pair)
    for i in range(2):
        np.testing.assert_array_equal(as_tuple[i], expected[i])
        np.testing.assert_allclose(jnp.concatenate([nested[i]["a"], nested[i]["b"]]), expected[i], rtol=1e-14)


@BOTH
def test_states_and_networks_that_do_not_fit_raise(name):
    network = hamiltonians()[name]
    with pytest.raises(ShapeError, match="pair of equal sizes.*js.equations.Phase"):
        network(jnp.zeros(4))
    with pytest.raises(ShapeError, match="pair of equal sizes"):
        network((jnp.zeros(2), jnp.zeros(3)))
    with pytest.raises(ShapeError, match="build the network with in_size="):
        network((jnp.zeros(3), jnp.zeros(3)))
    with pytest.raises(ShapeError, match='out_size="scalar"'):
        nets.Hamiltonian(nets.MLP(4, 2, 8, 1, key=KEY))(STATE)


def test_lagrangian_of_a_pendulum():
    pendulum = nets.Lagrangian(lambda x: 0.5 * 2.0 * 0.25 * x[1] ** 2 + 2.0 * 9.81 * 0.5 * jnp.cos(x[0]))
    q, v = jnp.array([0.7]), jnp.array([0.3])
    np.testing.assert_allclose(pendulum.acceleration(q, v), -9.81 / 0.5 * jnp.sin(q), rtol=1e-13)
    np.testing.assert_allclose(pendulum.energy((q, v)), 0.25 * 0.09 - 9.81 * jnp.cos(0.7), rtol=1e-13)


def test_lagrangian_in_curved_coordinates():
    """A free particle in polar coordinates: the terms of Coriolis come from the derivative of the masses."""
    free = nets.Lagrangian(lambda x: (x[2] ** 2 + x[0] ** 2 * x[3] ** 2) / 2)
    r, w, dr, dw = 1.3, 0.4, 0.2, -0.9
    found = free.acceleration(jnp.array([r, w]), jnp.array([dr, dw]))
    np.testing.assert_allclose(found, [r * dw**2, -2 * dr * dw / r], rtol=1e-13)


def test_lagrangian_of_the_double_pendulum():
    """Both masses and lengths 1: the textbook's accelerations."""

    def L(x):
        a, b, da, db = x
        return da**2 + db**2 / 2 + da * db * jnp.cos(a - b) + 9.81 * (2 * jnp.cos(a) + jnp.cos(b))

    a, b, da, db = 0.4, -1.1, 0.7, 0.2
    g, d = 9.81, a - b
    below = 3 - np.cos(2 * d)
    first = -g * 3 * np.sin(a) - g * np.sin(a - 2 * b) - 2 * np.sin(d) * (db**2 + da**2 * np.cos(d))
    second = 2 * np.sin(d) * (2 * da**2 + 2 * g * np.cos(a) + db**2 * np.cos(d))
    found = nets.Lagrangian(L)((jnp.array([a, b]), jnp.array([da, db])))
    np.testing.assert_allclose(found[0], [da, db])
    np.testing.assert_allclose(found[1], [first / below, second / below], rtol=1e-12)


def test_lagrangian_networks_keep_their_energy_and_differentiate():
    network = nets.Lagrangian(nets.MLP(4, "scalar", 8, 1, key=KEY), mass=1.0)

    def rate(state):
        return jax.jvp(network.energy, (state,), (network(state),))[1]

    assert abs(float(jax.jit(rate)(STATE))) < 1e-13
    weights, rest = nets.split(network)
    assert js.check_gradient(lambda w: eqx.combine(w, rest)(STATE), weights).passed
    assert (
        jax.tree.leaves(rest) == [1.0]
        and "|v|^2" in repr(network)
        and f"{nets.num_weights(network)} weights" in repr(network)
    )
    with pytest.raises(ShapeError, match="in_size=6"):
        network((jnp.zeros(3), jnp.zeros(3)))


@BOTH
def test_hamiltonians_differentiate_and_print(name):
    network = hamiltonians()[name]
    assert js.check_gradient(lambda n: n(STATE), network).passed
    assert "dH/dp" in repr(network) or "T'(p)" in repr(network)
    fast = jax.jit(lambda n, s: n(s))(network, STATE)
    for a, b in zip(fast, network(STATE), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_mechanics_keep_precision(dtype):
    state = jax.tree.map(lambda a: a.astype(dtype), STATE)
    energy = nets.MLP(4, "scalar", 8, 1, dtype=dtype, key=KEY)
    for network in (nets.Hamiltonian(energy), nets.Lagrangian(energy, mass=1.0)):
        assert {a.dtype for a in network(state)} == {jnp.dtype(dtype)}


class Learned(js.equations.HamiltonianSystem):
    """A learned energy as a law of the library."""

    network: nets.SeparableHamiltonian

    def kinetic(self, p):
        return self.network.kinetic(p)

    def potential(self, q):
        return self.network.potential(q)


def test_a_learned_energy_is_a_law_that_simulate_takes():
    law = Learned(hamiltonians()["separable"])
    solution = js.simulate(law, STATE, 10.0, 0.05, method=js.Leapfrog())
    path = leapfrog(law.network, tuple(STATE), 0.05, 200, 200)
    np.testing.assert_allclose(solution.final.q, path[0][-1], rtol=1e-11)
    np.testing.assert_allclose(
        law.network.hamiltonian(solution.final), law.network.hamiltonian(STATE), rtol=0, atol=1e-4
    )


def leapfrog(network, state, h, steps, every):
    def step(state, _):
        q, p = state
        p = p + h / 2 * network.force(q)
        q = q + h * network.velocity(p)
        return (q, p + h / 2 * network.force(q)), None

    def block(state, _):
        state, _ = jax.lax.scan(step, state, length=every)
        return state, state

    return jax.lax.scan(block, state, length=steps // every)[1]


def test_leapfrog_keeps_the_energy_of_any_network_over_1e5_steps():
    network = hamiltonians()["separable"]

    @jax.jit
    def deviations(h):
        states = leapfrog(network, tuple(STATE), h, 100_000, 50)
        return jnp.abs(jax.vmap(network.hamiltonian)(states) - network.hamiltonian(STATE))

    coarse, fine = deviations(0.2), deviations(0.1)
    early, late = jnp.max(coarse[:400]), jnp.max(coarse[-400:])
    assert 1e-9 < float(late) < 2.0 * float(early)
    assert 3.0 < float(jnp.max(coarse) / jnp.max(fine)) < 5.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_learned_energy_does_not_drift_over_1e5_steps_and_a_plain_network_does(seed):
    """The pendulum from 200 noise-free samples of its field; 1e5 steps of 0.1, about 1500 periods."""
    key = jax.random.key(seed)
    states, rates = observed(Case(), key)
    key_t, key_v, key_p = jax.random.split(key, 3)
    energies = nets.SeparableHamiltonian(
        nets.MLP(1, "scalar", 24, 2, key=key_t), nets.MLP(1, "scalar", 24, 2, key=key_v)
    )
    plain = nets.MLP(2, 2, 35, 2, key=key_p)
    assert abs(nets.num_weights(plain) / nets.num_weights(energies) - 1) < 0.1

    def of_energy(network, x):
        return jnp.concatenate(network((x[:1], x[1:])))

    energies, misfit = fitted(of_energy, energies, states, rates, 4000)
    plain, misfit_plain = fitted(lambda network, x: network(x), plain, states, rates, 4000)
    h, start = 0.1, jnp.array([1.0, 0.0])

    def runge_kutta(x, _):
        def step(x, _):
            a = plain(x)
            b = plain(x + h / 2 * a)
            c = plain(x + h / 2 * b)
            return x + h / 6 * (a + 2.0 * b + 2.0 * c + plain(x + h * c)), None

        x, _ = jax.lax.scan(step, x, length=50)
        return x, x

    q, p = jax.jit(lambda network: leapfrog(network, (start[:1], start[1:]), h, 100_000, 50))(energies)
    learned = jnp.abs(energy(jnp.concatenate([q, p], axis=1)) - energy(start))
    _, path = jax.jit(lambda x: jax.lax.scan(runge_kutta, x, length=2000))(start)
    drifted = jnp.abs(energy(path) - energy(start))
    print(f"misfits {misfit:.1e} {misfit_plain:.1e}; worst {jnp.max(learned):.1e} {jnp.max(drifted):.1e}")
    assert jnp.max(learned[-200:]) < 1.5 * jnp.max(learned[:200]), "bounded"
    assert jnp.max(learned) < 0.01
    assert jnp.max(drifted[-20:]) > 5.0 * jnp.max(drifted[:20]), "the plain network drifts"
    assert jnp.max(drifted) > 20.0 * jnp.max(learned)
