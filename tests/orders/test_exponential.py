"""Exponential integrators: order on scalar and coupled linear parts, exactness on linear laws, detection of
coupling.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.simulation.methods.symbol import DiagonalSymbol, MatrixSymbol, symbol_of

SPACE = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (16,)), dealias=None)


class Pair(NamedTuple):
    u: js.Field
    v: js.Field


class Driven(eqx.Module):
    """`u_t = lap u + lap u / 2 - u^2 + source`, with the source that makes `sin(x + t)` a solution."""

    def linear(self, u):
        return 1.5 * js.laplacian(u)

    def nonlinear(self, t, u, args=None):
        x = u.space.field(lambda x: jnp.cos(x[0] + t) + 1.5 * jnp.sin(x[0] + t) + jnp.sin(x[0] + t) ** 2)
        return x - u * u


class DrivenKleinGordon(eqx.Module):
    """`u_t = v`, `v_t = u_xx - u - u^3 + source`, with the solution `sin(x + 2 t)`."""

    def linear(self, state):
        return Pair(state.v, js.laplacian(state.u) - state.u)

    def nonlinear(self, t, state, args=None):
        def source(x):
            s = jnp.sin(x[0] + 2 * t)
            return -2 * s + s**3

        return Pair(0.0 * state.u, state.u.space.field(source) - state.u * state.u * state.u)


def start(coupled, t=0.0):
    if coupled:
        return Pair(SPACE.field(lambda x: jnp.sin(x[0] + 2 * t)), SPACE.field(lambda x: 2 * jnp.cos(x[0] + 2 * t)))
    return SPACE.field(lambda x: jnp.sin(x[0] + t))


@pytest.mark.parametrize("coupled", [False, True], ids=["diagonal", "coupled"])
@pytest.mark.parametrize("method", [js.ETDRK2(), js.ETDRK4()], ids=["ETDRK2", "ETDRK4"])
def test_order(method, coupled):
    equation = DrivenKleinGordon() if coupled else Driven()
    template = start(coupled)

    @eqx.filter_jit
    def error(num_steps, state):
        dt = 1.0 / num_steps
        prepared = method.prepare(equation, template, dt)

        def step(i, arrays):
            return method.step(prepared, equation, template, i * dt, arrays, dt)

        arrays = jax.lax.fori_loop(0, num_steps, step, js.fields.unpack(state))
        final = jax.tree.leaves(js.fields.pack(template, arrays), is_leaf=js.fields.is_field)
        wanted = jax.tree.leaves(start(coupled, 1.0), is_leaf=js.fields.is_field)
        return max_of([jnp.max(jnp.abs(a.values - b.values)) for a, b in zip(final, wanted, strict=True)])

    coarse, fine = (error(jnp.asarray(n), template) for n in (20, 40))
    assert fine < 1e-3
    assert abs(np.log2(coarse / fine) - method.order) < 0.25, (coarse, fine)


def max_of(numbers):
    return jnp.max(jnp.stack(numbers))


def test_a_linear_law_is_exact_in_one_step():
    wave = js.equations.Wave(speed=2.0)
    state = js.equations.WaveState(SPACE.field(lambda x: jnp.sin(3 * x[0])), SPACE.field(lambda x: jnp.cos(x[0])))
    method = js.ETDRK4()
    arrays = method.step(method.prepare(wave, state, 0.7), wave, state, 0.0, js.fields.unpack(state), 0.7)
    final = js.fields.pack(state, arrays)
    x = SPACE.points[:, 0]
    np.testing.assert_allclose(final.u.values, jnp.sin(3 * x) * np.cos(4.2) + jnp.cos(x) * np.sin(1.4) / 2, atol=1e-13)
    np.testing.assert_allclose(final.v.values, -6 * jnp.sin(3 * x) * np.sin(4.2) + jnp.cos(x) * np.cos(1.4), atol=1e-12)


def test_coupling_is_found():
    u = SPACE.field(lambda x: jnp.sin(x[0]))
    assert isinstance(symbol_of(js.equations.KleinGordon(), js.equations.WaveState(u, u)), MatrixSymbol)
    assert isinstance(symbol_of(js.equations.Heat(), u), DiagonalSymbol)
    vector = SPACE.field(lambda x: jnp.stack([jnp.sin(x[0]), jnp.cos(x[0])]))

    class Turning(eqx.Module):
        def linear(self, w):
            return w.map(lambda a: jnp.stack([a[1], -a[0]]))

        def nonlinear(self, t, w, args=None):
            return 0.0 * w

    assert isinstance(symbol_of(Turning(), vector), MatrixSymbol)


def test_a_symbol_is_read_off():
    u = SPACE.field(lambda x: jnp.sin(x[0]))
    k = np.arange(9)
    np.testing.assert_allclose(symbol_of(js.equations.KuramotoSivashinsky(), u).factors, k**2 - k**4.0, atol=1e-12)
    slope = jax.jacobian(lambda c: symbol_of(js.equations.Heat(c), u).factors)(jnp.asarray(0.3))
    np.testing.assert_allclose(slope, -(k**2.0), atol=1e-13)
    coupled = symbol_of(js.equations.KleinGordon(mass=2.0, speed=3.0), js.equations.WaveState(u, u)).matrix
    np.testing.assert_allclose(coupled[:, 1, 0], -9 * k**2 - 4, atol=1e-12)
    np.testing.assert_allclose(coupled[:, 0, 1], 1.0)


MODES = np.arange(1, 8)


def waves():
    return SPACE.field(sum(np.cos(k * SPACE.axes[0]) for k in MODES).astype(np.float32))


@pytest.mark.parametrize("rate", [1e-5, 1e-3, 0.3])
def test_ten_thousand_steps_keep_the_digits_of_single_precision(rate):
    """A number near one, as a factor of a mode at each step, is wrong by up to 6e-8 and 10 000 times the same way; one
    minus a number near one has no digits left of what strong damping leaves of a mode.
    """
    steps = min(10_000, round(1 / rate))
    u = waves()
    end = js.simulate(js.equations.Heat(1.0), u, t1=rate * steps, dt=rate, method=js.ETDRK4()).final
    decay = np.exp(-(MODES**2) * rate * steps)
    found, before = (np.real(np.asarray(w.data, complex))[MODES] for w in (end, u))
    np.testing.assert_allclose(found, before * decay, rtol=5e-6)


def test_so_do_coupled_modes():
    dt, steps = 1e-3, 10_000
    u = waves()
    end = js.simulate(js.equations.Wave(), js.equations.WaveState(u, 0.0 * u), t1=dt * steps, dt=dt).final
    expected = sum(np.cos(k * SPACE.axes[0]) * np.cos(k * dt * steps) for k in MODES)
    assert np.abs(np.asarray(end.u.values) - expected).max() < 2e-5
