"""Real trajectories two by two give what they give one by one, and where they might not, they go one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci.simulation.many import ensemble as room
from jaxsci.simulation.many.pairs import joined, pair_up, part, parted, takes_pairs

LINE = js.Fourier(js.Grid(js.Box((0.0, 32.0)), (32,)))
PLANE = js.Fourier(js.Grid(js.Box((0.0, 6.0), (0.0, 5.0)), (12, 16)))


def starts(space, count, *components, scale=0.2):
    values = np.random.default_rng(3).standard_normal((count, *components, *space.grid.shape))
    return space.field(jnp.asarray(scale * (values + 0.1)))


def one_of(states):
    return jax.tree.map(lambda a: a[0], states)


LAWS = {
    "kuramoto-sivashinsky": (js.equations.KuramotoSivashinsky(), LINE, 1),
    "korteweg-de-vries": (js.equations.KortewegDeVries(), LINE, 1),
    "burgers in the plane": (js.equations.Burgers(0.1), PLANE, 2),
    "allen-cahn": (js.equations.AllenCahn(), PLANE, 1),
    "vorticity": (js.equations.NavierStokesVorticity.kolmogorov(0.1), PLANE, 1),
    "velocities": (js.equations.NavierStokes(0.1), PLANE, 2),
    "schrodinger": (js.equations.Schrodinger(), LINE, 1),
}


QUICK = ("kuramoto-sivashinsky", "velocities")
CASES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in LAWS if name != "schrodinger"]


@pytest.mark.parametrize("name", CASES)
def test_pairs_give_what_single_runs_give(name, monkeypatch):
    (law, space, parts), count = LAWS[name], 5
    states = starts(space, count, *([parts] if parts > 1 else []))
    made = []
    monkeypatch.setattr(room, "part", lambda *args: made.append(1) or part(*args))
    both = [js.ensemble(law, states, t1=0.04, dt=0.01, save_at=2, paired=paired) for paired in (True, False)]
    assert made, "the law was not run in pairs"
    for found, wanted in zip(jax.tree.leaves(both[0]), jax.tree.leaves(both[1]), strict=True):
        assert found.shape == wanted.shape and found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=0.0, atol=1e-12 * max(1.0, float(jnp.max(jnp.abs(wanted)))))


def test_a_pair_is_taken_apart_again():
    u, v = (starts(PLANE, 1, 2) for _ in range(2))
    for found, wanted in zip(parted(joined(u, v)), (u, v), strict=True):
        np.testing.assert_allclose(found.values, wanted.values, atol=1e-15)
    rows = starts(LINE, 5)
    np.testing.assert_allclose(part(pair_up(rows), 5).values, rows.values, atol=1e-15)


class Mean(js.equations.Equation):
    """A law that looks at the whole function."""

    rate: jax.Array = 1.0

    def __call__(self, t, u, args=None):
        return -u * js.integral(u) * self.rate


class Bare(js.equations.Equation):
    """A law that looks at the numbers themselves."""

    def __call__(self, t, u, args=None):
        return u.replace(-u.data * u.data)


class Forced(js.equations.Equation):
    """A law that holds a field of its own."""

    force: js.Field

    def __call__(self, t, u, args=None):
        return self.force - u


@pytest.mark.parametrize("law", [Mean(), Bare(), Forced(one_of(starts(LINE, 1)))])
def test_a_law_that_sees_more_than_points_goes_one_by_one(law, monkeypatch):
    states = starts(LINE, 4)
    assert not takes_pairs(law, one_of(states))
    monkeypatch.setattr(room, "WORTH_PAIRING", 1)
    found = js.ensemble(law, states, t1=0.1, dt=0.05, method=js.RK4()).final
    for i in range(4):
        alone = js.simulate(law, jax.tree.map(lambda a, i=i: a[i], states), t1=0.1, dt=0.05, method=js.RK4()).final
        np.testing.assert_allclose(found.values[i], alone.values, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("wrong", [{"dt": 0.05}, {}])
def test_pairs_that_are_asked_for_and_not_possible_raise(wrong):
    with pytest.raises(js.UnsupportedError, match="leave paired out"):
        js.ensemble(Mean(), starts(LINE, 4), t1=0.1, method=js.RK4() if wrong else js.Tsit5(), paired=True, **wrong)


def test_complex_states_are_not_paired():
    law, space, _ = LAWS["schrodinger"]
    assert not takes_pairs(law, space.field(lambda x: jax.lax.complex(jnp.cos(x[0]), jnp.sin(x[0]))))


def test_a_run_that_fails_does_not_spoil_its_neighbour():
    law = lambda t, u, args: u * u  # noqa: E731
    values = jnp.ones((4, 32)).at[1].set(4.0)
    solution = js.ensemble(law, LINE.field(values), t1=0.9, dt=0.01, method=js.RK4(), paired=True)
    assert solution.ok.tolist() == [True, False, True, True]
    alone = js.simulate(law, LINE.field(values[0]), t1=0.9, dt=0.01, method=js.RK4()).final
    np.testing.assert_allclose(solution.final.values[0], alone.values, rtol=1e-12)


def test_a_small_one_keeps_its_digits_beside_a_large_one():
    values = jnp.stack([jnp.sin(LINE.points[:, 0] * jnp.pi / 16) * scale for scale in (1.0, 1e-12)])
    found = js.ensemble(js.equations.Heat(), LINE.field(values), t1=1.0, dt=0.1, paired=True).final.values
    np.testing.assert_allclose(found[1], 1e-12 * found[0], rtol=1e-12, atol=1e-26)


def test_derivatives_and_coefficients_go_one_by_one(monkeypatch):
    states = starts(LINE, 4)
    monkeypatch.setattr(room, "WORTH_PAIRING", 1)

    def end(rate):
        law = js.equations.Burgers(viscosity=rate)
        return jnp.sum(js.ensemble(law, states, t1=0.1, dt=0.01).final.values ** 2)

    assert js.check_gradient(end, 0.1).passed
