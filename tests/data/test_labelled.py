"""Labelled arrays: what is where, by name, and back to fields without loss."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci._core.errors import ShapeError, UnsupportedError

BOX = js.Box((0.0, 1.0), (0.0, 2.0))
WALLS = js.FiniteDifference(js.Grid(BOX, (8, 12)), boundary={"x": js.Dirichlet(0.0), "y": js.Periodic()})
LINE = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (16,)))

SPACES = [WALLS, js.Fourier(js.Grid(BOX, (8, 12))), js.Neural(js.Grid(BOX, (8, 12)))]


class Pair(NamedTuple):
    a: js.Field
    b: js.Field


def test_coordinates_are_the_nodes():
    u = WALLS.field(lambda x: x[0] + 10 * x[1])
    array = js.data.to_xarray(u, name="temperature")
    assert array.dims == ("x", "y") and array.name == "temperature"
    x, y = np.meshgrid(array.x, array.y, indexing="ij")
    np.testing.assert_allclose(array, x + 10 * y, rtol=1e-14)
    assert "FiniteDifference" in array.space


def test_components_of_a_vector_are_named_by_the_axes():
    v = WALLS.field(lambda x: jnp.stack([x[0], -x[1]]))
    array = js.data.to_xarray(v)
    assert array.dims == ("component", "x", "y")
    np.testing.assert_allclose(array.sel(component="y", x=0.0625), -array.y)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_values_are_those_of_the_function_in_every_storage(space):
    u = space.field(lambda x: jnp.sin(2 * jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1]))
    array = js.data.to_xarray(u)
    exact = np.sin(2 * np.pi * array.x) * np.cos(np.pi * array.y)
    np.testing.assert_allclose(array, exact, atol=1e-14)


def test_network_on_a_box_has_no_nodes():
    with pytest.raises(UnsupportedError, match="Grid"):
        js.data.to_xarray(js.Neural(BOX).field(lambda x: x[0]))


@pytest.mark.parametrize("order", [("x", "y"), ("y", "x")])
def test_back_to_a_field_in_any_order_of_dimensions(order):
    u = WALLS.field(lambda x: jnp.exp(x[0]) + x[1])
    back = js.data.from_xarray(WALLS, js.data.to_xarray(u).transpose(*order))
    assert back.space == WALLS and np.array_equal(back.values, u.values)


def test_solution_of_a_field_has_time_and_says_how_it_came_about():
    law = js.equations.Burgers(viscosity=0.25)
    solution = js.simulate(law, LINE.field(lambda x: jnp.sin(x[0])), 0.5, dt=0.05, save_at=5)
    dataset = js.data.to_xarray(solution, equation=law)
    assert dataset.u.dims == ("time", "x") and dataset.sizes == {"time": 5, "x": 16}
    np.testing.assert_allclose(dataset.time, [0.1, 0.2, 0.3, 0.4, 0.5])
    np.testing.assert_array_equal(dataset.u.isel(time=-1), solution.final.values)
    assert dataset.attrs["equation"] == "Burgers(viscosity=0.25)"
    assert dataset.attrs["method"] == "ETDRK4" and dataset.attrs["steps"] == 10 and dataset.attrs["ok"] == 1


def test_ordinary_states_are_counted_and_parts_are_named():
    plain = js.data.to_xarray(js.simulate(js.equations.Lorenz63(), jnp.ones(3), 1.0, save_at=4))
    assert plain.u.dims == ("time", "state") and plain.u.shape == (4, 3)
    phase = js.equations.Phase(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]))
    parts = js.data.to_xarray(js.simulate(js.equations.Kepler(), phase, 1.0, dt=0.1, save_at=2))
    assert parts.q.dims == ("time", "q_state") and parts.p.dims == ("time", "p_state")


def test_state_of_two_fields_becomes_two_variables():
    pair = Pair(LINE.field(lambda x: jnp.sin(x[0])), LINE.field(lambda x: jnp.stack([jnp.cos(x[0])] * 3)))
    dataset = js.data.to_xarray(pair)
    assert dataset.a.dims == ("x",) and dataset.b.dims == ("b_component", "x")


def test_members_of_an_ensemble_share_their_times():
    run = jax.vmap(lambda a: js.simulate(lambda t, u, args: -a * u, jnp.ones(2), 1.0, dt=0.1, save_at=5))
    dataset = js.data.to_xarray(run(jnp.arange(3.0)))
    assert dataset.u.dims == ("member", "time", "state") and dataset.u.shape == (3, 5, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.rename(y="w"), "rename"),
        (lambda a: a.assign_coords(x=a.x + 0.01), "interp"),
        (lambda a: a.isel(x=slice(0, 4)), "interp"),
        (lambda a: a.expand_dims(time=[0.0]), "isel"),
        (lambda a: a.where(a.x > 0.5), "fillna"),
        (lambda a: a.to_dataset().assign(other=a), "dataset"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(change, message):
    array = js.data.to_xarray(WALLS.field(lambda x: x[0]))
    with pytest.raises(ValueError, match=message):
        js.data.from_xarray(WALLS, change(array))


def test_parts_on_different_nodes_are_refused():
    pair = Pair(LINE.field(lambda x: x[0]), js.Fourier(js.Grid(js.Box((0.0, 1.0)), (16,))).field(lambda x: x[0]))
    with pytest.raises(ShapeError, match="project"):
        js.data.to_xarray(pair)


def test_a_part_without_numbers_is_named():
    with pytest.raises(TypeError, match="b is a str"):
        js.data.to_xarray({"a": jnp.ones(3), "b": "text"})


def test_numbers_without_labels_are_refused_with_the_remedy():
    with pytest.raises(TypeError, match=r"space\.field\(values\)"):
        js.data.from_xarray(LINE, np.zeros(16))


def test_missing_package_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(ImportError, match=r'pip install "jaxsci\[data\]"'):
        js.data.to_xarray(LINE.field(lambda x: x[0]))
