"""Transforms of a piece have memory of their own and numbers beside them that fill the queue; nothing else changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci._core.beside import WITNESSES, beside

A, B = np.random.default_rng(0).normal(size=(2, 16, 16))


def product(a, b):
    """Two transforms back, a product, two transforms forth."""
    u, v = (jnp.fft.irfft2(k * jnp.fft.rfft2(x), s=x.shape) for k, x in ((0.5, a), (2.0, b)))
    return jnp.fft.rfft2(u * v).real, jnp.fft.rfft2(u + v)


def run(a, b):
    first, second = beside(product, a, b)
    return first, second


def total(function):
    def number(a, b):
        first, second = function(a, b)
        return jnp.sum(first**2) + jnp.sum(jnp.abs(second) ** 2)

    return number


def transformed(function):
    return {
        "values": function,
        "gradient": jax.grad(total(function), argnums=(0, 1)),
        "tangent": lambda a, b: jax.jvp(function, (a, b), (b, a))[1],
        "gradient of one result": jax.grad(lambda a, b: jnp.sum(function(a, b)[0] ** 2)),
        "tangent of a gradient": lambda a, b: jax.jvp(lambda b: jax.grad(total(function))(a, b), (b,), (a,))[1],
        "gradient of many": jax.vmap(jax.grad(total(function)), in_axes=(0, None)),
        "differentiated twice": jax.grad(lambda a, b: jnp.sum(jax.grad(total(function))(a, b) ** 2)),
    }


@pytest.mark.parametrize("name", transformed(product))
def test_nothing_is_changed(name):
    a = np.stack([A, B]) if "many" in name else A
    for got, expected in zip(
        jax.tree.leaves(jax.jit(transformed(run)[name])(a, B)),
        jax.tree.leaves(transformed(product)[name](a, B)),
        strict=True,
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_a_piece_keeps_what_its_transforms_read_and_give():
    """Six transforms: two read the arguments, two what was multiplied, two products; all but the arguments is kept."""
    text = jax.jit(run).lower(A, B).compile().as_text()
    (call,) = (line for line in text.splitlines() if " call(" in line and 'inlineable="false"' in line)
    results = call.split(" = (")[1].split(") call(")[0]
    assert results.count("f64[1,1]") + results.count("c128[1,1]") == 6 * WITNESSES
    assert results.count("c128[16,9]") == 2 + 2 + 2  # given by the first two, read by the next, given by the last
    assert results.count("f64[16,16]") == 2 + 2  # given by the second two, read by the last


def pieces(function) -> list[tuple[int, int]]:
    """How many transforms each piece of a compiled function holds, and how many single numbers it gives."""
    text = jax.jit(function).lower(A, B).compile().as_text()
    bodies = [part.split("\n}")[0] for part in text.split("\n%piece")[1:]]
    numbers = [body.split("{\n")[0].count("[1,1]") for body in bodies]
    return [(body.count(" fft("), count) for body, count in zip(bodies, numbers, strict=True)]


def test_transforms_of_derivatives_are_beside_each_other_too():
    """Forth, six; back, each of them the other way."""
    assert pieces(jax.grad(total(run), argnums=(0, 1))) == [(6, 6 * WITNESSES), (6, 6 * WITNESSES)]


def test_values_that_nobody_reads_are_not_worked_out_again():
    """Of six transforms of a checkpointed piece a gradient reads what the first four give."""

    def loss(a, b):
        return total(jax.checkpoint(run, prevent_cse=False))(a, b)

    assert [count for count, _ in pieces(jax.grad(loss, argnums=(0, 1)))] == [6, 4, 6]
