"""What does not depend on the arguments of a piece is worked out before it, and nothing changes by it."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci._core.memory import apart_after
from jaxsci._core.settled import number_of, settled

X = jnp.linspace(0.0, 1.0, 12)


def with_constants(x, scale):
    wave = jnp.sin(scale * jnp.arange(12.0))
    return {"sum": x * wave + jnp.exp(scale), "wave": wave, "branch": jax.lax.cond(scale > 0, jnp.sin, jnp.cos, x)}


def primitives(function, *arguments) -> set:
    return {equation.primitive.name for equation in jax.make_jaxpr(function)(*arguments).eqns}


def test_the_rest_holds_no_work_that_could_be_done_before():
    rest, known = settled(lambda x: with_constants(x, jnp.asarray(0.3)), X)
    found = primitives(rest, known, X)
    assert not found & {"sin", "exp"}
    assert "mul" in found
    for name, value in with_constants(X, jnp.asarray(0.3)).items():
        np.testing.assert_allclose(rest(known, X)[name], value, rtol=1e-15)


def test_numbers_are_handed_over_before_they_are_spread_over_an_array():
    _, known = settled(lambda x: x + jnp.broadcast_to(jnp.exp(jnp.ones(())), x.shape), X)
    assert all(value.size == 1 for value in known)


def test_numbers_that_are_spread_and_read_before_are_there_for_both():
    def function(x):
        spread = jnp.broadcast_to(jnp.exp(jnp.ones(())), x.shape)
        return x * spread + jnp.sin(spread)

    rest, known = settled(function, X)
    np.testing.assert_allclose(rest(known, X), function(X), rtol=1e-15)


def test_transforms_are_counted_through_nested_calls():
    def thrice(x):
        return jax.jit(lambda x: jnp.fft.irfft(jnp.fft.rfft(x)))(x) + jnp.fft.rfft(x).real.sum()

    for function, number in ((thrice, 3), (jnp.sin, 0)):
        assert sum(number_of("fft", equation) for equation in jax.make_jaxpr(function)(X).eqns) == number


@pytest.mark.parametrize("transform", [jax.jit, lambda f: jax.jit(jax.vmap(f, in_axes=(0, None)))])
def test_derivatives_reach_what_was_worked_out_before(transform):
    def total(x, scale):
        return sum(jnp.sum(a**2) for a in jax.tree.leaves(apart_after(lambda x: with_constants(x, scale), x)))

    def plain(x, scale):
        return sum(jnp.sum(a**2) for a in jax.tree.leaves(with_constants(x, scale)))

    x = jnp.stack([X, 2 * X]) if transform is not jax.jit else X
    for argument in (0, 1):
        found = transform(jax.grad(total, argument))(x, 0.3)
        np.testing.assert_allclose(found, transform(jax.grad(plain, argument))(x, 0.3), rtol=1e-13)


def loop_text(function, *arguments) -> str:
    """The text of all that the loops of the compiled program run."""
    text = jax.jit(function).lower(*arguments).compile().as_text()
    parts = {
        part.split(" (")[0].split()[-1]: part for part in text.split("\n\n") if part.lstrip().startswith(("%", "E"))
    }
    reached, waiting = {}, re.findall(r"body=(%[\w.-]+)", text)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = parts[name]
            waiting += re.findall(r"(?:calls|to_apply|body)=(%[\w.-]+)", parts[name])
    return "\n".join(reached.values())


class Sourced(js.equations.SemilinearEquation):
    rate: jax.Array

    def linear(self, u):
        return 0.1 * js.laplacian(u)

    def nonlinear(self, t, u, args=None):
        return u.space.field(lambda x: jnp.exp(self.rate * x[0])).to(u.space.home) - (u * u).to(u.space.home)


@pytest.mark.parametrize("kind, method", [(js.Fourier, js.ETDRK4()), (js.FiniteDifference, js.RK4())])
def test_a_source_given_as_a_function_is_sampled_once_a_run(kind, method):
    u = kind(js.Grid(js.Box((0.0, 1.0)), (16,))).field(lambda x: jnp.sin(2 * jnp.pi * x[0]))

    def end(data, rate):
        return js.simulate(Sourced(rate), u.replace(data), t1=0.1, dt=1e-3, method=method).final.data

    text = loop_text(end, u.to(u.space.home).data, jnp.asarray(0.5))
    assert " multiply(" in text
    assert " exponential(" not in text
