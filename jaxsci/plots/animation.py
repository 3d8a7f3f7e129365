"""A solution as a film."""

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

from ..fields import is_field
from ..simulation import Solution
from .fields import Style, image, label_of, panel_size
from .picture import color_scale
from .sampling import modulus, values_of
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
        solution: A solution whose state is one field; of a vector field on a plane the speed is shown.
        path: Where to write it, as `.gif`; it appears when it is complete. None writes nothing.
        name: What the quantity is called in labels.
        frames_per_second: Speed of the film.
        limits: Lowest and highest value, of the whole film by default.
        cmap: Name of a Matplotlib colour map.
        dots_per_inch: Resolution of the written film.
        on_frame: Called with the number of each frame that is written, for progress bars.

    Returns:
        The animation; in a notebook, `IPython.display.HTML(animation.to_jshtml())` plays it.

    Raises:
        TypeError: If the state is not one field on a line or a plane.
        ValueError: If the path does not end in `.gif`.
    """
    if path is not None and Path(path).suffix != ".gif":
        raise ValueError(f"animate writes films as .gif, not {Path(path).name!r}: write path='{Path(path).stem}.gif'.")
    field, ts = solution.states, times(solution)
    if not is_field(field) or field.space.dim > 2:
        raise TypeError(
            "animate needs a solution whose state is one field on a line or a plane: pick one part of the state."
        )
    values = values_of(field)
    style = Style(name, limits, cmap)
    if field.space.dim == 1:
        figure, draw = _curves(field.space.axes[0], values.reshape(len(ts), -1, values.shape[-1]), style)
    else:
        if values.ndim > 3:
            values = np.sqrt(np.sum(modulus(values) ** 2, axis=tuple(range(1, values.ndim - 2))))
            style = style._replace(name=f"|{name}|")
        figure, draw = _images(field.space.axes, modulus(values), style)
    title = figure.axes[0].set_title(f"t = {ts[0]:.4g}")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")

    def frame(index: int):
        title.set_text(f"t = {ts[index]:.4g}")
        return [*draw(index), title]

    animation = FuncAnimation(figure, frame, frames=len(ts), interval=1000 / frames_per_second)
    if path is not None:
        _write(animation, Path(path), frames_per_second, dots_per_inch, on_frame)
    return animation


def _canvas(size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _curves(x: np.ndarray, values: np.ndarray, style: Style) -> tuple[Figure, Callable]:
    figure, panel = _canvas((6.4, 3.6))
    values = modulus(values)
    low, high = style.limits or (values.min(), values.max())
    margin = 0.05 * (high - low) or 1.0
    count = values.shape[1]
    lines = [panel.plot(x, values[0, i], label=label_of(style, i, count))[0] for i in range(count)]
    panel.set(xlabel="x", ylabel=style.name, xlim=(x[0], x[-1]), ylim=(low - margin, high + margin))
    if count > 1:
        panel.legend(frameon=False, loc="upper right")

    def draw(index: int):
        for i, line in enumerate(lines):
            line.set_ydata(values[index, i])
        return lines

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
