"""Solutions of every kind have a picture, and each says which moment and which member it shows."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import jaxsci as js
from jaxsci._core.errors import ShapeError

LINE = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (16,)))
PLANE = js.Fourier(js.Grid(js.Box((0.0, 1.0), (0.0, 1.0)), (8, 8)))
CUBE = js.Fourier(js.Grid(js.Box(*[(0.0, 1.0)] * 3), (4, 4, 4)))


class Pair(NamedTuple):
    density: js.Field
    flow: js.Field


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


def spreading(t, state, args):
    return jax.tree.map(lambda u: 0.01 * js.laplacian(u), state, is_leaf=lambda node: isinstance(node, js.Field))


def wave(size=1.0, space=LINE):
    return space.field(lambda x: size * jnp.sin(x[0]))


def hill(size=1.0, space=PLANE):
    return space.field(lambda x: size * jnp.sin(2 * jnp.pi * x[0]) + jnp.cos(2 * jnp.pi * x[1]))


def flow(size=1.0):
    return PLANE.field(lambda x: size * jnp.stack([jnp.sin(2 * jnp.pi * x[1]), 1.0 + jnp.cos(2 * jnp.pi * x[0])]))


def run(state, **options):
    return js.simulate(spreading, state, 1.0, dt=0.1, **options)


def members(field, **options):
    us = [field(size) for size in (1.0, 2.0, 3.0)]
    return js.ensemble(spreading, us[0].replace(jnp.stack([u.data for u in us])), 1.0, dt=0.1, **options)


def decays(make, **options):
    rates = jnp.arange(1.0, 5.0)[:, None] * jnp.arange(1.0, 3.0)
    law = lambda t, u, rate: -rate * u  # noqa: E731
    if make == "vmap":
        return jax.vmap(lambda a: js.simulate(law, jnp.ones(2), 1.0, dt=0.25, args=a, **options))(rates)
    return js.ensemble(law, jnp.ones(2), 1.0, dt=0.25, args=rates, over=lambda law, u, args: args, **options)


def titles(picture):
    return [panel.get_title() for panel in np.atleast_1d(picture.axes)]


def bars(figure):
    return {text for panel in figure.axes for text in (panel.get_ylabel(), *(a.get_ylabel() for a in panel.child_axes))}


@pytest.mark.parametrize("make", ["ensemble", "vmap"])
def test_ordinary_ensemble_is_a_bundle_per_component(make):
    solution = decays(make, save_at=4)
    panel = js.plots.plot(solution, labels=("a", "b")).axes
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["a", "b"]
    for i, bundle in enumerate(panel.collections):
        drawn = np.array(bundle.get_segments())
        np.testing.assert_allclose(drawn[..., 0], np.broadcast_to([0.25, 0.5, 0.75, 1.0], (4, 4)))
        np.testing.assert_array_equal(drawn[..., 1], solution.states[..., i])
    low, high = panel.get_ylim()
    assert low < np.min(solution.states) and high > np.max(solution.states)


@pytest.mark.parametrize("make", ["ensemble", "vmap"])
def test_ends_of_an_ordinary_ensemble_are_points(make):
    solution = decays(make)
    panel = js.plots.plot(solution, labels=("a", "b")).axes
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), solution.final.ravel())
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["a", "b"] and panel.get_title() == "t = 1"


def test_ordinary_solution_of_one_saved_state_is_that_state():
    solution = js.simulate(js.equations.Lorenz63(), jnp.ones(3), 0.5)
    panel = js.plots.plot(solution).axes
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), solution.final)
    assert panel.lines[0].get_marker() == "o" and panel.get_title() == "t = 0.5"


def test_ensemble_on_a_line_is_space_and_time_of_members_in_the_same_colours():
    solution = members(wave, save_at=3)
    picture = js.plots.plot(solution)
    assert titles(picture) == ["member 0", "member 1", "member 2"]
    assert len({panel.images[0].get_clim() for panel in picture.axes}) == 1
    for i, panel in enumerate(picture.axes):
        np.testing.assert_allclose(panel.images[0].get_array(), solution.states.values[i])


def test_ends_of_an_ensemble_on_a_line_share_a_panel():
    solution = members(wave)
    panel = js.plots.plot(solution).axes
    drawn = np.array(panel.collections[0].get_segments())
    np.testing.assert_allclose(drawn[..., 1], solution.final.values)


@pytest.mark.parametrize("field", [hill, flow])
def test_ensemble_on_a_plane_is_the_end_of_members_in_the_same_colours(field):
    solution = members(field, save_at=3)
    picture = js.plots.plot(solution)
    assert titles(picture) == [f"member {i}, t = 1" for i in range(3)]
    assert len({panel.images[0].get_clim() for panel in picture.axes}) == 1
    last = solution.final.values[2]
    expected = last if field is hill else np.hypot(*last)
    np.testing.assert_allclose(picture.axes[2].images[0].get_array(), expected.T, atol=1e-12)


def test_film_of_an_ensemble_has_all_members(tmp_path):
    solution = members(wave, save_at=3)
    animation = js.plots.animate(solution, tmp_path / "u.gif")
    with Image.open(tmp_path / "u.gif") as film:
        assert film.n_frames == 3
    lines = animation._func(2)[:-1]
    np.testing.assert_allclose([line.get_ydata() for line in lines], solution.states.values[:, 2])
    with pytest.raises(TypeError, match="3: simulate one of them by itself"):
        js.plots.animate(members(hill, save_at=3))


def test_members_saved_at_different_times_are_drawn_one_by_one():
    decay = lambda ts: js.simulate(lambda t, u, args: -u, jnp.ones(()), 3.0, save_at=ts)  # noqa: E731
    solution = jax.vmap(decay)(jnp.array([[1.0, 2.0], [1.5, 2.5]]))
    with pytest.raises(ShapeError, match=r"solution\.member\(0\)"):
        js.plots.plot(solution)
    js.plots.plot(solution.member(0))


def test_solution_in_space_is_its_last_moment():
    solution = run(hill(space=CUBE), save_at=3)
    picture = js.plots.plot(solution)
    assert titles(picture) == ["t = 1, z = 0.5", "t = 1, y = 0.5", "t = 1, x = 0.5"]
    np.testing.assert_allclose(picture.axes[0].images[0].get_array(), solution.final.values[:, :, 2].T, atol=1e-14)


def test_every_part_gets_the_panels_it_needs():
    state = {"a": hill(space=CUBE), "b": flow(), "c": hill(2.0, CUBE)}
    assert [len(panel.images) for panel in js.plots.plot(state).axes] == [1] * 7
    picture = js.plots.plot(run(state, save_at=2))
    assert titles(picture)[3] == "t = 1" and len(picture.axes) == 7
    assert {"a", "|b|", "c"} <= bars(picture.figure)
    _, axes = plt.subplots(1, 7)
    assert list(js.plots.plot(state, axes=axes).axes) == list(axes)


def test_numbers_beside_a_field_are_curves():
    law = lambda t, state, args: {"u": js.laplacian(state["u"]), "p": -state["p"]}  # noqa: E731
    solution = js.simulate(law, {"u": wave(), "p": jnp.ones(2)}, 1.0, dt=0.1, save_at=5)
    curves, image = js.plots.plot(solution).axes
    np.testing.assert_allclose(curves.lines[1].get_ydata(), solution.states["p"][:, 1])
    assert len(image.images) == 1


def test_vector_solution_on_a_plane_is_moments_in_the_same_colours():
    solution = run(flow(), save_at=4)
    picture = js.plots.plot(solution)
    assert titles(picture) == [f"t = {t:.4g}" for t in solution.ts]
    assert len({panel.images[0].get_clim() for panel in picture.axes}) == 1
    assert all(len(panel.collections) == 1 for panel in picture.axes) and "|u|" in bars(picture.figure)
    assert titles(js.plots.plot(run(flow()))) == ["t = 1"]


@pytest.mark.parametrize("save_at", [5, [0.1, 0.2, 1.0]])
def test_space_time_ends_with_the_last_saved_time(save_at):
    solution = js.simulate(js.equations.Heat(0.1), wave(), 1.0, save_at=save_at)
    assert js.plots.plot(solution).axes.get_ylim() == (float(solution.ts[0]), 1.0)
    for panel in js.plots.compare({"a": solution, "b": solution}).axes:
        assert panel.get_ylim() == (float(solution.ts[0]), 1.0)


def test_the_modulus_of_a_complex_field_is_called_so(tmp_path):
    psi, line = (space.field(lambda x: jax.lax.complex(jnp.cos(x[0]), jnp.sin(x[0]))) for space in (PLANE, LINE))
    turning = js.simulate(lambda t, u, args: 1j * u, psi, 1.0, dt=0.1, save_at=2)
    turning_line = js.simulate(lambda t, u, args: 1j * u, line, 1.0, dt=0.1, save_at=2)
    pictures = [
        js.plots.plot(psi),
        js.plots.plot(turning),
        js.plots.plot(turning_line),
        js.plots.compare({"a": line, "b": line}),
        js.plots.compare({"a": psi, "b": psi}),
        js.plots.compare({"a": turning_line, "b": turning_line}),
        js.plots.plot(CUBE.field(lambda x: jax.lax.complex(x[0], x[1]))),
    ]
    for picture in pictures:
        assert "|u|" in bars(picture.figure) and "u" not in bars(picture.figure)
    for solution in (turning, turning_line):
        assert "|u|" in bars(js.plots.animate(solution, tmp_path / "u.gif")._fig)


def test_spectrum_of_one_shell_is_a_point():
    panel = js.plots.plot_spectrum(wave(), slope=-3).axes
    assert panel.lines[0].get_marker() == "o" and len(panel.lines[0].get_xdata()) == 1
    assert len(panel.lines[1].get_xdata()) > 1


def test_a_solution_without_saved_states_names_what_there_is():
    steady = js.steady_state(lambda t, u, args: 1.0 - u, jnp.ones(2))
    with pytest.raises(ShapeError, match=r"solution\.final"):
        js.plots.plot(steady)
