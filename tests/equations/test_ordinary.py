"""Ordinary laws: exact solutions solve them, invariants stay, energies change as the docstring says."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci.equations import (
    SIR,
    CartPole,
    DoublePendulum,
    ExponentialDecay,
    Kepler,
    Lorenz63,
    Lorenz96,
    LotkaVolterra,
    NBody,
    Pendulum,
    Phase,
    Robertson,
    VanDerPol,
)

PLANAR = Phase(jnp.array([0.4, 0.1]), jnp.array([-0.2, 1.7]))
SPATIAL = Phase(jnp.array([0.4, 0.1, -0.3]), jnp.array([-0.2, 1.7, 0.5]))
ROWS = jnp.array([[0.0, 0.1, 0.3], [1.0, -0.5, 0.2], [-0.8, 0.9, -1.0], [0.3, 0.4, 1.5]])
BODIES = Phase(ROWS, ROWS[::-1] * 0.7 + 0.1)
FLAT = Phase(ROWS[:, :2], BODIES.p[:, :2])
SWING = jnp.array([1.1, -0.4, 0.7, 2.0])

CASES = {
    "decay": (ExponentialDecay(1.5), jnp.array([1.0, 2.0])),
    "lotka-volterra": (LotkaVolterra(), jnp.array([30.0, 4.0])),
    "sir": (SIR(), jnp.array([740.0, 20.0, 3.0])),
    "lorenz63": (Lorenz63(), jnp.array([1.0, 2.0, 20.0])),
    "lorenz96": (Lorenz96(), jnp.linspace(-1.0, 3.0, 8) ** 2),
    "van-der-pol": (VanDerPol(0.1), jnp.array([1.3, -0.6])),
    "robertson": (Robertson(), jnp.array([0.9, 3e-5, 0.1])),
    "pendulum": (Pendulum(damping=0.3), jnp.array([0.8, -1.1])),
    "double-pendulum": (DoublePendulum(lengths=(1.0, 0.6), masses=(1.0, 2.5)), SWING),
    "cart-pole": (CartPole(), SWING),
    "kepler": (Kepler(1.2), PLANAR),
    "n-body": (NBody([1.0, 2.0, 0.5, 3.0], softening=0.1), BODIES),
}


def rate_of(quantity, law, state, args=None):
    """Derivative of a quantity along the law."""
    return jax.jvp(quantity, (state,), (law(0.0, state, args),))[1]


@pytest.mark.parametrize("law", [ExponentialDecay, Lorenz96, Pendulum, Kepler, NBody])
@pytest.mark.parametrize("t", [0.0, 0.37, 1.0])
def test_the_exact_solution_solves_the_law(law, t):
    example = law.example()
    assert example.exact
    state, rate = jax.jvp(example.solution, (t,), (1.0,))
    difference = jax.tree.map(lambda a, b: float(jnp.max(jnp.abs(a - b))), rate, example.equation(t, state))
    assert max(jax.tree.leaves(difference)) < 1e-12
    assert max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(rate)) > 1e-3


@pytest.mark.parametrize(
    ("law", "quantity", "state"),
    [
        (LotkaVolterra(), "invariant", CASES["lotka-volterra"][1]),
        (SIR(), "population", CASES["sir"][1]),
        (SIR(), "invariant", CASES["sir"][1]),
        (Robertson(), "total", CASES["robertson"][1]),
        (Pendulum(length=0.7, mass=2.0), "energy", CASES["pendulum"][1]),
        (CASES["double-pendulum"][0], "energy", SWING),
        (CartPole(), "energy", SWING),
        (CartPole(), "momentum", SWING),
        (Kepler(1.2), "hamiltonian", PLANAR),
        (Kepler(1.2), "angular_momentum", PLANAR),
        (Kepler(1.2), "angular_momentum", SPATIAL),
        (Kepler(1.2), "eccentricity_vector", SPATIAL),
        (CASES["n-body"][0], "hamiltonian", BODIES),
        (CASES["n-body"][0], "momentum", BODIES),
        (CASES["n-body"][0], "angular_momentum", BODIES),
        (CASES["n-body"][0], "angular_momentum", FLAT),
    ],
)
def test_invariants_stay(law, quantity, state):
    quantity = getattr(law, quantity)
    scale = max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(law(0.0, state)))
    gradients = jax.tree.leaves(jax.jacrev(quantity)(state))
    assert max(float(jnp.max(jnp.abs(g))) for g in gradients) > 1e-3
    np.testing.assert_allclose(rate_of(quantity, law, state), 0.0, atol=1e-13 * max(scale, 1.0) * 10)


def test_driven_and_damped_energies_change_as_documented():
    law, state = CASES["van-der-pol"]
    x, y = state
    np.testing.assert_allclose(rate_of(law.energy, law, state), (1 - x**2) * y**2, rtol=1e-13)
    law, state = CASES["lorenz96"]
    np.testing.assert_allclose(
        rate_of(law.energy, law, state), -2 * law.energy(state) + law.forcing * state.sum(), rtol=1e-13
    )
    law, state = CASES["pendulum"]
    np.testing.assert_allclose(
        rate_of(law.energy, law, state, args=0.7), 0.7 * state[1] - law.damping * state[1] ** 2, rtol=1e-13
    )
    law, state = CASES["cart-pole"]
    np.testing.assert_allclose(rate_of(law.energy, law, state, args=3.0), 3.0 * state[1], rtol=1e-13)
    np.testing.assert_allclose(rate_of(law.momentum, law, state, args=3.0), 3.0, rtol=1e-13)


def test_lorenz_contracts_volumes_and_rests_at_its_fixed_points():
    law = Lorenz63()
    jacobian = jax.jacfwd(lambda u: law(0.0, u))(jnp.array([1.0, 5.0, 9.0]))
    np.testing.assert_allclose(jnp.trace(jacobian), law.contraction, rtol=1e-14)
    for point in law.fixed_points:
        np.testing.assert_allclose(law(0.0, point), 0.0, atol=1e-12)
    law, (x, y, z) = Lorenz63(beta=20.0), (1.0, 2.0, 3.0)

    def decaying(u):
        return u[0] ** 2 - 2 * law.sigma * u[2]

    state = jnp.array([x, y, z])
    np.testing.assert_allclose(rate_of(decaying, law, state), -2 * law.sigma * decaying(state), rtol=1e-13)


def test_equilibrium_of_predator_and_prey():
    law = LotkaVolterra()
    np.testing.assert_allclose(law(0.0, law.equilibrium), 0.0, atol=1e-14)


@pytest.mark.parametrize("law", [Kepler(1.2), CASES["n-body"][0], NBody([1.0, 2.0, 0.5, 3.0])])
def test_written_forces_are_the_gradients_of_the_energies(law):
    state = SPATIAL if isinstance(law, Kepler) else BODIES
    np.testing.assert_allclose(law.velocity(state.p), jax.grad(law.kinetic)(state.p), rtol=1e-13)
    np.testing.assert_allclose(law.force(state.q), -jax.grad(law.potential)(state.q), rtol=1e-12, atol=1e-14)


def test_control_enters_as_number_or_policy():
    class Feedback:
        def control(self, t, state):
            return -2.0 * state[0] + t

    for law, state in (CASES["pendulum"], CASES["cart-pole"]):
        policy = law(0.5, state, Feedback())
        np.testing.assert_allclose(policy, law(0.5, state, -2.0 * state[0] + 0.5), rtol=1e-15)
        np.testing.assert_allclose(policy, law(0.5, state, jnp.array([-2.0 * state[0] + 0.5])), rtol=1e-15)
        assert float(jnp.max(jnp.abs(policy - law(0.5, state)))) > 0.1


@pytest.mark.parametrize("name", CASES)
def test_jit_batches_and_precision(name):
    law, state = CASES[name]
    eager = law(0.0, state)
    jitted = eqx.filter_jit(law)(0.0, state)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), eager, jitted)
    assert jax.tree.structure(eager) == jax.tree.structure(state)

    law32, state32 = jax.tree.map(
        lambda a: a if getattr(a, "weak_type", False) else a.astype(jnp.float32), (law, state)
    )
    single = law32(0.0, state32)
    assert {leaf.dtype for leaf in jax.tree.leaves(single)} == {jnp.dtype(jnp.float32)}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3), single, eager)

    batch = jax.tree.map(lambda a: jnp.stack([a, 1.1 * a, 0.9 * a]), state)
    mapped = jax.vmap(lambda s: law(0.0, s))(batch)
    third = law(0.0, jax.tree.map(lambda a: a[2], batch))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[2], b, rtol=1e-12, atol=1e-12), mapped, third)


@pytest.mark.parametrize("name", CASES)
def test_coefficients_can_be_mapped_and_differentiated_without_recompiling(name):
    law, state = CASES[name]
    traces = []

    @eqx.filter_jit
    def size(law):
        traces.append(1)
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(law(0.0, state)))

    gradient = eqx.filter_grad(size)(law)
    direction = jax.tree.map(lambda a: 1e-6 * jnp.ones_like(a), law)
    ahead, behind = (size(jax.tree.map(lambda a, d, s=s: a + s * d, law, direction)) for s in (1, -1))
    slope = sum(jnp.sum(g * d) for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True))
    np.testing.assert_allclose(ahead - behind, 2 * slope, rtol=1e-4, atol=1e-8 * float(abs(size(law))))
    count = len(traces)
    size(jax.tree.map(lambda a: 1.3 * a, law))
    assert len(traces) == count

    many = jax.tree.map(lambda a: jnp.stack([a, 1.5 * a]), law)
    rates = eqx.filter_vmap(lambda law: law(0.0, state))(many)
    alone = jax.tree.map(lambda a: 1.5 * a, law)(0.0, state)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-12, atol=1e-12), rates, alone)


@pytest.mark.parametrize(
    "build",
    [
        lambda: SIR(beta=-1.0),
        lambda: VanDerPol(epsilon=0.0),
        lambda: Robertson(fast=-1.0),
        lambda: Pendulum(damping=-0.1),
        lambda: Pendulum(length=0.0),
        lambda: DoublePendulum(masses=(1.0, -1.0)),
        lambda: CartPole(half_length=float("nan")),
        lambda: Kepler(-1.0),
        lambda: NBody([1.0, 0.0]),
        lambda: NBody([1.0, 1.0], softening=-1.0),
    ],
)
def test_meaningless_coefficients_are_refused(build):
    with pytest.raises(ValueError, match="must be .*; pass a"):
        build()


def test_wrong_number_of_bodies_is_refused():
    with pytest.raises(ValueError, match="3 masses.*4 bodies.*one mass per body"):
        NBody(jnp.ones(3)).force(BODIES.q)


def test_integers_are_numbers():
    assert Lorenz63(rho=28)(0.0, jnp.ones(3, jnp.float32)).dtype == jnp.float32


@pytest.mark.parametrize(("beta", "grows"), [(0.55, True), (0.45, False)])
def test_an_epidemic_grows_where_one_case_infects_more_than_one(beta, grows):
    law = SIR(beta=beta, gamma=0.5)
    assert (law.basic_reproduction_number > 1) == grows
    assert (law(0.0, jnp.array([1e6, 1.0, 0.0]))[1] > 0) == grows
