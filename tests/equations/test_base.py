"""Laws and their methods under the transformations of JAX itself, not only under those of Equinox."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxsci.equations import Heat, LotkaVolterra, NavierStokes, Poisson, taylor_green

from .laws import fourier, scalar, state_of


def test_laws_and_their_methods_can_be_compiled_by_jax():
    law, u = NavierStokes(0.1), fourier(2, 16).field(taylor_green)
    np.testing.assert_allclose(jax.jit(law)(0.0, u).values, law(0.0, u).values, atol=1e-13)
    np.testing.assert_allclose(jax.jit(law.dissipation)(u), law.dissipation(u), rtol=1e-13)
    np.testing.assert_allclose(jax.checkpoint(law.energy)(u), law.energy(u), rtol=1e-13)
    states = jnp.linspace(1.0, 30.0, 6).reshape(3, 2)
    law = LotkaVolterra()
    np.testing.assert_allclose(jax.jit(jax.vmap(law.invariant))(states)[1], law.invariant(states[1]), rtol=1e-13)


def test_no_law_gets_the_program_of_another():
    state = jnp.array([4.0, 1.0])
    found = [
        jax.jit(LotkaVolterra(alpha=a).invariant)(state) - LotkaVolterra(alpha=a).invariant(state) for a in range(4)
    ]
    np.testing.assert_allclose(found, 0.0, atol=1e-13)
    slope = jax.grad(lambda a: jax.jit(LotkaVolterra(alpha=a))(0.0, state)[0])(0.5)
    np.testing.assert_allclose(slope, 4.0)


def test_one_law_is_compiled_once():
    traces = []

    class Counted(LotkaVolterra):
        def invariant(self, state):
            traces.append(1)
            return super().invariant(state)

    compiled, state = jax.jit(Counted().invariant), jnp.ones(2)
    for factor in (1.0, 2.0, 3.0):
        compiled(factor * state)
    assert len(traces) == 1
    for alpha in (0.2, 0.3):
        eqx.filter_jit(Counted(alpha).invariant)(state)
    assert len(traces) == 2


def test_laws_are_hashed_by_identity_and_compared_by_value():
    law = Heat(0.3)
    assert len({law, law, Heat(0.3)}) == 2 and bool(law == Heat(0.3)) and not bool(law == Heat(0.4))
    assert len({Poisson(scalar), Poisson(scalar)}) == 1
    assert eqx.filter_jit(law)(0.0, state_of(fourier(1, 16), scalar)).shape == ()
