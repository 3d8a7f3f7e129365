"""Operators that cannot do what is asked say so, and say what to write instead."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci._core.errors import ShapeError, SpaceMismatchError, UnsupportedError

GRID = js.Grid(js.Box((0.0, 1.0), (0.0, 1.0)), (16, 16))
WALLS = js.FiniteDifference(GRID, js.Dirichlet())
SCALAR = WALLS.field(lambda x: x[0])
VECTOR = WALLS.field(lambda x: x)
RING = js.FiniteDifference(GRID).field(lambda x: x[0])
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
        (lambda: js.curl(js.Neural(js.Box((0.0, 1.0))).field(lambda x: x[0])), ShapeError, "two and three dimensions"),
        (lambda: js.curl(js.gradient(VECTOR)), ShapeError, "rows one by one"),
        (lambda: js.advection(js.gradient(VECTOR), SCALAR), ShapeError, "rows one by one"),
        (lambda: js.advection(SCALAR, SCALAR), ShapeError, "vector field with 2 components"),
        (lambda: js.dot(SCALAR, SCALAR), ShapeError, r"write `u \* v`"),
        (lambda: js.dot(VECTOR, WALLS.field(lambda x: x[:1])), ShapeError, "as long in both"),
        (lambda: js.dot(VECTOR, SCALAR), ShapeError, "as long in both"),
        (lambda: js.operators.stack(), ShapeError, "one field per component"),
        (lambda: js.diffusion(SCALAR, lambda x: x[0]), TypeError, r"space.field\(function\)"),
        (lambda: js.diffusion(SCALAR, [1.0, 2.0]), ShapeError, r"give a number or a \(2, 2\) matrix"),
        (lambda: js.derivative(SCALAR, 0.5), ValueError, "count axes from 0"),
        (lambda: js.derivative(SCALAR, "x"), ValueError, "count axes from 0"),
        (lambda: js.derivative(SCALAR, 0, float("nan")), ValueError, "order 0 is the field itself"),
        (lambda: js.derivative(RING, 0, 40), ShapeError, "needs 20 nodes on a ring"),
        (lambda: js.norm(SCALAR, -1), ValueError, "positive numbers, or jnp.inf"),
        (lambda: js.norm(SCALAR, 0), ValueError, "positive numbers, or jnp.inf"),
        (lambda: js.norm(SCALAR, float("nan")), ValueError, "positive numbers, or jnp.inf"),
        (lambda: js.norm(SCALAR, "fro"), ValueError, "positive numbers, or jnp.inf"),
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
        (lambda: js.FiniteDifference(GRID, order=2.5), ValueError, "orders 2, 4 and 6"),
        (lambda: js.FiniteDifference(GRID, order="high"), ValueError, "orders 2, 4 and 6"),
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


@pytest.mark.parametrize("field", [SCALAR, WAVE, FUNCTION], ids=["nodal", "fourier", "neural"])
def test_whole_numbers_of_any_type_count(field):
    wanted = js.derivative(field, 1, 2)(jnp.array([0.3, 0.4]))
    for one, two in ((1.0, 2.0), (np.int64(1), np.int64(2)), (True, jnp.asarray(2))):
        assert js.derivative(field, one, two)(jnp.array([0.3, 0.4])) == wanted
    assert js.FiniteDifference(GRID, order=4.0) == js.FiniteDifference(GRID, order=np.int64(4))


def test_a_conductivity_is_given_as_a_list_too():
    matrix = [[2, 0.5], [0.5, 1.0]]
    wanted = js.diffusion(RING, np.array(matrix)).values
    np.testing.assert_array_equal(js.diffusion(RING, matrix).values, wanted)
    assert js.diffusion(RING.astype(jnp.float32), matrix).dtype == jnp.float32
