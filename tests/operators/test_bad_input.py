"""Operators that cannot do what is asked say so, and say what to write instead."""

import jax.numpy as jnp
import pytest

import jaxsci as js
from jaxsci._core.errors import ShapeError, SpaceMismatchError, UnsupportedError

GRID = js.Grid(js.Box((0.0, 1.0), (0.0, 1.0)), (16, 16))
WALLS = js.FiniteDifference(GRID, js.Dirichlet())
SCALAR = WALLS.field(lambda x: x[0])
VECTOR = WALLS.field(lambda x: x)
WAVE = js.Fourier(GRID).field(lambda x: jnp.sin(2 * jnp.pi * x[0]))
FUNCTION = js.Neural(js.Box((0.0, 1.0), (0.0, 1.0))).field(lambda x: x[0])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: js.laplacian(SCALAR.values), TypeError, r"build one with space.field"),
        (lambda: js.derivative(SCALAR, 2), ValueError, "count axes from 0"),
        (lambda: js.derivative(SCALAR, -1), ValueError, "count axes from 0"),
        (lambda: js.derivative(SCALAR, 0, 0), ValueError, "order 0 is the field itself"),
        (lambda: js.divergence(SCALAR), ShapeError, "vector field with 2 components"),
        (lambda: js.curl(WALLS.field(lambda x: jnp.ones(3))), ShapeError, "operators.stack"),
        (lambda: js.curl(js.Neural(js.Box((0.0, 1.0))).field(lambda x: x)), ShapeError, "two and three dimensions"),
        (lambda: js.advection(SCALAR, SCALAR), ShapeError, "vector field with 2 components"),
        (lambda: js.diffusion(SCALAR, jnp.ones(3)), ShapeError, r"give a number or a \(2, 2\) matrix"),
        (lambda: js.diffusion(SCALAR, WAVE), SpaceMismatchError, "space.project"),
        (lambda: js.inner(SCALAR, VECTOR), ShapeError, "both need the same"),
        (lambda: js.integral(FUNCTION), UnsupportedError, r"no quadrature of its own.*space.project\(field\)"),
        (lambda: js.energy_spectrum(SCALAR), UnsupportedError, "defined for: Fourier"),
        (lambda: js.solve_poisson(FUNCTION), UnsupportedError, "whole function at once"),
        (lambda: js.solve_poisson(2.0 * SCALAR), ValueError, r"solve_poisson\(f, boundary=Dirichlet\(0.0\)\)"),
        (lambda: js.solve_poisson(WAVE, boundary=js.Dirichlet()), ShapeError, "takes no boundary"),
        (lambda: js.divergence_free(VECTOR), UnsupportedError, "needs periodic axes"),
        (lambda: js.divergence_free(WAVE), ShapeError, "vector field with 2 components"),
        (lambda: js.operators.stack(SCALAR, WAVE), SpaceMismatchError, "space.project"),
        (lambda: WAVE.to("face"), UnsupportedError, "'coef' and 'grid'"),
        (lambda: SCALAR.to("coef"), UnsupportedError, "it has 'node'"),
        (lambda: FUNCTION.to("grid"), UnsupportedError, "it has 'function'"),
        (lambda: FUNCTION.values, UnsupportedError, r"Neural\(Grid\(box, shape\)\)"),
        (lambda: WAVE.with_boundary(js.Dirichlet()), UnsupportedError, "no walls to carry a law"),
        (lambda: FUNCTION.with_boundary(js.Dirichlet()), UnsupportedError, "FiniteDifference"),
        (lambda: SCALAR.with_boundary(js.Periodic()), SpaceMismatchError, "space.project"),
        (lambda: js.FiniteDifference(GRID, order=3), ValueError, "orders 2, 4 and 6"),
        (lambda: js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (9,)), order=4), ShapeError, "at least 10 nodes"),
        (lambda: js.FiniteDifference(GRID.box), ShapeError, "needs a Grid"),
        (lambda: js.derivative(SCALAR, 0, 15), ShapeError, "refine the grid"),
        (lambda: js.Fourier(GRID, dealias=1.5), ValueError, "2/3, 1/2, or None"),
        (lambda: js.Fourier(js.Grid(js.Box((0.0, 1.0)), (3,))), ShapeError, "at least 4 nodes"),
        (lambda: js.Neural((0.0, 1.0)), ShapeError, "needs a Box or a Grid"),
    ],
)
def test_the_message_names_the_remedy(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_an_operator_lists_its_storages_and_takes_new_ones():
    assert "Fourier" in repr(js.energy_spectrum)

    class Doubled(js.FiniteDifference):
        pass

    field = Doubled(GRID, js.Dirichlet()).field(lambda x: x[0])
    assert js.laplacian(field).shape == ()
