"""The text that the solver integrates is the residual: zero on every exact solution that the library carries."""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import pytest

import jaxsci as js
from jaxsci import equations
from jaxsci._core.precision import multiply
from jaxsci.equations import Example
from jaxsci.learning import residual

KINDS = [getattr(equations, name) for name in dir(equations) if inspect.isclass(getattr(equations, name))]
EXAMPLES = [
    (kind.__name__, name) for kind in KINDS for name in dir(kind) if name.endswith("example") and kind is not Example
]


def pressure(example, t, x):
    """Of the Taylor-Green vortices, and the square that the law takes off the diagonal of `u u`."""
    decay = jnp.exp(-4 * example.equation.viscosity * t)
    return example.solution(t, x)[1] ** 2 - decay * (jnp.cos(2 * x[0]) + jnp.cos(2 * x[1])) / 4


def pressure_of_beltrami(example, t, x):
    u = example.solution(t, x)
    return u[2] ** 2 - jnp.sum(u**2) / 2


def minus_stream_function(example, t, x):
    return -example.solution(t, x) / 2


POTENTIALS = {
    ("NavierStokes", "example"): pressure,
    ("NavierStokes", "beltrami_example"): pressure_of_beltrami,
    ("NavierStokesVorticity", "example"): minus_stream_function,
}


def case(kind: str, name: str):
    example = getattr(getattr(equations, kind), name)()
    box = example.box
    width = 1 + (box.dim if box else 0)
    lows = jnp.array([0.0, *(box.lows if box else ())])
    lengths = jnp.array([min(example.t1, 1.0), *(box.lengths if box else ())])
    points = lows + lengths * jax.random.uniform(jax.random.key(0), (40, width))
    return example, points


def left(kind, name, law, solution):
    example, points = case(kind, name)
    given = POTENTIALS.get((kind, name))
    potentials = None if given is None else partial(given, example)
    return residual(law, solution, points, domain=example.box, potentials=potentials)


@pytest.mark.parametrize(("kind", "name"), EXAMPLES)
def test_exact_solutions_leave_nothing(kind, name):
    example, _ = case(kind, name)
    assert jnp.max(jnp.abs(left(kind, name, equations.manufactured(example), example.solution))) < 1e-10


@pytest.mark.parametrize(("kind", "name"), EXAMPLES)
def test_other_functions_leave_something(kind, name):
    example, _ = case(kind, name)

    def wrong(t, *x):
        return jax.tree.map(lambda a: multiply(1.1 + 0.3 * jnp.sin(3.0 * t), a), example.solution(t, *x))

    assert jnp.max(jnp.abs(left(kind, name, equations.manufactured(example), wrong))) > 1e-3


def test_a_wrong_potential_leaves_something():
    example, points = case("NavierStokes", "example")

    def wrong(t, x):
        return 1.01 * pressure(example, t, x)

    left = residual(example.equation, example.solution, points, domain=example.box, potentials=wrong)
    assert left.shape == (40, 3) and jnp.max(jnp.abs(left[:, :2])) > 1e-3 and jnp.max(jnp.abs(left[:, 2])) > 1e-3


@pytest.mark.parametrize(("kind", "name"), sorted(POTENTIALS))
def test_potentials_must_be_given(kind, name):
    example, points = case(kind, name)
    with pytest.raises(js.ShapeError, match=f"{kind} asks for 1 potentials"):
        residual(example.equation, example.solution, points, domain=example.box)


def test_a_law_with_an_integral_is_refused_by_name():
    def law(t, u, args):
        return u * js.integral(u)

    with pytest.raises(js.UnsupportedError, match="law cannot be the residual.*whole"):
        residual(law, lambda t, x: t * x[0], jnp.array([[0.1, 0.2]]), domain=js.Box((0.0, 1.0)))


@pytest.mark.parametrize("storage", ["function", "neural", "nodal"])
def test_coefficients_of_any_storage_meet_the_unknown(storage):
    box = js.Box((0.0, 1.0))

    def conductivity(x):
        return 1.0 + 0.5 * x[0] ** 2

    nodal = js.FiniteDifference(js.Grid(box, (64,)), boundary=js.Neumann(0.0), order=4)
    k = {"function": conductivity, "neural": js.Neural(box).field(conductivity), "nodal": nodal.field(conductivity)}
    law = js.equations.Heat(k[storage])
    r = residual(law, lambda t, x: t + x[0] ** 2, jnp.array([[0.3, 0.5]]), domain=box)
    assert jnp.allclose(r[0, 0], 1.0 - (2.0 + 3 * 0.5**2), atol=1e-3 if storage == "nodal" else 1e-12)


def test_a_law_that_differentiates_behind_our_back_is_refused():
    def law(t, u, args):
        return u.replace(js.fields.neural.Derivative(u.data, 0, 1))

    with pytest.raises(js.UnsupportedError, match="js.derivative"):
        residual(law, lambda t, x: t * x[0], jnp.array([[0.1, 0.2]]), domain=js.Box((0.0, 1.0)))


def test_points_of_the_wrong_width():
    with pytest.raises(js.ShapeError, match="length 2"):
        residual(js.equations.Heat(), lambda t, x: x[0], jnp.zeros((4, 3)), domain=js.Box((0.0, 1.0)))


def test_single_precision_is_kept():
    points = jnp.array([[0.5, 1.0]], jnp.float32)
    r = residual(js.equations.Heat(1.0), lambda t, x: jnp.exp(-t) * jnp.sin(x[0]), points, domain=js.Box((0.0, 3.0)))
    assert r.dtype == jnp.float32 and abs(r[0, 0]) < 1e-6
