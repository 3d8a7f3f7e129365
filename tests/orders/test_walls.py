"""Between walls: exact on polynomials of the degree that the order promises, whatever law holds, up to the wall."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial import Polynomial

import jaxsci as js
from jaxsci.geometry import Free

LOW, HIGH = -0.3, 0.9
GRID = js.Grid(js.Box((LOW, HIGH)), (16,))
ORDERS = (2, 4, 6)


def polynomial(degree):
    return Polynomial([0.7, -1.1, 0.9, 1.3, -0.8, 0.6, 1.2, -0.5, 0.4, 0.3][: degree + 1])


def laws(p):
    """Every kind of law at either end that the polynomial obeys."""
    slope = p.deriv()

    def pair(make):
        return {"x-": make(p(LOW), -slope(LOW)), "x+": make(p(HIGH), slope(HIGH))}

    mixed = {"x-": js.Neumann(-slope(LOW)), "x+": js.Dirichlet(lambda x: p(HIGH) + 0.0 * x[0])}
    return {
        "value": pair(lambda value, flux: js.Dirichlet(value)),
        "slope": pair(lambda value, flux: js.Neumann(flux)),
        "both": pair(lambda value, flux: js.Robin(2.0, 0.7, 2.0 * value + 0.7 * flux)),
        "mixed": mixed,
        "none": Free(),
    }


def field(p, law, order):
    space = js.FiniteDifference(GRID, law, order)
    return space.field(p(space.axes[0]))


def close(got, p, scale=1.0):
    x = js.FiniteDifference(GRID, Free()).axes[0]
    np.testing.assert_allclose(got, p(x), rtol=0, atol=1e-10 * max(1.0, np.abs(p(x)).max()) * scale)


@pytest.mark.parametrize("order", ORDERS)
def test_derivatives_are_exact_on_polynomials(order):
    cases = [(k, name) for k in (1, 2, 3, 4) for name in laws(polynomial(1))]
    fields = {(k, name): field(p := polynomial(order + k - 1), laws(p)[name], order) for k, name in cases}
    results = eqx.filter_jit(lambda us: [js.derivative(us[case], 0, case[0]).values for case in cases])(fields)
    for (k, _), result in zip(cases, results, strict=True):
        close(result, polynomial(order + k - 1).deriv(k), scale=10.0 ** (2 * (k - 1)))


@pytest.mark.parametrize("order", ORDERS)
def test_the_next_degree_is_not_exact(order):
    p = polynomial(order + 1)
    error = js.derivative(field(p, laws(p)["value"], order)).values - p.deriv()(
        np.asarray(js.FiniteDifference(GRID, Free()).axes[0])
    )
    assert np.abs(error).max() > 1e-9


@pytest.mark.parametrize("order", ORDERS)
def test_variable_diffusion_is_exact_on_polynomials(order):
    p, k = polynomial(order // 2 + 1), polynomial(order // 2)
    fields = {name: field(p, law, order) for name, law in laws(p).items()}
    conductivity = field(k, Free(), order)
    results = eqx.filter_jit(lambda us, k: {name: js.diffusion(u, k).values for name, u in us.items()})(
        fields, conductivity
    )
    for result in results.values():
        close(result, (k * p.deriv()).deriv())


@pytest.mark.parametrize("order", ORDERS)
def test_evaluation_and_integrals_are_exact_on_polynomials(order):
    p = polynomial(order)
    points = jnp.linspace(LOW, HIGH, 23)[:, None]
    fields = {name: field(p, law, order) for name, law in laws(p).items()}
    q = polynomial(order - 1)
    results, total = eqx.filter_jit(lambda us, w: ({name: u(points) for name, u in us.items()}, js.integral(w)))(
        fields, field(q, Free(), order)
    )
    for result in results.values():
        np.testing.assert_allclose(result, p(np.asarray(points[:, 0])), rtol=0, atol=1e-12)
    np.testing.assert_allclose(total, q.integ()(HIGH) - q.integ()(LOW), rtol=1e-13)


@pytest.mark.parametrize("order", ORDERS)
def test_poisson_is_exact_on_polynomials(order):
    p = polynomial(order + 1)
    for name in ("value", "both", "mixed"):
        f = field(p.deriv(2), Free(), order)
        solve = eqx.filter_jit(lambda f, law: js.solve_poisson(f, boundary=law).values)
        if name == "both":
            got = js.solve_poisson(f, boundary=laws(p)[name]).values
        elif name == "mixed":
            got = js.solve_poisson(field(p.deriv(2), laws(p)[name], order)).values
        else:
            got = solve(f, laws(p)[name])
        close(got, p)


@pytest.mark.parametrize("order", ORDERS)
def test_between_neumann_walls_the_mean_is_free(order):
    p = polynomial(order + 1)
    mean = (p.integ()(HIGH) - p.integ()(LOW)) / (HIGH - LOW)
    got = js.solve_poisson(field(p.deriv(2), laws(p)["slope"], order)).values
    x = js.FiniteDifference(GRID, Free()).axes[0]
    difference = got - (p(x) - mean)
    assert np.ptp(difference) < 1e-10 and abs(difference[0]) < (1e-2 if order == 2 else 1e-4)
    shifted = js.solve_poisson(field(p.deriv(2) + 5.0, laws(p)["slope"], order)).values
    if order == 2:
        np.testing.assert_allclose(shifted, got, atol=1e-10)


@pytest.mark.parametrize("order", ORDERS)
def test_the_biharmonic_is_exact_inside_and_with_a_second_law_at_the_wall(order):
    p = polynomial(order + 3)
    second = p.deriv(2)
    u = field(p, laws(p)["value"], order)
    margin = order + 2
    x = np.asarray(u.space.axes[0])
    got = js.biharmonic(u).values
    if order < 6:
        np.testing.assert_allclose(got[margin:-margin], p.deriv(4)(x)[margin:-margin], atol=1e-4)
    q = polynomial(order + 1)
    u = field(q, laws(q)["value"], order)
    hinged = js.laplacian(js.laplacian(u).with_boundary(laws(q.deriv(2))["value"])).values
    np.testing.assert_allclose(hinged, q.deriv(4)(x), atol=1e-6)
    assert second.degree() == order + 1


def spectrum(space, operator):
    columns = operator(js.fields.Field(jnp.eye(space.grid.shape[0]), space, "node")).values
    return np.linalg.eigvals(np.asarray(columns).T)


@pytest.mark.parametrize("order", ORDERS)
def test_diffusion_is_stable_between_walls(order):
    wall = {"value": js.Dirichlet(), "slope": js.Neumann(), "both": js.Robin(2.0, 0.7)}
    for low in wall.values():
        for high in wall.values():
            space = js.FiniteDifference(GRID, {"x-": low, "x+": high}, order)
            conductivity = space.field(lambda x: 1.5 + jnp.sin(3 * x[0]))
            for operator in (js.laplacian, lambda u, k=conductivity: js.diffusion(u, k)):
                growth = spectrum(space, operator).real
                assert growth.max() < 1e-9 * np.abs(growth).max()


def test_two_laws_at_a_wall_make_the_biharmonic_stable_and_one_does_not():
    for order in ORDERS:
        space = js.FiniteDifference(GRID, js.Dirichlet(), order)
        assert spectrum(space, lambda u: -js.laplacian(js.laplacian(u).with_boundary(js.Dirichlet()))).real.max() < 0
        assert spectrum(space, lambda u: -js.biharmonic(u)).real.max() > 0


def test_pure_advection_between_walls_is_unstable_at_order_six():
    space = js.FiniteDifference(GRID, {"x-": js.Dirichlet(), "x+": Free()}, 2)
    assert spectrum(space, lambda u: -js.derivative(u)).real.max() < 1e-9
    space = js.FiniteDifference(GRID, {"x-": js.Dirichlet(), "x+": Free()}, 6)
    assert spectrum(space, lambda u: -js.derivative(u)).real.max() > 0.1
