"""Fields behave like the functions they store: arithmetic, components, constants, in every storage."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci._core.errors import PrecisionError, ShapeError, SpaceMismatchError

GRID = js.Grid(js.Box((0.0, 2 * np.pi), (0.0, 1.0)), (16, 18))
SPACES = {
    "nodal": js.FiniteDifference(GRID, order=4),
    "walls": js.FiniteDifference(GRID, {"x": js.Periodic(), "y": js.Neumann()}),
    "fourier": js.Fourier(GRID, dealias=None),
    "neural": js.Neural(GRID),
}


def f(x):
    return 2.0 + jnp.sin(x[0]) * jnp.cos(2 * jnp.pi * x[1])


def g(x):
    return 1.5 + jnp.cos(x[0])


def v(x):
    return jnp.stack([f(x), g(x)])


def psi(x):
    return f(x).astype(complex) * jax.lax.complex(jnp.cos(x[0]), jnp.sin(x[0]))


@pytest.fixture(params=SPACES)
def space(request):
    return SPACES[request.param]


def c(x):
    return f(x).astype(complex)


def check(field, function):
    values = jax.vmap(lambda x: jnp.asarray(function(x)), out_axes=-1)(field.space.points.reshape(-1, 2))
    np.testing.assert_allclose(np.asarray(field.values).reshape(values.shape), values, rtol=1e-12, atol=1e-12)


def test_scalars(space):
    a, b = space.field(f), space.field(g)
    check(a + b - 2 * a, lambda x: g(x) - f(x))
    check(-a / b + 1 / b, lambda x: (1 - f(x)) / g(x))
    check(3 - a * 0.5, lambda x: 3 - f(x) / 2)
    check(a**2 + abs(-b), lambda x: f(x) ** 2 + g(x))
    check(a**b, lambda x: f(x) ** g(x))
    check(a.map(jnp.sin), lambda x: jnp.sin(f(x)))
    check(a.map(lambda p, q: p / (1 + q**2), b), lambda x: f(x) / (1 + g(x) ** 2))


def test_powers_of_and_by_constants(space):
    a, w = space.field(f), space.field(v)
    check(2.0**a, lambda x: 2.0 ** f(x))
    check(jnp.asarray(1.5) ** a - a ** jnp.asarray(1.5), lambda x: 1.5 ** f(x) - f(x) ** 1.5)
    check(w ** np.array([1.0, 2.0]), lambda x: jnp.stack([f(x), g(x) ** 2]))
    check(a ** np.int64(2) + 2 / w[1] + a**-1, lambda x: f(x) ** 2 + 2 / g(x) + 1 / f(x))
    check((1j) ** a, lambda x: 1j ** c(x))
    node = space.points[3, 4]
    slope = jax.jit(jax.grad(lambda p: (a**p + p**a)(node)))(1.5)
    np.testing.assert_allclose(slope, f(node) ** 1.5 * jnp.log(f(node)) + f(node) * 1.5 ** (f(node) - 1), rtol=1e-10)
    with pytest.raises(ShapeError, match="one number per component"):
        a ** jnp.array([1.0, 2.0])
    with pytest.raises(TypeError):
        a ** "2"


def test_truth_values_and_integers_are_numbers(space):
    a = space.field(f)
    for dtype in (jnp.float64, jnp.float32):
        u = a if space.home == "function" else a.astype(dtype)
        points = space.points.astype(dtype)
        inside, floors = u.map(lambda y: y > 2.0), u.map(lambda y: jnp.floor(y).astype(int))
        for result in (inside, floors, 2 * inside, inside - floors, u.map(lambda y: 1), u.map(lambda y: 1.0)):
            assert result(points).dtype == dtype
        if space.home != "function":
            assert inside.dtype == inside.values.dtype == dtype
            share = np.mean(np.asarray(a.values) > 2.0)
            np.testing.assert_allclose(js.mean(inside), share, rtol=0.05)
            np.testing.assert_allclose(js.norm(inside) ** 2, js.integral(inside), rtol=1e-5)
    np.testing.assert_allclose((2 * a.map(lambda y: y > 2.0)).values, 2.0 * (np.asarray(a.values) > 2.0))


def test_a_type_without_fractions_is_refused(space):
    if space.home == "function":
        pytest.skip("a function follows the precision of its points")
    for kind in (int, bool, jnp.int32):
        with pytest.raises(PrecisionError, match="holds no real numbers"):
            space.field(f, dtype=kind)
        with pytest.raises(PrecisionError, match="holds no real numbers"):
            space.field(f).astype(kind)


def test_components_are_picked_by_lists_too(space):
    w = space.field(v)
    check(w[[1, 0]], lambda x: v(x)[::-1])
    check(w[[True, False]], lambda x: v(x)[:1])


def test_complex_points_are_refused(space):
    with pytest.raises(PrecisionError, match=r"points.real"):
        space.field(f)(jnp.array([0.1 + 0.2j, 0.3]))


def test_vectors(space):
    a, w = space.field(f), space.field(v)
    assert (w.shape, a.shape, len(w)) == ((2,), (), 2)
    check(w[1], g)
    check(w[-1] + w[0], lambda x: f(x) + g(x))
    check(a * w - w / a, lambda x: f(x) * v(x) - v(x) / f(x))
    check(
        jnp.array([1.0, 2.0]) * w + np.array([0.5, 1.0]), lambda x: v(x) * jnp.array([1.0, 2.0]) + jnp.array([0.5, 1.0])
    )
    check(np.float64(2.0) * w, lambda x: 2 * v(x))
    check(w + 1, lambda x: v(x) + 1)
    check(js.dot(w, w), lambda x: jnp.sum(v(x) ** 2))
    first, second = w
    check(first * second, lambda x: f(x) * g(x))


def test_matrices(space):
    m = space.field(lambda x: jnp.outer(v(x), v(x)))
    assert m.shape == (2, 2)
    check(m[0], lambda x: f(x) * v(x))
    check(m[..., 1], lambda x: g(x) * v(x))
    check(m[0, 1] - m[1][0], lambda x: 0 * f(x))


def test_complex_numbers(space):
    a, z = space.field(f), space.field(psi)
    assert a.dtype == z.dtype == jnp.float64
    check(1j * z + z, lambda x: (1 + 1j) * psi(x))
    check(a * z, lambda x: c(x) * psi(x))
    check(a + z, lambda x: c(x) + psi(x))
    check(1j * a, lambda x: 1j * c(x))
    check(2j + a, lambda x: 2j + c(x))
    check((2 + 1j) / a, lambda x: (2 + 1j) / c(x))
    check(z.map(lambda p: p * jnp.conj(p)), lambda x: c(x) ** 2)
    check(jnp.asarray(0.5 + 1j) * a, lambda x: (0.5 + 1j) * c(x))
    check(a * a + a * z, lambda x: c(x) * (c(x) + psi(x)))


def test_an_index_beyond_the_components_is_named(space):
    a, w = space.field(f), space.field(v)
    with pytest.raises(IndexError, match="the index picks components"):
        w[2]
    with pytest.raises(IndexError, match="one component only"):
        a[0]
    with pytest.raises(TypeError, match="scalar field"):
        list(a)


def test_components_must_match(space):
    w = space.field(v)
    with pytest.raises(ShapeError, match=r"dot\(u, v\)"):
        js.derivative(w * space.field(lambda x: jnp.outer(v(x), v(x))))(jnp.zeros(2))
    with pytest.raises(ShapeError, match=r"space.field\(values\)"):
        w * jnp.ones(3)


def test_spaces_never_mix_silently():
    fields = [space.field(f) for space in SPACES.values()]
    for i, a in enumerate(fields):
        for j, b in enumerate(fields):
            if i != j:
                with pytest.raises(SpaceMismatchError, match=r"space.project\(field\)"):
                    a + b
                with pytest.raises(SpaceMismatchError, match=r"space.project\(field\)"):
                    js.inner(a, b)
    other = js.Fourier(js.Grid(GRID.box, (16, 16))).field(f)
    with pytest.raises(SpaceMismatchError):
        js.operators.stack(SPACES["fourier"].field(f), other)


def test_precisions_never_mix_silently(space):
    if space.home == "function":
        pytest.skip("a function follows the precision of its points")
    double, single = space.field(f), space.field(f, dtype=jnp.float32)
    assert single.dtype == jnp.float32
    for combine in (lambda: double + single, lambda: double * single, lambda: js.inner(single, double)):
        with pytest.raises(PrecisionError, match=r"field.astype\(jnp.float"):
            combine()
    with pytest.raises(PrecisionError, match=r"field.astype\(jnp.float64\)"):
        single * jnp.ones(())
    with pytest.raises(PrecisionError, match=r"field.astype\(jnp.float64\)"):
        single * jnp.ones((), complex)
    for combine in (lambda: single ** np.float64(2.0), lambda: single ** jnp.ones(()), lambda: jnp.ones(()) ** single):
        with pytest.raises(PrecisionError, match=r"field.astype\(jnp.float64\)"):
            combine()
    assert (single.astype(jnp.float64) * double).dtype == jnp.float64
    assert (2.0 * single + 1 - 1j * single).dtype == jnp.float32


def test_complex_values_do_not_fit_a_real_field():
    with pytest.raises(PrecisionError, match="take `.real`"):
        SPACES["fourier"].field(psi, dtype=jnp.float64)


def test_nodal_values_are_checked(space):
    if space.home == "function":
        with pytest.raises(ShapeError, match="function or a network"):
            space.field(jnp.zeros(GRID.shape))
        return
    with pytest.raises(ShapeError, match="last axes must be the grid"):
        space.field(jnp.zeros((16, 17)))
    check(space.field(space.field(v).values), v)
    assert space.field(np.ones(GRID.shape, int)).dtype == jnp.float64


def test_points_are_checked(space):
    with pytest.raises(ShapeError, match=r"pass shape \(..., 2\)"):
        space.field(f)(jnp.zeros(3))
    np.testing.assert_allclose(space.field(f)([0, 0]), f(jnp.zeros(2)), rtol=1e-3)


def test_a_field_prints_its_kind(space):
    text = repr(space.field(v))
    assert "components (2,)" in text and "float64" in text and type(space).__name__ in text
    jax.eval_shape(lambda u: (repr(u), u.map(jnp.sin).values)[1], SPACES["walls"].field(f))


def test_states_are_unpacked_and_packed_again(space):
    state = {"u": space.field(f) * 1.0, "w": space.field(v), "n": jnp.ones(3)}
    again = js.fields.pack(state, js.fields.unpack(state))
    np.testing.assert_array_equal(again["u"].values, state["u"].values)
    assert again["w"].layout == space.home and jax.tree.structure(again) == jax.tree.structure(state)


@pytest.mark.parametrize(
    "wrong",
    [lambda u: u == 0, lambda u: u != 0.0, lambda u: u > 0.5, lambda u: jnp.ones(()) >= u, lambda u: u < u],
    ids=["equal", "not equal", "more", "an array", "a field"],
)
def test_fields_are_compared_at_their_nodes(wrong):
    u = js.Fourier(js.Grid(js.Box((0.0, 1.0)), (8,))).field(lambda x: x[0])
    with pytest.raises(TypeError, match="write field.values > number"):
        wrong(u)
    assert u == u and u != 2.0 * u and u != None and len({u.space, u.space}) == 1  # noqa: E711


def test_fields_are_no_arrays():
    u = js.Fourier(js.Grid(js.Box((0.0, 1.0)), (8,))).field(lambda x: x[0])
    for wrong in (np.asarray, jnp.asarray):
        with pytest.raises(TypeError, match=r"write field.values .* instead of jnp.sin\(field\)"):
            wrong(u)
