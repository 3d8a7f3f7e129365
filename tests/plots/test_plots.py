"""Pictures show the numbers they are given, where they belong."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import jaxsci as js

LINE = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (16,)))
PLANE = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0), (0.0, 3.0)), (8, 12)), boundary=js.Neumann(0.0))


class Pair(NamedTuple):
    density: js.Field
    flow: js.Field


@pytest.fixture(autouse=True)
def no_figures_left():
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


def sine():
    return LINE.field(lambda x: jnp.sin(x[0]))


def hill(space=PLANE):
    return space.field(lambda x: x[0] + 10 * x[1])


def waves(num_saves=6):
    return js.simulate(js.equations.Heat(), sine(), 1.0, dt=0.1, save_at=num_saves)


def test_curve_is_the_field():
    figure, panel = js.plots.plot(sine(), name="height")
    (line,) = panel.lines
    np.testing.assert_allclose(line.get_xdata(), LINE.axes[0])
    np.testing.assert_allclose(line.get_ydata(), np.sin(LINE.axes[0]), atol=1e-15)
    assert panel.get_xlabel() == "x" and panel.get_ylabel() == "height" and figure is panel.figure


def test_complex_field_is_drawn_by_its_parts():
    psi = LINE.field(lambda x: jax.lax.complex(jnp.cos(x[0]), jnp.sin(x[0])))
    panel = js.plots.plot(psi, name="psi").axes
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["|psi|", "Re psi", "Im psi"]
    np.testing.assert_allclose(panel.lines[0].get_ydata(), 1.0)


def test_image_puts_each_node_where_it_is():
    panel = js.plots.plot(hill()).axes
    (image,) = panel.images
    shown = np.asarray(image.get_array())
    assert image.origin == "lower" and panel.get_aspect() == 1
    np.testing.assert_allclose(image.get_extent(), [0, 1, 0, 3], atol=1e-14)
    np.testing.assert_allclose(shown[5, 2], PLANE.axes[0][2] + 10 * PLANE.axes[1][5])


def test_colours_are_centred_on_zero_where_there_are_both_signs():
    both = js.plots.plot(hill() - 12.0).axes.images[0]
    assert both.get_clim()[0] == -both.get_clim()[1] and both.get_cmap().name == "RdBu_r"
    assert js.plots.plot(hill()).axes.images[0].get_cmap().name == "viridis"
    assert js.plots.plot(hill(), limits=(0.0, 5.0), cmap="magma").axes.images[0].get_clim() == (0.0, 5.0)
    js.plots.plot(0.0 * hill()).figure.canvas.draw()


def test_vector_field_has_speed_and_arrows():
    panel = js.plots.plot(PLANE.field(lambda x: jnp.stack([3.0 + 0 * x[0], 4.0 + 0 * x[1]]))).axes
    np.testing.assert_allclose(panel.images[0].get_array(), 5.0)
    quiver = panel.collections[0]
    np.testing.assert_allclose(quiver.V / quiver.U, 4 / 3)


def test_space_is_shown_by_its_middle_planes():
    cube = js.Fourier(js.Grid(js.Box(*[(0.0, 1.0)] * 3), (4, 6, 8)))
    picture = js.plots.plot(cube.field(lambda x: jnp.sin(2 * jnp.pi * x[2])))
    assert [panel.images[0].get_array().shape for panel in picture.axes] == [(6, 4), (8, 4), (8, 6)]


def test_function_on_a_box_is_sampled():
    panel = js.plots.plot(js.Neural(js.Box((0.0, 1.0))).field(lambda x: x[0] ** 2)).axes
    x, y = panel.lines[0].get_data()
    assert len(x) > 100
    np.testing.assert_allclose(y, x**2)


def test_parts_of_a_state_get_a_panel_each():
    flow = PLANE.field(lambda x: jnp.stack([x[1], x[0]]))
    picture = js.plots.plot(Pair(hill(), flow))
    assert len(picture.axes) == 2 and all(len(panel.images) == 1 for panel in picture.axes)


def test_solution_on_a_line_is_space_and_time():
    solution = waves()
    panel = js.plots.plot(solution).axes
    image = panel.images[0]
    np.testing.assert_allclose(image.get_array(), solution.states.values)
    assert panel.get_ylabel() == "time" and image.origin == "lower"
    uneven = js.simulate(js.equations.Heat(), sine(), 1.0, save_at=[0.1, 0.2, 1.0])
    assert len(js.plots.plot(uneven).axes.collections) == 1


def test_solution_on_a_plane_is_moments_in_the_same_colours():
    solution = js.simulate(js.equations.Heat(), hill(), 0.1, dt=0.001, save_at=10)
    picture = js.plots.plot(solution)
    assert len(picture.axes) == 6 and len({panel.images[0].get_clim() for panel in picture.axes}) == 1
    assert picture.axes[-1].get_title() == "t = 0.1"


def test_ordinary_solution_is_curves_with_names():
    solution = js.simulate(js.equations.Lorenz63(), jnp.ones(3), 1.0, save_at=10)
    panel = js.plots.plot(solution, labels=("x", "y", "z")).axes
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["x", "y", "z"]
    np.testing.assert_allclose(panel.lines[2].get_ydata(), solution.states[:, 2])
    phase = js.equations.Phase(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]))
    kepler = js.plots.plot(js.simulate(js.equations.Kepler(), phase, 1.0, dt=0.1, save_at=5))
    assert [panel.get_ylabel() for panel in kepler.axes] == ["q", "p"]


def test_spectrum_is_logarithmic_with_a_law_beside_it():
    u = LINE.field(lambda x: jnp.sin(x[0]) + 0.1 * jnp.sin(5 * x[0]))
    panel = js.plots.plot_spectrum(u, slope=-3).axes
    k, energy = panel.lines[0].get_data()
    np.testing.assert_allclose(energy[np.isclose(k, 5)], 0.0025, rtol=1e-12)
    assert panel.get_xscale() == panel.get_yscale() == "log"
    x, y = panel.lines[1].get_data()
    np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(np.log(x)), -3)
    assert js.plots.plot(js.energy_spectrum(u)).axes.get_yscale() == "log"


def test_comparison_shares_the_colours_and_takes_any_storage():
    function = js.Neural(js.Box((0.0, 1.0), (0.0, 3.0)))
    picture = js.plots.compare({"nodes": hill(), "function": hill(function)})
    assert len({panel.images[0].get_clim() for panel in picture.axes}) == 1
    lines = js.plots.compare({"a": sine(), "b": 2 * sine()}).axes.lines
    assert [line.get_label() for line in lines] == ["a", "b"]
    assert len(js.plots.compare({"a": waves(), "b": waves()}).axes) == 2


def test_panels_of_the_caller_are_used():
    figure, (left, right) = plt.subplots(1, 2)
    assert js.plots.plot(sine(), axes=left).axes is left and len(right.lines) == 0
    js.plots.compare({"a": hill(), "b": hill()}, axes=(left, right))
    assert len(left.images) == len(right.images) == 1


def test_film_has_a_frame_per_saved_state(tmp_path):
    frames = []
    js.plots.animate(waves(4), tmp_path / "line.gif", on_frame=frames.append)
    plane = js.simulate(js.equations.Heat(), hill(), 0.1, dt=0.001, save_at=3)
    js.plots.animate(plane, tmp_path / "plane.gif")
    with Image.open(tmp_path / "line.gif") as line, Image.open(tmp_path / "plane.gif") as plane:
        assert (line.n_frames, plane.n_frames) == (4, 3)
    assert frames == [0, 1, 2, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line.gif", "plane.gif"]


def test_a_film_that_fails_leaves_nothing(tmp_path):
    def fail(frame):
        if frame == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        js.plots.animate(waves(3), tmp_path / "u.gif", on_frame=fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: js.plots.plot(jnp.ones(3)), TypeError, "give a field"),
        (lambda: js.plots.plot(sine(), labels=()), ValueError, "labels"),
        (lambda: js.plots.compare({}), ValueError, "nothing"),
        (lambda: js.plots.compare({"a": sine(), "b": hill()}), TypeError, "mixture"),
        (lambda: js.plots.compare({"a": hill(), "b": hill()}, axes=[plt.gca()]), ValueError, "leave axes out"),
        (lambda: js.plots.animate(waves(), "u.mp4"), ValueError, "u.gif"),
        (lambda: js.plots.compare({"a": waves(1), "b": waves(1)}), TypeError, r"solution\.final"),
    ],
)
def test_what_cannot_be_drawn_says_what_can(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


def trained(t1=None, box=None, **options):
    box = box or js.Box((0.0, 1.0))
    network = js.networks.MLP(box.dim + (t1 is not None), "scalar", 6, 1, key=jax.random.key(0))
    law = js.equations.Poisson(lambda x: 1.0 + 0.0 * x[0]) if t1 is None else js.equations.Heat(0.1)
    optimiser = js.learning.LevenbergMarquardt(max_steps=4)
    return js.learning.solve_pinn(
        law, box, network, t1=t1, points=40, optimiser=optimiser, compare=0, key=jax.random.key(1), **options
    )


@pytest.mark.slow
def test_training_shows_losses_shares_and_the_worst_points():
    walls = {"x-": js.Dirichlet(0.0), "x+": js.Neumann(0.0)}
    solution = trained(1.0, initial=lambda x: x[0], boundary=walls)
    report = solution.report
    history, parts, where = js.plots.training(solution).axes
    np.testing.assert_array_equal(history.lines[0].get_ydata(), report.losses)
    widths = {
        label.get_text(): bar.get_width() for label, bar in zip(parts.get_yticklabels(), parts.patches, strict=True)
    }
    assert set(widths) == {"law", "law at x+"} and abs(sum(widths.values()) - 1) < 1e-12
    np.testing.assert_allclose(widths["law"], report.shares["law"] / report.losses[-1], rtol=1e-6)
    circled = where.lines[0].get_xydata()
    assert (where.get_xlabel(), where.get_ylabel()) == ("t", "x")
    assert (
        any(np.allclose(point, report.worst_point) for point in circled)
        and len(circled) < len(report.fresh_points) / 20
    )


@pytest.mark.slow
def test_training_of_one_and_of_three_coordinates():
    solution = trained(boundary=js.Dirichlet(0.0))
    axes = js.plots.training(solution.report).axes
    assert axes[2].get_xlabel() == "x"
    assert np.max(axes[2].lines[0].get_ydata()) == solution.report.largest_residual
    cube = js.Box(*[(0.0, 1.0)] * 3)
    assert len(js.plots.training(trained(box=cube, boundary=js.Dirichlet(0.0))).axes) == 2
