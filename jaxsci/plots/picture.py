"""A figure and its panels, made without touching Matplotlib's global state."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"


class Picture(NamedTuple):
    """A Matplotlib figure and its panels: one `Axes`, or an array of them.

    Args:
        figure: The figure; `figure.savefig("u.png")` writes it.
        axes: One panel, or several.
    """

    figure: Figure
    axes: Any


def panels(
    axes: Axes | Iterable[Axes] | None, count: int = 1, size: tuple[float, float] = (6.4, 4.0), columns: int = 3
) -> Picture:
    """The panels to draw in: those given, or new ones, `size` inches each, at most `columns` in a row."""
    if axes is None:
        columns = min(count, columns)
        rows = -(-count // columns)
        width, height = size
        shrink = 1.0 if columns == 1 else 0.75
        size = (shrink * width * columns, shrink * height * rows)
        figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        flat = grid.ravel()
        for unused in flat[count:]:
            unused.set_axis_off()
    else:
        flat = np.array([axes] if isinstance(axes, Axes) else list(axes), dtype=object).ravel()
        if len(flat) < count:
            raise ValueError(f"{count} panels are needed and {len(flat)} were given: leave axes out, or give {count}.")
        figure = flat[0].figure
    return Picture(figure, flat[0] if count == 1 else flat[:count])


def groups_of_panels(axes: Axes | Iterable[Axes] | None, counts: list[int]) -> tuple[Picture, list[np.ndarray]]:
    """Panels for several pictures, the i-th of `counts[i]` panels; if one needs several, each begins a new row."""
    together = axes is not None or max(counts) == 1
    columns = 3 if together else min(3, max(counts))
    places = counts if together else [-(-count // columns) * columns for count in counts]
    picture = panels(axes, sum(places), (6.4, 4.0) if together else (5.0, 4.4), columns)
    rows = np.split(np.atleast_1d(picture.axes), np.cumsum(places)[:-1])
    for row, count in zip(rows, counts, strict=True):
        for unused in row[count:]:
            unused.set_axis_off()
    groups = [row[:count] for row, count in zip(rows, counts, strict=True)]
    flat = np.concatenate(groups)
    return Picture(picture.figure, flat[0] if len(flat) == 1 else flat), groups


def color_scale(
    values: np.ndarray, limits: tuple[float, float] | None = None, cmap: str | None = None
) -> dict[str, Any]:
    """Colours for values: diverging and centred on zero where they have both signs, sequential otherwise."""
    finite = values[np.isfinite(values)]
    low, high = limits or ((float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))
    both_signs = low < 0 < high and min(-low, high) > 0.1 * max(-low, high)
    if both_signs and limits is None:
        high = max(-low, high)
        low = -high
    if low == high:
        low, high = low - 0.5, high + 0.5
    return {"vmin": low, "vmax": high, "cmap": cmap or (DIVERGING if both_signs else SEQUENTIAL)}
