"""Every member of an ensemble is found under its number, whichever call made the ensemble."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci._core.errors import ShapeError

LINE = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (16,)))
ROD = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (8,)), boundary=js.Dirichlet(0.0))
COUNT = 3  # members, and saves: equal, so that shapes alone do not tell them apart


class Drift(NamedTuple):
    shape: js.Field
    place: jax.Array


def is_field(node):
    return isinstance(node, js.Field)


def wave(space, size):
    return space.field(lambda x: size * jnp.sin(x[0]))


def moving(t, state, args):
    return Drift(0.1 * js.laplacian(state.shape), jnp.cos(state.place))


LAWS = {
    "array": (lambda t, u, args: -u * jnp.arange(1.0, 3.0), lambda a: a * jnp.ones(2)),
    "number": (lambda t, u, args: -u, lambda a: a * jnp.ones(())),
    "Fourier": (js.equations.Heat(0.1), lambda a: wave(LINE, a)),
    "FiniteDifference": (js.equations.Heat(0.1), lambda a: wave(ROD, a)),
    "parts": (moving, lambda a: Drift(wave(LINE, a), a * jnp.ones(2))),
}


def start(kind, a):
    return LAWS[kind][1](jnp.asarray(a))


def together(kind):
    """The initial states, with a leading axis on what varies."""
    first, *rest = (start(kind, a) for a in (1.0, 2.0, 3.0))
    return jax.tree.map(
        lambda *us: us[0].replace(jnp.stack([u.data for u in us])) if is_field(us[0]) else jnp.stack(us),
        first,
        *rest,
        is_leaf=is_field,
    )


def run(kind, state, **options):
    return js.simulate(LAWS[kind][0], state, 1.0, dt=0.05, save_at=COUNT, **options)


ENSEMBLES = {
    "ensemble": lambda kind: js.ensemble(LAWS[kind][0], together(kind), 1.0, dt=0.05, save_at=COUNT),
    "vmap": lambda kind: eqx.filter_vmap(lambda a: run(kind, start(kind, a)))(jnp.arange(1.0, 4.0)),
}


@pytest.mark.parametrize("kind", LAWS)
@pytest.mark.parametrize("way", ENSEMBLES)
def test_members_stand_before_time(kind, way, tmp_path):
    solution = ENSEMBLES[way](kind)
    assert solution.members == (COUNT,)
    dataset = js.data.to_xarray(solution)
    for i, a in enumerate((1.0, 2.0, 3.0)):
        alone = js.data.to_xarray(run(kind, start(kind, a)))
        for key in alone.data_vars:
            assert dataset[key].dims == ("member", *alone[key].dims)
            np.testing.assert_allclose(dataset[key].sel(member=i), alone[key], rtol=1e-10, atol=1e-12)
    for key, end in zip(dataset.data_vars, jax.tree.leaves(solution.final, is_leaf=is_field), strict=True):
        values = end.values if is_field(end) else end
        np.testing.assert_allclose(dataset[key].isel(time=-1), values, rtol=1e-12, atol=1e-14)
    assert js.data.load(js.data.save(tmp_path / "run.nc", solution)).identical(dataset)


def test_several_axes_of_members_are_numbered():
    starts = jnp.arange(1.0, 7.0).reshape(2, 3)
    dataset = js.data.to_xarray(jax.vmap(jax.vmap(lambda a: run("number", a)))(starts))
    assert dataset.u.dims == ("member_0", "member_1", "time")
    mixed = js.data.to_xarray(jax.vmap(lambda a: js.ensemble(LAWS["number"][0], a, 1.0, dt=0.05, save_at=3))(starts))
    np.testing.assert_allclose(mixed.u, dataset.u, rtol=1e-12)


def test_members_saved_at_different_times_are_taken_one_by_one():
    times = jnp.array([[1.0, 2.0], [1.5, 2.5]])
    solution = jax.vmap(lambda ts: js.simulate(lambda t, u, args: -u, jnp.ones(()), 3.0, save_at=ts))(times)
    with pytest.raises(ShapeError, match=r"solution\.member\(0\)"):
        js.data.to_xarray(solution)
    np.testing.assert_array_equal(js.data.to_xarray(solution.member(0)).time, times[0])


def test_one_member_makes_a_field():
    array = js.data.to_xarray(ENSEMBLES["ensemble"]("Fourier")).u
    with pytest.raises(ShapeError, match=r"isel\(member=0\)"):
        js.data.from_xarray(LINE, array.isel(time=-1))
    back = js.data.from_xarray(LINE, array.isel(time=0, member=2))
    np.testing.assert_allclose(back.values, array[2, 0], rtol=1e-14, atol=1e-15)


def test_a_solution_without_saved_states_names_what_there_is():
    steady = js.steady_state(lambda t, u, args: 1.0 - u, jnp.ones(2))
    with pytest.raises(ShapeError, match=r"solution\.final"):
        js.data.to_xarray(steady)
