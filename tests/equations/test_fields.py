"""Laws for fields: storages agree, semilinear laws keep their contract, invariants stay, precision holds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.equations import (
    AllenCahn,
    Burgers,
    CahnHilliard,
    Example,
    KleinGordon,
    KortewegDeVries,
    ManufacturedSemilinear,
    NavierStokes,
    NavierStokesVorticity,
    SemilinearEquation,
    SwiftHohenberg,
    Wave,
    manufactured,
)

from .laws import CASES, EXACT, GLOBAL_CASES, box, fields_of, fourier, scalar, state_of

ALL = CASES | GLOBAL_CASES


def values_of(state):
    return [field.values for field in fields_of(state)]


def arrays_of(law, space, functions):
    return eqx.filter_jit(lambda law: values_of(law(0.3, state_of(space, functions))))(law)


@pytest.mark.parametrize("name", CASES)
def test_fourier_and_functions_agree(name):
    law, functions, dim = CASES[name]
    space = fourier(dim)
    rates = arrays_of(law, space, functions)
    exact = jax.jit(
        lambda points: [field(points) for field in fields_of(law(0.3, state_of(js.Neural(box(dim)), functions)))]
    )(space.points)
    assert max(float(jnp.abs(a).max()) for a in rates) > 0.05
    for a, b in zip(rates, exact, strict=True):
        b = jnp.moveaxis(b, tuple(range(dim)), tuple(range(-dim, 0)))
        np.testing.assert_allclose(a, b, atol=1e-8 if "kuramoto" in name or "hilliard" in name else 1e-10)


QUICK = {name for name, (_, _, dim) in ALL.items() if dim == 1} | {"heat-variable", "burgers-plane", "navier-stokes"}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ALL]
)
def test_finite_differences_converge_to_fourier(name):
    law, functions, dim = ALL[name]
    errors = []
    for n in (32, 64) if name != "korteweg-de-vries" else (64, 128):
        grid = js.Grid(box(dim), (n,) * dim)
        nodal = arrays_of(law, js.FiniteDifference(grid, boundary=js.Periodic(), order=4), functions)
        exact = arrays_of(law, fourier(dim, n), functions)
        errors.append(max(float(jnp.abs(a - b).max()) for a, b in zip(nodal, exact, strict=True)))
    assert errors[1] < errors[0] / 12
    assert errors[1] < 0.02


@pytest.mark.parametrize("name", ALL)
def test_the_linear_part_is_linear_and_the_law_is_the_sum(name):
    law, functions, dim = ALL[name]
    assert isinstance(law, SemilinearEquation)
    u = state_of(fourier(dim, 16), functions)
    add = lambda a, b: jax.tree.map(lambda x, y: x + y, a, b, is_leaf=lambda n: isinstance(n, js.Field))  # noqa: E731
    scale = lambda c, a: jax.tree.map(lambda x: c * x, a, is_leaf=lambda n: isinstance(n, js.Field))  # noqa: E731

    @eqx.filter_jit
    def pieces(law, u):
        rate = law(0.3, u)
        w = scale(0.01, rate)
        left = values_of(law.linear(add(scale(2.0, u), w)))
        right = values_of(add(scale(2.0, law.linear(u)), law.linear(w)))
        return left, right, values_of(add(law.linear(u), law.nonlinear(0.3, u))), values_of(rate)

    for a, b, c, d in zip(*pieces(law, u), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(c, d, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("weak", [True, False])
def test_single_precision_stays(name, weak):
    law, functions, dim = ALL[name]
    double = state_of(fourier(dim, 16), functions)
    single = jax.tree.map(lambda u: u.astype(jnp.float32), double, is_leaf=lambda n: isinstance(n, js.Field))
    if not weak:
        law = jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, law)
    elif any(eqx.is_inexact_array(a) and not a.weak_type for a in jax.tree.leaves(law)):
        pytest.skip("a coefficient given as an array keeps its own precision")
    rates = eqx.filter_jit(law)(0.3, single)
    for field, exact in zip(fields_of(rates), values_of(law(0.3, double)) if weak else fields_of(rates), strict=True):
        assert field.dtype == jnp.float32
        if weak:
            np.testing.assert_allclose(field.values, exact, rtol=1e-3, atol=1e-3 * float(jnp.abs(exact).max()))


@pytest.mark.parametrize("name", ALL)
def test_coefficients_can_be_mapped_and_differentiated(name):
    law, functions, dim = ALL[name]
    if not jax.tree.leaves(eqx.filter(law, eqx.is_inexact_array)):
        pytest.skip("no coefficient is a number")
    u = state_of(fourier(dim, 16), functions)
    numbers, rest = eqx.partition(law, eqx.is_inexact_array)

    @jax.jit
    def size(numbers):
        return sum(jnp.sum(jnp.abs(v) ** 2) for v in values_of(eqx.combine(numbers, rest)(0.3, u)))

    direction = jax.tree.map(jnp.ones_like, numbers)
    slope = jax.jvp(size, (numbers,), (direction,))[1]
    gradient = jax.jit(jax.grad(size))(numbers)
    np.testing.assert_allclose(sum(jnp.sum(g) for g in jax.tree.leaves(gradient)), slope, rtol=1e-8, atol=1e-8)
    ahead, behind = (size(jax.tree.map(lambda a, s=s: a + s * 1e-5, numbers)) for s in (1, -1))
    np.testing.assert_allclose((ahead - behind) / 2e-5, slope, rtol=1e-5, atol=1e-6 * float(size(numbers)))
    sizes = jax.jit(jax.vmap(size))(jax.tree.map(lambda a: jnp.stack([a, 1.5 * a]), numbers))
    np.testing.assert_allclose(sizes[1], size(jax.tree.map(lambda a: 1.5 * a, numbers)), rtol=1e-10)


@pytest.mark.parametrize("name", [name for name in EXACT if name != "poisson"])
def test_manufactured_source_vanishes_for_exact_solutions(name):
    example = EXACT[name]
    assert manufactured(example) is example.equation
    law = manufactured(example.equation, example.solution)
    space = js.Neural(example.box)
    like = jax.eval_shape(example.solution, 0.2, jnp.zeros(example.box.dim))
    u = jax.tree.map(lambda _: space.field(lambda x: 0.0 * x[0]), like)
    points = example.box.lows[0] + example.box.lengths[0] * jnp.linspace(0.1, 0.9, 7)[:, None]
    for source in fields_of(law.source(0.2, u)):
        np.testing.assert_allclose(source(points), 0.0, atol=1e-8)


@pytest.mark.parametrize(
    "law", [js.equations.GrayScott, js.equations.KuramotoSivashinsky, CahnHilliard, SwiftHohenberg]
)
def test_manufactured_solutions_solve_their_law_on_every_storage(law):
    example = law.example()
    assert not example.exact
    made = manufactured(example)
    assert isinstance(made, ManufacturedSemilinear)
    grid, t = js.Grid(example.box, (64,)), 0.3
    nodal = js.FiniteDifference(grid, boundary=js.Periodic(), order=6)
    for space, tolerance in ((js.Fourier(grid), 1e-9), (nodal, 1e-2)):
        state = jax.tree.map(
            lambda i, space=space: space.field(lambda x: jax.tree.leaves(example.solution(t, x))[i]), _indices(example)
        )
        rate = jax.tree.map(
            lambda i, space=space: space.field(
                lambda x: jax.tree.leaves(jax.jvp(lambda s: example.solution(s, x), (t,), (1.0,))[1])[i]
            ),
            _indices(example),
        )
        for a, b in zip(values_of(eqx.filter_jit(made)(t, state)), values_of(rate), strict=True):
            np.testing.assert_allclose(a, b, atol=tolerance)


def _indices(example: Example):
    like = jax.eval_shape(example.solution, 0.0, jnp.zeros(example.box.dim))
    return jax.tree.structure(like).unflatten(range(len(jax.tree.leaves(like))))


def rate_along(quantity, law, state):
    """Derivative of a quantity along the law, with all fields in their home layout."""
    arrays = js.fields.unpack(state)
    rates = js.fields.unpack(law(0.0, state))
    return jax.jvp(lambda a: quantity(js.fields.pack(state, a)), (arrays,), (rates,))[1]


@pytest.mark.parametrize(
    ("name", "quantity", "scale"),
    [
        ("wave", "energy", 1.0),
        ("klein-gordon", "energy", 1.0),
        ("korteweg-de-vries", "mass", 1.0),
        ("korteweg-de-vries", "momentum", 1.0),
        ("korteweg-de-vries", "energy", 1.0),
        ("cahn-hilliard", "mass", 1.0),
        ("schrodinger-nonlinear", "norm", 1.0),
        ("schrodinger-nonlinear", "energy", 1.0),
    ],
)
def test_invariants_stay(name, quantity, scale):
    law, functions, dim = CASES[name]
    state = state_of(fourier(dim), functions)
    quantity = getattr(law, quantity)
    assert abs(float(quantity(state))) > 0.1
    np.testing.assert_allclose(rate_along(quantity, law, state), 0.0, atol=1e-10 * scale)


@pytest.mark.parametrize("law", [AllenCahn(0.1, 2.0), CahnHilliard(0.1), SwiftHohenberg(quadratic=0.6)])
def test_gradient_flows_descend_their_energy(law):
    state = state_of(fourier(2), scalar)
    assert float(rate_along(law.energy, law, state)) < -0.1


def test_gradient_flows_are_the_gradients_of_their_energies():
    for law, metric in ((AllenCahn(0.1, 2.0), lambda r: r), (SwiftHohenberg(quadratic=0.6), lambda r: r)):
        state = state_of(fourier(2), scalar)
        rate = law(0.0, state)
        np.testing.assert_allclose(rate_along(law.energy, law, state), -js.inner(rate, metric(rate)), rtol=1e-9)


def test_variable_speed_wave_keeps_its_energy():
    law, functions, dim = CASES["wave-variable"]
    state = state_of(fourier(dim), functions)
    np.testing.assert_allclose(rate_along(law.energy, law, state), 0.0, atol=1e-10)


def test_vorticity_equation_is_the_curl_of_the_velocity_equation():
    space = js.Fourier(js.Grid(box(2), (32, 32)))
    w = space.field(lambda x: scalar(x) - 0.4 + jnp.cos(2 * x[0] - x[1]))
    by_vorticity, by_velocity = NavierStokesVorticity(0.1, 0.2), NavierStokes(0.1, 0.2)
    u = by_vorticity.velocity(w)
    np.testing.assert_allclose(js.curl(by_velocity(0.0, u)).values, by_vorticity(0.0, w).values, atol=1e-12)
    np.testing.assert_allclose(by_velocity.energy(u), by_vorticity.energy(w), rtol=1e-13)
    advected = -js.advection(u, w)
    np.testing.assert_allclose(by_vorticity.nonlinear(0.0, w).values, advected.values, atol=1e-12)
    assert float(js.norm(advected)) > 0.1
    np.testing.assert_allclose(js.divergence(u).values, 0.0, atol=1e-13)


def test_flow_in_space_is_advected_and_projected():
    space = js.Fourier(js.Grid(box(3), (16, 16, 16)))
    raw = space.field(
        lambda x: jnp.stack([jnp.sin(x[1] + x[2]), jnp.cos(2 * x[0] - x[2]), jnp.sin(x[0]) * jnp.cos(x[1])])
    )
    u, law = js.divergence_free(raw), NavierStokes(0.05)
    expected = js.divergence_free(-js.advection(u, u)) + 0.05 * js.laplacian(u)
    np.testing.assert_allclose(law(0.0, u).values, expected.values, atol=1e-12)
    energy_rate = rate_along(law.energy, law, u)
    np.testing.assert_allclose(energy_rate, -law.dissipation(u), rtol=1e-10)


@pytest.mark.parametrize(
    ("law", "dim", "vector", "count"),
    [
        (Burgers(0.1), 1, False, 2),
        (js.equations.KuramotoSivashinsky(), 1, False, 2),
        (KortewegDeVries(), 1, False, 2),
        (AllenCahn(), 2, False, 2),
        (SwiftHohenberg(), 2, False, 2),
        (NavierStokesVorticity(), 2, False, 4),
        (NavierStokes(), 2, True, 4),
        (NavierStokes(), 3, True, 8),
    ],
)
def test_number_of_transforms(law, dim, vector, count):
    space = js.Fourier(js.Grid(box(dim), (16,) * dim))
    u = space.field(lambda x: jnp.broadcast_to(jnp.sin(x[0]), (dim,)) if vector else jnp.sin(x[0]))
    jaxpr = jax.make_jaxpr(lambda a: law.nonlinear(0.0, u.replace(a)).to("coef").data)(u.data)
    assert _transforms(jaxpr.jaxpr) == count


def _transforms(jaxpr) -> int:
    """Scalar transforms in a program: a batched one counts once per component."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "fft":
            lengths = equation.params["fft_lengths"]
            shape = equation.invars[0].aval.shape
            total += int(np.prod(shape[: len(shape) - len(lengths)], dtype=int))
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", None)
            total += _transforms(inner if hasattr(inner, "eqns") else inner.jaxpr) if inner is not None else 0
    return total


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: js.equations.Heat(-1.0), "conductivity=-1.*must be zero or positive; pass a conductivity"),
        (lambda: js.equations.Heat([[1.0, 3.0], [3.0, 1.0]]), "conductivity=-2.*must be"),
        (lambda: js.equations.Heat(state_of(fourier(1, 8), lambda x: jnp.sin(x[0]))), "conductivity=-1.*must be"),
        (lambda: js.equations.Heat(float("nan")), "conductivity=nan.*must be"),
        (lambda: js.equations.Heat(1j), "conductivity is complex.*real part"),
        (lambda: Burgers(-0.1), "viscosity=-0.1.*must be"),
        (lambda: NavierStokes(-0.1), "viscosity=-0.1.*must be"),
        (lambda: NavierStokesVorticity(drag=-0.1), "drag=-0.1.*must be"),
        (lambda: js.equations.KuramotoSivashinsky(-1.0), "damping=-1.*must be"),
        (lambda: AllenCahn(-1.0), "diffusivity=-1.*must be"),
        (lambda: CahnHilliard(gamma=-1.0), "gamma=-1.*must be"),
        (lambda: js.equations.GrayScott(diffusivities=(0.1, -0.1)), "diffusivities=-0.1.*must be"),
        (lambda: js.equations.FisherKPP(-1.0), "diffusivity=-1.*must be"),
        (lambda: manufactured(Burgers()), "pass solution="),
    ],
)
def test_meaningless_coefficients_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_fields_of_the_wrong_shape_are_refused():
    plane, line = state_of(fourier(2, 8), scalar), state_of(fourier(1, 8), scalar)
    for law, u, message in (
        (Burgers(), plane, "velocity with 2 components"),
        (NavierStokes(), plane, "velocity with 2 components"),
        (NavierStokesVorticity(), line, "scalar field on a plane"),
        (js.equations.Advection(1.0), plane, "one number per axis"),
        (js.equations.Heat([[1.0, 0.0], [0.0, 1.0]]), line, "does not fit 1 dimension"),
        (js.equations.KuramotoSivashinsky(), state_of(fourier(2, 8), lambda x: x), "scalar field"),
    ):
        with pytest.raises(ValueError, match=message):
            law(0.0, u)


def test_traced_coefficients_are_not_looked_at():
    u = state_of(fourier(1, 8), scalar)
    rates = eqx.filter_vmap(lambda nu: Burgers(nu)(0.0, u).values)(jnp.array([0.1, 0.2]))
    np.testing.assert_allclose(rates[1], Burgers(0.2)(0.0, u).values, rtol=1e-12)


def test_a_sampled_source_is_the_function():
    law, functions, dim = CASES["heat"]
    space = fourier(dim)
    u = state_of(space, functions)
    with_field = js.equations.Heat(0.3, source=space.field(law.source))
    np.testing.assert_allclose(with_field(0.0, u).values, law(0.0, u).values, rtol=1e-13)


def test_wave_of_two_walls_keeps_the_law_of_its_walls():
    example = Wave.example()
    space = js.FiniteDifference(js.Grid(example.box, (200,)), boundary=example.boundary, order=4)
    indices = _indices(example)
    state = jax.tree.map(lambda i: space.field(lambda x: example.solution(0.1, x)[i]), indices)
    exact = jax.vmap(lambda x: jax.jvp(lambda s: example.solution(s, x), (0.1,), (1.0,))[1])(space.points)
    for a, b in zip(values_of(example.equation(0.1, state)), exact, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4 * float(jnp.abs(b).max()))


def test_klein_gordon_couples_both_parts():
    law = KleinGordon(2.0)
    state = state_of(fourier(1, 8), CASES["klein-gordon"][1])
    rate = law(0.0, state)
    np.testing.assert_allclose(rate.u.values, state.v.values, atol=1e-14)
