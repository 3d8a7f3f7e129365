"""A function mapped over a last axis gives what `jax.vmap` gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.simulation.many.lanes_last import ignores, lanes_last

LANES = 5


def draw(*shape):
    return jnp.asarray(np.random.default_rng(len(shape)).standard_normal(shape))


def coupled(q):
    d = q[None, :] - q[:, None]
    return jnp.sum(d / (1 + jnp.sum(d * d, axis=-1, keepdims=True)), axis=1)


def branching(q):
    chosen = jnp.where(q[0] > 0, q[1], jnp.flip(q[2]))
    return jax.lax.cond(jnp.sum(q) > 0, lambda a: a, lambda a: -a, chosen), jnp.any(q > 2)


FUNCTIONS = {
    "elementwise": lambda q: jnp.tanh(q) * 3.0 + q**2 / (1.0 + jnp.abs(q)),
    "coupled": coupled,
    "slices": lambda q: jnp.stack([q[0, 0] * q[1, 1], q[3, 2] - q[0, 1], jnp.sum(q[1:, :2])]),
    "concatenated": lambda q: jnp.concatenate([q[:2], jnp.ones((1, 3)), q[2:] * jnp.arange(3.0)]),
    "product": lambda q: q.T @ jnp.linspace(0, 1, 4) + jnp.einsum("ij,ik->jk", q, q)[0],
    "branching": branching,
    "loop": lambda q: jax.lax.fori_loop(0, 3, lambda i, a: a * 0.5 + q[i], q[0]),
    "scatter": lambda q: q.at[1].set(q[0].max())[jnp.array([2, 0])].reshape(6),
    "long sum": lambda q: jnp.sum(jnp.broadcast_to(q[:, None], (4, 30, 3)) ** 2, axis=(0, 1)),
    "custom": lambda q: jax.nn.softplus(q) + jax.nn.relu(q) + jax.scipy.special.logsumexp(q),
    "constant": lambda q: (jnp.ones(2), q.sum()),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_equals_vmap(name):
    q = draw(4, 3, LANES)
    expected = jax.vmap(FUNCTIONS[name], in_axes=-1, out_axes=-1)(q)
    for found in (lanes_last(FUNCTIONS[name], LANES)(q), jax.jit(lanes_last(FUNCTIONS[name], LANES))(q)):
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    "law, state",
    [
        (js.equations.Lorenz63(), lambda: draw(3, LANES)),
        (js.equations.Lorenz96(), lambda: draw(8, LANES)),
        (js.equations.DoublePendulum(), lambda: draw(4, LANES)),
        (js.equations.NBody(masses=[1.0, 2.0, 3.0]), lambda: js.equations.Phase(draw(3, 3, LANES), draw(3, 3, LANES))),
    ],
)
def test_laws(law, state):
    def rate(y):
        return law(0.0, y, None)

    y = state()
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12),
        lanes_last(rate, LANES)(y),
        jax.vmap(rate, in_axes=-1, out_axes=-1)(y),
    )


def test_an_argument_that_nobody_reads_is_found_through_nested_calls():
    def passed(lane, t, y):
        return jax.jit(lambda y: jnp.sin(y))(y) + lane["a"]

    def read(lane, t, y):
        return jax.jit(lambda t, y: t * y)(t, y)

    arguments = {"a": draw(LANES), "b": draw(2, LANES)}, draw(LANES), draw(LANES)
    assert ignores(passed, 1, *arguments)
    assert not ignores(passed, 2, *arguments)
    assert not ignores(read, 1, *arguments)
    assert not ignores(lambda lane, t, y: (y, t), 1, *arguments)


@pytest.mark.parametrize("rate", [1.0, lambda t: 1.0 + 0.5 * jnp.sin(t)])
def test_laws_with_and_without_a_clock_reach_their_exact_end(rate):
    def law(t, y, args):
        return -(rate(t) if callable(rate) else rate) * y

    found = js.ensemble(law, jnp.linspace(1.0, 2.0, 40)[:, None], t1=3.0, rtol=1e-10, atol=1e-12).final[:, 0]
    decay = 3.0 + (0.5 * (1 - np.cos(3.0)) if callable(rate) else 0.0)
    np.testing.assert_allclose(found, np.linspace(1.0, 2.0, 40) * np.exp(-decay), rtol=1e-8)
