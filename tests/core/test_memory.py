"""What is compiled apart stays so: in values, in derivatives, under vmap; and nothing changes by it."""

import jax
import jax.numpy as jnp
import pytest

import jaxsci as js
from jaxsci._core.memory import apart, apart_after, branches_are_cheap, can_choose_loops, for_stencils, in_memory


def calls(function, *arguments) -> int:
    """Calls that the compiled program did not take apart again."""
    text = jax.jit(function).lower(*arguments).compile().as_text()
    return sum('inlineable="false"' in line and " call(" in line for line in text.splitlines())


def doubled(x):
    return apart(lambda a: jnp.sin(a) * 2, x) + 1


def slope_of_sum(x):
    return jax.grad(lambda x: jnp.sum(doubled(x)))(x)


@pytest.mark.parametrize("function", [doubled, jax.vmap(doubled), slope_of_sum, jax.vmap(slope_of_sum)])
def test_a_piece_is_not_taken_into_its_surroundings(function):
    assert calls(function, jnp.linspace(0.0, 1.0, 12).reshape(3, 4)) >= 1


@pytest.mark.parametrize("wrap", [in_memory, lambda a: apart(lambda b: b, a), lambda a: apart_after(lambda b: b, a)])
def test_values_and_derivatives_are_those_of_the_function(wrap):
    x = jnp.linspace(0.0, 1.0, 12)
    assert jnp.array_equal(jax.jit(wrap)(x), x)
    assert jnp.array_equal(jax.jit(jax.grad(lambda x: jnp.sum(wrap(x) ** 2)))(x), 2 * x)
    assert jnp.array_equal(jax.jit(lambda x: jax.jvp(wrap, (x,), (x,))[1])(x), x)


def test_what_is_written_to_memory_stays_a_call():
    assert calls(lambda x: jnp.sin(in_memory(x * 2)), jnp.ones(8)) == 1


def test_functions_inside_a_piece_are_not_kept_apart_by_it():
    assert calls(lambda x: apart(lambda a: jnp.flip(jnp.tensordot(a, a, 1) * a), x) + 1, jnp.ones(8)) == 1


def test_a_piece_stays_apart_whatever_reads_it():
    """A product with one is lowered to nothing, and would hand its own mark to the call that it reads."""

    def function(x):
        return apart(lambda a: jnp.cos(1.0 * apart(jnp.sin, a)), x)

    assert calls(function, jnp.ones(8)) == 2
    assert calls(jax.grad(lambda x: jnp.sum(function(x))), jnp.ones(8)) >= 3


def test_outside_a_program_the_function_is_simply_called():
    assert apart(lambda a: isinstance(a, jax.core.Tracer), jnp.ones(8)) is False
    assert jax.jit(lambda a: apart(lambda a: jnp.asarray(isinstance(a, jax.core.Tracer)), a))(jnp.ones(8))


def reads(boundary, order):
    """Calls in a step of heat, forward and in its gradient."""
    grid = js.Grid(js.Box((0.0, 1.0), (0.0, 1.0)), (16, 16))
    u = js.FiniteDifference(grid, boundary=boundary, order=order).field(lambda x: jnp.sin(x[0]) * x[1])
    step = js.stepper(js.equations.Heat(), u, dt=1e-4, method=js.RK4())

    def end(data):
        return jnp.sum(step(u.replace(data)).data ** 2)

    return calls(end, u.data), calls(jax.grad(end), u.data)


@pytest.mark.parametrize("boundary", [js.Periodic(), js.Dirichlet(1.0), js.Neumann(0.0)])
@pytest.mark.parametrize("order", [2, 6])
def test_slopes_of_stencils_are_written_down_in_both_directions(boundary, order):
    forward, both = reads(boundary, order)
    assert forward >= 4
    assert both >= 2 * forward - 1


@pytest.mark.skipif(not can_choose_loops(), reason="this version of XLA has one way to write loops")
@pytest.mark.parametrize("boundary", [js.Periodic(), js.Robin(1.0, 2.0, 0.5)])
@pytest.mark.parametrize("order", [2, 4])
def test_both_ways_to_write_loops_give_one_derivative(boundary, order):
    grid = js.Grid(js.Box((0.0, 1.0), (0.0, 2.0)), (16, 12))
    u = js.FiniteDifference(grid, boundary=boundary, order=order).field(lambda x: jnp.sin(x[0]) * jnp.cos(x[1]))
    for function in (js.laplacian, lambda u: js.derivative(u, 1), lambda u: js.derivative(u, 0)):
        found = for_stencils(lambda u, function=function: (function(u), branches_are_cheap()))(u)
        wanted = jax.jit(function)(u)
        assert found[1] and not branches_are_cheap()
        scale = float(jnp.max(jnp.abs(wanted.values)))
        assert float(jnp.max(jnp.abs(found[0].values - wanted.values))) < 1e-13 * scale


@pytest.mark.skipif(jax.__version_info__ >= (0, 11), reason="later versions of XLA dropped the option")
def test_a_run_of_stencils_may_choose_its_loops_here():
    assert can_choose_loops()
