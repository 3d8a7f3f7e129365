"""Every method with every adjoint passes the certificate; adjoints agree with each other."""

import math

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import simulation as sim
from jaxsci._core.errors import UnsupportedError
from jaxsci.equations.base import HamiltonianSystem, Phase, SemilinearEquation
from jaxsci.simulation.adjoints import _block


class Swing(HamiltonianSystem):
    gravity: jax.Array

    def kinetic(self, p):
        return 0.5 * jnp.sum(p**2)

    def potential(self, q):
        return -self.gravity * jnp.sum(jnp.cos(q))


class Reaction(SemilinearEquation):
    rate: jax.Array

    def linear(self, u):
        return -self.rate * u

    def nonlinear(self, t, u, args=None):
        return u * jnp.roll(u, 1) * args + jnp.sin(t)


X = jnp.array([0.4, -0.7, 1.1])
ADJOINTS = {"direct": sim.Direct(), "checkpointed": sim.Checkpointed(), "small": sim.Checkpointed(memory=100)}


def run(method, adjoint, dt=0.05):
    def function(x):
        rate, u, args = x
        equation = (
            Swing(rate) if isinstance(method, (sim.Leapfrog, sim.Yoshida4, sim.SymplecticEuler)) else Reaction(rate)
        )
        state = Phase(u, 0.3 * u) if isinstance(equation, Swing) else u
        return sim.simulate(equation, state, 1.0, dt, save_at=4, args=args, method=method, adjoint=adjoint).states

    return function


POINT = (jnp.array(1.3), X, jnp.array(0.2))


@pytest.mark.parametrize("adjoint", [pytest.param("direct", marks=pytest.mark.slow), "checkpointed", "small"])
@pytest.mark.parametrize(
    "method", [sim.RK4(), sim.Tsit5(), sim.ARK4(), sim.Leapfrog(), sim.Yoshida4()], ids=lambda m: type(m).__name__
)
def test_fixed_steps(method, adjoint):
    report = sim.check_gradient(run(method, ADJOINTS[adjoint]), POINT)
    assert report.passed, report
    assert report.identity < 1e-12


@pytest.mark.parametrize("method", [sim.Leapfrog(), sim.Yoshida4()], ids=lambda m: type(m).__name__)
def test_reversible_is_direct(method):
    report = sim.check_gradient(run(method, sim.Reversible()), POINT, forward=run(method, sim.Direct()))
    assert report.passed, report
    gradients = [
        jax.grad(lambda x, adjoint=adjoint: jnp.sum(run(method, adjoint)(x).q ** 3))(POINT)
        for adjoint in (sim.Reversible(), sim.Direct())
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), *gradients)


@pytest.mark.parametrize("adjoint", [pytest.param("direct", marks=pytest.mark.slow), "checkpointed"])
@pytest.mark.parametrize(
    "method",
    [sim.Tsit5(), pytest.param(sim.Dopri8(), marks=pytest.mark.slow), diffrax.Heun()],
    ids=lambda m: type(m).__name__,
)
def test_error_control(method, adjoint):
    def function(x, adjoint=ADJOINTS[adjoint]):
        rate, u, args, t1 = x
        tight = {"rtol": 1e-6, "atol": 1e-6} if isinstance(method, diffrax.Heun) else {"rtol": 1e-11, "atol": 1e-11}
        solution = sim.simulate(
            Reaction(rate), u, t1, save_at=3, args=args, method=method, adjoint=adjoint, max_steps=4000, **tight
        )
        return solution.states, solution.final

    tolerance = 1e-4 if isinstance(method, diffrax.Heun) else 1e-7
    report = sim.check_gradient(
        function, (*POINT, jnp.array(1.0)), forward=lambda x: function(x, sim.Forward()), tolerance=tolerance
    )
    assert report.identity < 1e-12, report
    assert report.difference < tolerance, report


def test_error_control_is_the_frozen_step_map():
    """The derivative is that of the accepted steps, each a fixed fraction of its interval: to central differences of
    that map.
    """
    law = lambda t, u, args: u * args * jnp.cos(t) - u**2  # noqa: E731
    from jaxsci.simulation.adaptive import attempt, begin
    from jaxsci.simulation.methods.base import vector_field

    method, tolerances, u, t1 = sim.Tsit5(), (jnp.array(1e-3), jnp.array(1e-3)), jnp.array([0.3, 0.8]), jnp.array(2.0)
    args = jnp.array(1.5)
    run_ = begin(method, vector_field(law, u, args), jnp.array(0.0), u, t1, tolerances, u)
    hs = []

    while run_.t < t1:
        moved, h = attempt(method, vector_field(law, u, args), run_, t1, tolerances, u)
        hs += [float(h)] if moved.accepted > run_.accepted else []
        run_ = moved

    def frozen(args, t1):
        t, y = 0.0, u
        for h in hs:
            y = method.stages(vector_field(law, u, args), jnp.asarray(t / 2.0 * t1), jnp.asarray(h / 2.0 * t1), y)[0]
            t += h
        return jnp.sum(y**2)

    def loss(args, t1):
        return jnp.sum(sim.simulate(law, u, t1, args=args, rtol=1e-3, atol=1e-3).final ** 2)

    np.testing.assert_allclose(loss(args, t1), frozen(args, t1), rtol=1e-13)
    gradients = jax.grad(loss, (0, 1))(args, t1)
    e = 1e-5
    differences = (
        (frozen(args + e, t1) - frozen(args - e, t1)) / (2 * e),
        (frozen(args, t1 + e) - frozen(args, t1 - e)) / (2 * e),
    )
    np.testing.assert_allclose(gradients, differences, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("solver", [diffrax.Kvaerno5()], ids=lambda s: type(s).__name__)
def test_through_diffrax(solver):
    def function(x):
        return sim.simulate(
            Reaction(x[0]), x[1], 1.0, save_at=2, args=x[2], method=solver, rtol=1e-10, atol=1e-10
        ).states

    report = sim.check_gradient(function, POINT, tolerance=1e-5)
    assert report.difference < 1e-5, report


def test_boundary_values_get_gradients():
    grid = js.Grid(js.Box((0.0, 1.0)), (16,))

    def function(wall):
        space = js.FiniteDifference(grid, boundary=js.Dirichlet(wall))
        u = space.field(lambda x: jnp.sin(jnp.pi * x[0]))
        return sim.simulate(js.equations.Heat(0.1), u, 0.05, 0.005).final.values

    report = sim.check_gradient(function, jnp.array(0.3))
    assert report.passed, report
    assert jnp.abs(jax.jacfwd(function)(jnp.array(0.3))[0]) > 1e-3


@pytest.mark.parametrize("adjoint", [sim.Reversible(), sim.Implicit()], ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("dt", [0.1, None])
def test_adjoints_that_do_not_fit_are_refused_by_name(adjoint, dt):
    with pytest.raises(UnsupportedError, match=type(adjoint).__name__):
        sim.simulate(lambda t, u, args: -u, X, 1.0, dt, method=sim.Tsit5(), adjoint=adjoint)


def test_end_time_of_fixed_steps():
    def end(t1):
        return sim.simulate(lambda t, u, args: -u * jnp.cos(t), X, t1, 0.01, method=sim.RK4()).final

    jacobian = jax.jacrev(lambda t1: end(t1))(1.0)
    np.testing.assert_allclose(jacobian, -end(1.0) * np.cos(1.0), rtol=1e-7)


def test_rollout_adjoints_agree():
    step = sim.stepper(Swing(jnp.array(2.0)), Phase(X, X), 0.02)

    def loss(step, adjoint):
        return jnp.sum(sim.rollout(step, Phase(X, 0.1 * X), 60, save_every=20, adjoint=adjoint).q ** 2)

    gradients = [
        eqx.filter_grad(loss)(step, adjoint).equation.gravity
        for adjoint in (sim.Direct(), sim.Checkpointed(200), sim.Reversible())
    ]
    np.testing.assert_allclose(gradients, [gradients[0]] * 3, rtol=1e-10)


def test_control_in_the_arguments():
    class Feedback(eqx.Module):
        gain: jax.Array

        def control(self, t, u):
            return -self.gain * u

    def loss(gain):
        return jnp.sum(
            sim.simulate(lambda t, u, args: u + args.control(t, u), X, 1.0, 0.01, args=Feedback(gain)).final ** 2
        )

    np.testing.assert_allclose(jax.grad(loss)(jnp.array(2.0)), -2 * np.exp(-2.0) * np.sum(X**2), rtol=1e-7)


@pytest.mark.parametrize(("steps", "room"), [(1000, 2000), (1000, 1000), (1000, 256), (1000, 70), (1_000_000, 5000)])
def test_checkpoints_fit_into_their_room_with_what_a_block_reads(steps, room):
    block, a_step = _block(steps, room)
    needed = [math.ceil(steps / k) + a_step * (k - 1) for k in range(1, block + 1)]
    assert needed[-1] <= room and all(n > room for n in needed[:-1])


def test_checkpoints_without_enough_room_take_as_little_as_they_can():
    assert _block(10_000, 3) == (100, 1)
