"""A solution as a film."""

import math
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..fields import is_field
from ..simulation import Solution
from .fields import Style, image, label_of, panel_size
from .picture import color_scale
from .sampling import colored, modulus, modulus_name, values_of
from .trajectories import times


def animate(
    solution: Solution,
    path: str | Path | None = None,
    *,
    name: str = "u",
    frames_per_second: float = 15,
    limits: tuple[float, float] | None = None,
    cmap: str | None = None,
    dots_per_inch: int = 80,
    on_frame: Callable[[int], Any] | None = None,
) -> FuncAnimation:
    """Make a film of a solution on a line (moving curves) or on a plane (moving image), one frame per saved state.

    Args:
        solution: A solution whose state is one field; of a vector field on a plane the speed is shown, of an ensemble
            on a line all members.
        path: Where to write it, as `.gif`; it appears when it is complete. None writes nothing; `~` is the home folder.
        name: What the quantity is called in labels.
        frames_per_second: Speed of the film.
        limits: Lowest and highest value, of the whole film by default.
        cmap: Name of a Matplotlib colour map.
        dots_per_inch: Resolution of the written film.
        on_frame: Called with the number of each frame that is written, for progress bars.

    Returns:
        The animation; in a notebook, `IPython.display.HTML(animation.to_jshtml())` plays it.

    Raises:
        TypeError: If the state is not one field on a line or a plane, or an ensemble on a plane.
        ValueError: If the path does not end in `.gif`.
    """
    path = None if path is None else Path(path).expanduser()
    if path is not None and path.suffix != ".gif":
        raise ValueError(f"animate writes films as .gif, not {path.name!r}: write path='{path.stem}.gif'.")
    field, ts, members = solution.states, times(solution), solution.members
    if not is_field(field) or field.space.dim > 2:
        raise TypeError(
            "animate needs a solution whose state is one field on a line or a plane: pick one part of the state."
        )
    if members and field.space.dim == 2:
        raise TypeError(
            f"animate makes a film of one run on a plane, and this solution holds {math.prod(members)}: simulate one "
            "of them by itself, or draw the ends of several with js.plots.plot(solution)."
        )
    values = values_of(field)
    style = Style(name, limits, cmap)
    if field.space.dim == 1:
        runs = values.reshape(math.prod(members), len(ts), -1, values.shape[-1])
        figure, draw = _curves(field.space.axes[0], runs, style)
    else:
        style = style._replace(name=f"|{name}|" if values.ndim > 3 else modulus_name(name, values))
        figure, draw = _images(field.space.axes, np.stack([colored(moment, 2) for moment in values]), style)
    title = figure.axes[0].set_title(f"t = {ts[0]:.4g}")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")

    def frame(index: int):
        title.set_text(f"t = {ts[index]:.4g}")
        return [*draw(index), title]

    animation = FuncAnimation(figure, frame, frames=len(ts), interval=1000 / frames_per_second)
    if path is not None:
        _write(animation, path, frames_per_second, dots_per_inch, on_frame)
    return animation


def _canvas(size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _curves(x: np.ndarray, values: np.ndarray, style: Style) -> tuple[Figure, Callable]:
    """Moving curves of values `(members, times, components, nodes)`, a colour per component."""
    figure, panel = _canvas((6.4, 3.6))
    name, heights = modulus_name(style.name, values), modulus(values)
    low, high = style.limits or (heights.min(), heights.max())
    margin = 0.05 * (high - low) or 1.0
    members, _, count, _ = values.shape
    thin = {} if members == 1 else {"lw": 0.8, "alpha": max(0.1, min(1.0, 10 / members))}
    lines = [[panel.plot(x, member[0, i], f"C{i}", **thin)[0] for i in range(count)] for member in heights]
    panel.set(xlabel="x", ylabel=name, xlim=(x[0], x[-1]), ylim=(low - margin, high + margin))
    if count > 1:
        names = [modulus_name(label_of(style, i, count), values) for i in range(count)]
        panel.legend([Line2D([], [], color=f"C{i}") for i in range(count)], names, frameon=False, loc="upper right")

    def draw(index: int):
        for row, member in zip(lines, heights, strict=True):
            for line, height in zip(row, member[index], strict=True):
                line.set_ydata(height)
        return [line for row in lines for line in row]

    return figure, draw


def _images(nodes: tuple, values: np.ndarray, style: Style) -> tuple[Figure, Callable]:
    figure, panel = _canvas(panel_size(nodes))
    scale = color_scale(values, style.limits, style.cmap)
    shown = image(panel, nodes, values[0], style._replace(limits=(scale["vmin"], scale["vmax"]), cmap=scale["cmap"]))

    def draw(index: int):
        shown.set_data(values[index].T)
        return [shown]

    return figure, draw


def _write(animation: FuncAnimation, path: Path, frames_per_second: float, dots_per_inch: int, on_frame) -> None:
    unfinished = path.with_name(f".{path.stem}-unfinished-{uuid.uuid4().hex[:8]}.gif")
    report = None if on_frame is None else lambda index, total: on_frame(index)
    try:
        animation.save(unfinished, PillowWriter(fps=frames_per_second), dpi=dots_per_inch, progress_callback=report)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
