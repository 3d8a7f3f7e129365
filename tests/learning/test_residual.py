"""The text that the solver integrates is the residual: zero on every exact solution that the library carries."""

import inspect

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
GLOBAL = {"NavierStokes", "NavierStokesVorticity"}


def case(kind: str, name: str):
    example = getattr(getattr(equations, kind), name)()
    box = example.box
    width = 1 + (box.dim if box else 0)
    lows = jnp.array([0.0, *(box.lows if box else ())])
    lengths = jnp.array([min(example.t1, 1.0), *(box.lengths if box else ())])
    points = lows + lengths * jax.random.uniform(jax.random.key(0), (40, width))
    return example, points


@pytest.mark.parametrize(("kind", "name"), [pair for pair in EXAMPLES if pair[0] not in GLOBAL])
def test_exact_solutions_leave_nothing(kind, name):
    example, points = case(kind, name)
    law = equations.manufactured(example)
    assert jnp.max(jnp.abs(residual(law, example.solution, points, domain=example.box))) < 1e-10


@pytest.mark.parametrize(("kind", "name"), [pair for pair in EXAMPLES if pair[0] not in GLOBAL])
def test_other_functions_leave_something(kind, name):
    example, points = case(kind, name)

    def wrong(t, *x):
        return jax.tree.map(lambda a: multiply(1.1 + 0.3 * jnp.sin(3.0 * t), a), example.solution(t, *x))

    law = equations.manufactured(example)
    assert jnp.max(jnp.abs(residual(law, wrong, points, domain=example.box))) > 1e-3


@pytest.mark.parametrize("kind", sorted(GLOBAL))
def test_laws_that_need_the_whole_function_are_refused_by_name(kind):
    example, points = case(kind, "example")
    with pytest.raises(js.UnsupportedError, match=f"{kind}.*whole"):
        residual(example.equation, example.solution, points, domain=example.box)


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
