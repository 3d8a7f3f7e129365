"""Exact solutions solve their laws: residuals on functions with exact derivatives, and on Fourier series."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.equations import (
    CahnHilliard,
    Concentrations,
    GrayScott,
    KuramotoSivashinsky,
    NavierStokes,
    NavierStokesVorticity,
    Schrodinger,
)

from .laws import EXACT, TRAP, fields_of


def residual(equation, solution, t, points):
    """Largest difference of `d_t u*` and the law evaluated on `u*`, and the largest rate."""
    space = js.Neural(js.Box(*((0.0, 1.0),) * points.shape[-1]))
    count = len(jax.tree.leaves(jax.eval_shape(solution, t, points[0])))
    structure = jax.tree.structure(jax.eval_shape(solution, t, points[0]))

    def part(i):
        return lambda x: jax.tree.leaves(solution(t, x))[i]

    rates = fields_of(equation(t, structure.unflatten([space.field(part(i)) for i in range(count)])))
    exact = jax.vmap(lambda x: jax.jvp(lambda s: solution(s, x), (t,), (1.0,))[1])(points)
    pairs = [(a, field(points)) for a, field in zip(jax.tree.leaves(exact), rates, strict=True)]
    return max(float(jnp.abs(a - b).max()) for a, b in pairs), max(float(jnp.abs(a).max()) for a, _ in pairs)


def points_in(box, count=7):
    unit = jnp.linspace(0.07, 0.95, count)
    intervals = zip(box.lows, box.lengths, strict=True)
    axes = [low + length * jnp.roll(unit, 2 * i) for i, (low, length) in enumerate(intervals)]
    return jnp.stack(axes, axis=-1)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("t", [0.0, 0.3])
def test_the_exact_solution_solves_the_law(name, t):
    example = EXACT[name]
    assert example.exact
    error, size = residual(example.equation, example.solution, t, points_in(example.box))
    assert error < 1e-10 * max(size, 1.0)
    if name != "poisson":
        assert max(size, residual(example.equation, example.solution, 0.2, points_in(example.box))[1]) > 1e-2


@pytest.mark.parametrize(("law", "wrong"), [("burgers", "viscosity"), ("korteweg-de-vries", "steepening")])
def test_the_residual_notices_a_wrong_coefficient(law, wrong):
    import equinox as eqx

    example = EXACT[law]
    broken = eqx.tree_at(lambda e: getattr(e, wrong), example.equation, replace_fn=lambda c: 1.01 * c)
    points = jnp.array([[9.5], [10.4], [1.3]])
    assert residual(broken, example.solution, 0.0, points)[0] > 1e-4


@pytest.mark.parametrize("speed", [0.0, 0.7])
def test_front_of_kuramoto_and_tsuzuki(speed):
    law = KuramotoSivashinsky()
    points = jnp.linspace(-6.0, 6.0, 9)[:, None]
    error, _ = residual(law, lambda t, x: law.front(t, x, speed), 0.2, points)
    assert error < 1e-12


def test_flat_interface_of_cahn_hilliard_rests():
    law = CahnHilliard(0.3)
    error, size = residual(law, law.interface, 0.0, jnp.linspace(-1.0, 1.0, 9)[:, None])
    assert size == 0.0 and error < 1e-10


def test_food_alone_diffuses_in_gray_scott():
    law = GrayScott(feed=0.3, diffusivities=(0.2, 0.1))

    def solution(t, x):
        return Concentrations(1 + 0.3 * jnp.exp(-(0.3 + 0.2 * 4) * t) * jnp.cos(2 * x[0]), 0.0 * x[0])

    error, size = residual(law, solution, 0.4, jnp.linspace(0.0, 6.0, 9)[:, None])
    assert size > 0.1 and error < 1e-14


@pytest.mark.parametrize("n", [0, 1, 2])
def test_levels_of_the_harmonic_trap(n):
    omega = TRAP.frequency

    def solution(t, x):
        z = jnp.sqrt(omega) * x[0]
        hermite = (1.0, 2 * z, 4 * z**2 - 2)[n]
        modulus, phase = hermite * jnp.exp(-(z**2) / 2), -omega * (n + 0.5) * t
        return jax.lax.complex(modulus * jnp.cos(phase), modulus * jnp.sin(phase))

    error, size = residual(Schrodinger(TRAP), solution, 0.4, jnp.linspace(-2.0, 2.0, 9)[:, None])
    assert size > 0.1 and error < 1e-12


@pytest.mark.parametrize(
    "example", [NavierStokes.example(), NavierStokes.beltrami_example(), NavierStokesVorticity.example()]
)
def test_flows_that_keep_their_shape(example):
    space = js.Fourier(js.Grid(example.box, (16,) * example.box.dim))
    t = 0.4
    u = space.field(lambda x: example.solution(t, x))
    exact = space.field(lambda x: jax.jvp(lambda s: example.solution(s, x), (t,), (1.0,))[1])
    np.testing.assert_allclose(example.equation(t, u).values, exact.values, atol=1e-13)
    assert float(js.norm(exact)) > 0.1


def test_laminar_kolmogorov_flow_rests():
    law = NavierStokesVorticity.kolmogorov(viscosity=0.1, drag=0.3, wavenumber=2, amplitude=1.5)
    space = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi), (0.0, 2 * jnp.pi)), (16, 16)))
    w = space.field(lambda x: law.forcing(x) / (0.1 * 4 + 0.3))
    np.testing.assert_allclose(law(0.0, w).values, 0.0, atol=1e-13)
    assert float(js.norm(w)) > 1.0


def test_taylor_green_in_space_starts_as_published():
    law = NavierStokes()
    space = js.Fourier(js.Grid(js.Box(*((0.0, 2 * jnp.pi),) * 3), (16, 16, 16)))
    u = space.field(js.equations.taylor_green)
    np.testing.assert_allclose(law.energy(u), 1 / 8, rtol=1e-14)
    np.testing.assert_allclose(law.dissipation(u), 4.6875e-4, rtol=1e-13)
    fall = jax.jvp(lambda v: law.energy(u.replace(v)), (u.data,), (law(0.0, u).to("coef").data,))[1]
    np.testing.assert_allclose(fall, -4.6875e-4, rtol=1e-12)
    w = js.curl(u)
    np.testing.assert_allclose(js.inner(w, w) / (2 * (2 * jnp.pi) ** 3), 3 / 8, rtol=1e-13)


@pytest.mark.parametrize("law", [js.equations.Poisson.example()])
def test_poisson_solves(law):
    space = js.FiniteDifference(js.Grid(law.box, (24, 24)), boundary=law.boundary, order=4)
    u = law.equation.solve(space)
    exact = space.field(lambda x: law.solution(0.0, x))
    assert float(jnp.abs(u.values - exact.values).max()) < 1e-4
    assert float(js.norm(law.equation.residual(u))) < 1e-9
