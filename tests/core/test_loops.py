"""A loop that all cores share is the loop of `jax.lax.scan`, in values and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci._core import loops


@pytest.fixture
def shared(monkeypatch):
    """Marks every loop, whatever this version of JAX would do with it."""
    monkeypatch.setattr(loops, "_would_use_one_core", lambda carry: True)


def body(carry, n):
    u, v = carry
    return (jnp.sin(u) + v * n, v * 0.5), u[0]


START = (jnp.linspace(0.0, 1.0, 12).astype(jnp.float32), jnp.asarray(2.0 + 1.0j))
NUMBERS = jnp.arange(5, dtype=jnp.float32)


def real_body(carry, n):
    return jnp.sin(carry) * (1 + 0.1 * n), carry[0]


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("unroll", [1, 2])
def test_results_and_outputs_are_those_of_scan(unroll):
    start = (START[0].astype(jnp.complex128), START[1])
    numbers = NUMBERS.astype(jnp.complex128)
    found = jax.jit(lambda c: loops.scan(body, c, numbers, unroll))(start)
    wanted = jax.jit(lambda c: jax.lax.scan(body, c, numbers))(start)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.usefixtures("shared")
def test_derivatives_in_both_modes_and_under_vmap_are_those_of_scan():
    def end(scan, u):
        last, seen = scan(real_body, u, NUMBERS)
        return jnp.sum(last**2) + jnp.sum(seen)

    u = jnp.stack([START[0], 2 * START[0]])
    for derive in (jax.grad, jax.jacfwd):
        found = jax.jit(jax.vmap(derive(lambda u: end(loops.scan, u))))(u)
        wanted = jax.jit(jax.vmap(derive(lambda u: end(jax.lax.scan, u))))(u)
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.usefixtures("shared")
def test_a_carry_may_hold_keys_and_counters():
    start = (jnp.zeros((), int), jax.random.key(0), jnp.ones(3), jnp.zeros((0, 2)))

    def walk(scan, start):
        def step(c, _):
            key, here = jax.random.split(c[1])
            return (c[0] + 1, key, c[2] + jax.random.normal(here, (3,)), c[3]), None

        return scan(step, start, jnp.arange(4))[0]

    found, wanted = walk(loops.scan, start), walk(jax.lax.scan, start)
    assert found[0] == 4 and jnp.array_equal(found[2], wanted[2]) and found[3].shape == (0, 2)
    assert jnp.array_equal(jax.random.key_data(found[1]), jax.random.key_data(wanted[1]))


def is_small(scan, shape, derive=lambda end: end) -> bool:
    def end(u):
        return jnp.sum(scan(lambda c, n: (jnp.sin(c) * n, None), u, NUMBERS)[0])

    return "xla_cpu_small_call" in jax.jit(derive(end)).lower(jnp.ones(shape, jnp.float32)).compile().as_text()


@pytest.mark.parametrize("derive", [lambda end: end, jax.grad])
def test_no_version_of_xla_takes_a_large_loop_for_a_small_one(derive):
    assert not is_small(loops.scan, (512, 513), derive)


@pytest.mark.skipif(jax.__version_info__ < loops.FIRST_AFFECTED, reason="this version deals out the work of all loops")
def test_the_remedy_is_still_needed():
    """Where this fails, XLA has been mended: raise no version, take the remedy out for that version on."""
    assert is_small(jax.lax.scan, (512, 513))
    assert is_small(loops.scan, (8, 8))  # one core is faster, and nothing is done
