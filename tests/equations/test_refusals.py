"""What a law refuses, in words: coefficients of a wrong kind, states that it cannot move, starts that it would keep."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import equations
from jaxsci.equations import Heat, NavierStokes, NavierStokesVorticity, Phase, Poisson, Schrodinger, WaveState

from .laws import fourier, positive, scalar, state_of, vector

LINE, PLANE = fourier(1, 16), fourier(2, 16)
WAVE = state_of(LINE, scalar)


def tensor(shear):
    return lambda x: jnp.stack([jnp.stack([2 + jnp.sin(x[0]), shear]), jnp.stack([shear, jnp.asarray(1.5)])])


def fibre(x):
    return jnp.stack([jnp.cos(x[0]), jnp.sin(x[0])])


@pytest.mark.parametrize(
    "conductivity",
    [
        lambda space: space.field(lambda x: 1 + 0.5 * jnp.sin(x[0]) * jnp.cos(x[1])),
        lambda space: space.field(tensor(jnp.asarray(-0.5))),
        lambda space: js.FiniteDifference(space.grid).field(tensor(jnp.asarray(-0.5))),
        lambda space: space.field(lambda x: jnp.outer(fibre(x), fibre(x))),
        lambda space: space.field(lambda x: 1 + jnp.sin(x[0])),
        lambda space: [[1.0, 3.0], [3.0, 9.0]],
        lambda space: [[1.0, 0.9], [-0.9, 1.0]],
        lambda space: js.Neural(space.grid.box).field(eqx.nn.MLP(2, "scalar", 4, 1, key=jax.random.key(0))),
    ],
    ids=["scalar", "tensor", "nodal", "rank one", "touching zero", "fibres", "rotating", "network"],
)
def test_conductivities_are_judged_node_by_node(conductivity):
    assert Heat(conductivity(PLANE)).conductivity is not None


@pytest.mark.parametrize(
    ("conductivity", "smallest"),
    [(lambda x: 0.5 + jnp.sin(x[0]) * jnp.cos(x[1]), "-0.5"), (tensor(jnp.asarray(-1.3)), r"-0\.073")],
)
def test_conductivities_that_are_negative_at_some_node_are_refused(conductivity, smallest):
    with pytest.raises(ValueError, match=f"conductivity={smallest}.*zero or positive"):
        Heat(PLANE.field(conductivity))
    with pytest.raises(ValueError, match=f"conductivity={smallest}.*zero or positive"):
        Heat(conductivity)(0.0, state_of(PLANE, scalar))
    with pytest.raises(ValueError, match=f"conductivity={smallest}.*zero or positive"):
        Heat(conductivity).check_start(state_of(PLANE, scalar))


def test_checks_are_silent_in_a_trace_and_see_constants_of_it():
    K, u = PLANE.field(positive), state_of(PLANE, scalar)
    cold = -K
    rate = jax.jit(lambda factor: Heat(K)(0.0, u).values * factor)(1.0)
    np.testing.assert_allclose(rate, Heat(K)(0.0, u).values, atol=1e-10)
    assert jax.jit(lambda values: Heat(PLANE.field(values))(0.0, u).values)(-K.values).shape == (16, 16)
    assert eqx.filter_jit(Heat(lambda x: -1.0 + 0.0 * x[0]))(0.0, u).shape == ()
    assert jnp.isnan(eqx.filter_vmap(lambda c: equations.Wave(c).speed)(jnp.array([jnp.nan]))).all()
    with pytest.raises(ValueError, match="conductivity=-"):
        jax.jit(lambda factor: Heat(cold)(0.0, u).values * factor)(2.0)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: equations.Burgers(lambda x: x[0]), TypeError, "viscosity of Burgers must be a number, got a function"),
        (lambda: equations.LotkaVolterra(alpha="a"), TypeError, "alpha of LotkaVolterra must be a number, got 'a'"),
        (lambda: equations.LotkaVolterra(None), TypeError, "must be a number, got None"),
        (lambda: Heat("a"), TypeError, "conductivity of Heat must be a number, a field or a function"),
        (lambda: Heat(source="a"), TypeError, "source of Heat must be"),
        (lambda: equations.GrayScott(diffusivities=(0.1, "b")), TypeError, "diffusivities of GrayScott"),
        (lambda: equations.GrayScott(diffusivities=0.1), TypeError, r"two numbers, got 1: write .*=\(first, second\)"),
        (lambda: equations.DoublePendulum(masses=[1.0, 2.0, 3.0]), TypeError, "masses of .* are two numbers"),
        (lambda: equations.Wave(speed=float("nan")), ValueError, "speed of Wave is nan, but must be finite"),
        (lambda: equations.KortewegDeVries(dispersion=jnp.inf), ValueError, "must be finite"),
        (lambda: equations.NBody([1.0, jnp.inf]), ValueError, "must be finite"),
        (lambda: equations.NBody(1.0), js.ShapeError, "one mass per body.*masses=\\[1.0, 1.0\\]"),
        (lambda: NavierStokesVorticity(forcing=1.0), ValueError, "the curl of a force varies"),
    ],
)
def test_coefficients_that_are_no_numbers_are_refused_when_the_law_is_made(build, error, message):
    with pytest.raises(error, match=message):
        build()


ORDINARY = ("LotkaVolterra", "SIR", "Lorenz63", "Robertson", "VanDerPol", "Pendulum", "DoublePendulum", "CartPole")


@pytest.mark.parametrize("name", ORDINARY)
def test_arrays_of_another_length_are_refused(name):
    law = getattr(equations, name)()
    message = rf"{name} moves an array of {len(law.entries)} entries.*jnp.stack\(\[{law.entries[0]}, "
    for state in (jnp.ones(5), jnp.ones((5, 3)), jnp.asarray(1.0), (1.0, 2.0), WAVE):
        with pytest.raises(js.ShapeError, match=message):
            law(0.0, state)
    with pytest.raises(js.ShapeError, match=message):
        js.simulate(law, jnp.ones(5), 1.0)


@pytest.mark.parametrize(
    ("law", "state", "error", "message"),
    [
        (Heat(), jnp.ones(3), TypeError, r"Heat moves a Field, got an array of shape \(3,\)"),
        (equations.Burgers(), [1.0, 2.0], TypeError, "Burgers moves a Field, got a list"),
        (equations.Wave(), WAVE, TypeError, r"WaveState\(u, v\), got a Field.*write js.equations.WaveState\(u, v\)"),
        (equations.Wave(), (WAVE, WAVE), TypeError, r"WaveState\(u, v\), got a tuple"),
        (
            equations.KleinGordon(),
            WaveState(WAVE, jnp.ones(16)),
            TypeError,
            "got an array of shape .* for v of WaveState",
        ),
        (equations.GrayScott(), (WAVE, WAVE), TypeError, r"Concentrations\(u, v\), got a tuple"),
        (equations.Kepler(), jnp.ones(4), TypeError, r"Phase.*got an array of shape \(4,\).*Phase\(q, p\)"),
        (Schrodinger(), WAVE, js.PrecisionError, r"complex waves, got a real field: pass \(1 \+ 0j\) \* field"),
        (equations.KortewegDeVries(), state_of(PLANE, scalar), js.ShapeError, "one dimension, got one in 2"),
        (equations.Lorenz96(), jnp.ones(2), js.ShapeError, "four sites at least"),
        (
            equations.NBody(jnp.ones(3)),
            Phase(jnp.ones((2, 2)), jnp.ones((2, 2))),
            js.ShapeError,
            "3 masses.*2 bodies.*one mass per body",
        ),
        (equations.NBody(jnp.ones(3)), Phase(jnp.ones(3), jnp.ones(3)), js.ShapeError, "one body a row"),
    ],
)
def test_states_of_another_kind_are_refused(law, state, error, message):
    with pytest.raises(error, match=message):
        law(0.0, state)
    if not isinstance(state, list):
        with pytest.raises(error, match=message):
            js.simulate(law, state, 0.1)


def test_a_real_wave_is_made_complex_as_the_message_says():
    for space in (LINE, js.FiniteDifference(LINE.grid)):
        rate = Schrodinger()(0.0, (1 + 0j) * space.field(lambda x: jnp.cos(2 * x[0])))
        np.testing.assert_allclose(rate.values[0], -2j, atol=0.2)


@pytest.mark.parametrize(
    "space", [LINE, js.FiniteDifference(LINE.grid), js.Neural(LINE.grid)], ids=lambda s: type(s).__name__
)
def test_a_constant_source_is_a_number(space):
    u, one = space.field(scalar), lambda x: 3.0 + 0.0 * x[0]
    for law in (Heat, Poisson):
        np.testing.assert_allclose(law(source=3)(0.0, u).values, law(source=one)(0.0, u).values, atol=1e-12)
    psi = space.field(lambda x: jax.lax.complex(jnp.cos(x[0]), jnp.sin(x[0])))
    np.testing.assert_allclose(Schrodinger(3.0)(0.0, psi).values, Schrodinger(one)(0.0, psi).values, atol=1e-12)
    if not isinstance(space, js.Neural):
        np.testing.assert_allclose(Schrodinger(3.0).energy(psi), Schrodinger(one).energy(psi), rtol=1e-12)


def test_a_membrane_under_constant_load():
    space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (32,)), boundary=js.Dirichlet(0.0))
    np.testing.assert_allclose(Poisson(2.0).solve(space)(jnp.array([0.5])), 0.25, rtol=1e-3)


def test_a_new_constant_source_compiles_nothing():
    traces = []

    @eqx.filter_jit
    def run(law):
        traces.append(1)
        return law(0.0, WAVE).values

    assert float(jnp.max(jnp.abs(run(Heat(source=1.0)) - run(Heat(source=3.0))))) > 1.0
    assert len(traces) == 1


def test_a_force_has_the_components_of_the_velocity():
    u = PLANE.field(equations.taylor_green)
    pushed = NavierStokes(forcing=(1.0, -0.5))(0.0, u) - NavierStokes()(0.0, u)
    np.testing.assert_allclose(js.mean(pushed), [1.0, -0.5], atol=1e-12)
    for forcing in (1.0, lambda x: x[0], PLANE.field(scalar), (1.0, 2.0, 3.0)):
        with pytest.raises(js.ShapeError, match="a force has 2 components: write forcing=lambda x: jnp.stack"):
            NavierStokes(forcing=forcing)(0.0, u)
    with pytest.raises(js.ShapeError, match="source has a value of shape"):
        Heat(source=PLANE.field(vector))(0.0, state_of(PLANE, scalar))
    with pytest.raises(js.ShapeError, match="potential has a value of shape"):
        Schrodinger((1.0, 2.0))(0.0, (1 + 0j) * WAVE)


@pytest.mark.parametrize("space", [PLANE, js.FiniteDifference(PLANE.grid, order=4)], ids=lambda s: type(s).__name__)
def test_starts_with_divergence_or_mean_vorticity_are_refused(space):
    flow, still = NavierStokes(0.1), space.field(lambda x: 0.0 * x)
    squeezed = space.field(lambda x: jnp.stack([jnp.sin(x[0]), 0.0 * x[0]]))
    with pytest.raises(
        ValueError, match=r"a gradient makes up 100.0% of this velocity.*js.divergence_free\(velocity\)"
    ):
        js.simulate(flow, squeezed, t1=0.1, dt=0.05)
    flow.check_start(space.field(equations.taylor_green) + 0.2 * squeezed)
    flow.check_start(js.divergence_free(squeezed + space.field(equations.taylor_green)))
    flow.check_start(still)
    equations.manufactured(flow, lambda t, x: 0.0 * x).check_start(still)
    with pytest.raises(ValueError, match="a gradient makes up"):
        equations.manufactured(flow, lambda t, x: 0.0 * x).check_start(squeezed)
    spin, law = space.field(lambda x: 0.5 + jnp.sin(x[0])), NavierStokesVorticity(0.1)
    with pytest.raises(ValueError, match=r"57.7% of its root mean square. Start from w - js.mean\(w\)"):
        law.check_start(spin)
    law.check_start(spin - js.mean(spin))
    law.check_start(0.0 * spin)
    assert eqx.filter_jit(lambda u: flow.check_start(u) or u.data)(squeezed).shape == squeezed.data.shape
