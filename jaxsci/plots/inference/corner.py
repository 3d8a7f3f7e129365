"""Every unknown, and every pair of unknowns, of a posterior."""

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import PyTree
from matplotlib.axes import Axes
from scipy.ndimage import gaussian_filter

from ..picture import Picture
from .draws import Columns, columns, flat

MOST, CELLS = 12, 40


def corner(
    draws: Any,
    axes: Any = None,
    *,
    truth: PyTree = None,
    names: Iterable[str] | None = None,
    masses: Iterable[float] = (0.5, 0.9),
    color: str = "C0",
    label: str | None = None,
) -> Picture:
    """Draw the distribution of each unknown on the diagonal, and of each pair of them below it.

    The lines of a pair enclose the smallest regions that hold the given shares of the draws.

    Args:
        draws: Draws of `js.inference.sample`, an ensemble, or a PyTree of arrays with the draws first.
        axes: Panels of an earlier corner, to draw a second posterior over the first; new ones by default.
        truth: Values to mark, a PyTree like one draw.
        names: Which unknowns to draw; all by default, and at most twelve.
        masses: Shares of the draws that the lines of a pair enclose.
        color: Colour of the draws.
        label: What to call the draws in the legend.

    Returns:
        The figure and its panels, a square of them; those above the diagonal are empty.

    Raises:
        ValueError: If there are more than twelve unknowns, or none of a given name.
        ShapeError: If the arrays of draws do not fit together.

    Example:
        >>> import numpy as np, jaxsci as js
        >>> normal = np.random.default_rng(0).normal(size=(500, 2))
        >>> figure, axes = js.plots.corner({"a": normal[:, 0], "b": normal.sum(axis=1)})
        >>> axes[1, 0].get_xlabel(), axes[1, 0].get_ylabel()
        ('a', 'b')
    """
    found = columns(draws)
    marks = None if truth is None else Columns(flat(truth)[None], found.names).only(names).values[0]
    found = found.only(names)
    size = len(found.names)
    if size > MOST:
        raise ValueError(
            f"{size} unknowns give {size * (size - 1) // 2} pairs, too many to see: name at most {MOST} of them, "
            f"names={list(found.names[:2])}."
        )
    picture = _square(axes, size)
    for row, column in np.ndindex(size, size):
        panel = picture.axes[row, column]
        if column > row:
            panel.set_axis_off()
        elif column == row:
            _one(panel, found.values[:, row], color, label)
        else:
            _two(panel, found.values[:, column], found.values[:, row], color, tuple(masses))
        if marks is not None and column <= row:
            panel.axvline(marks[column], color="k", lw=1, ls="--")
            if column < row:
                panel.axhline(marks[row], color="k", lw=1, ls="--")
        _label(panel, row, column, found.names)
    if label is not None:
        picture.axes[0, 0].legend(frameon=False, fontsize="small")
    return picture


def _square(axes: Any, size: int) -> Picture:
    if axes is None:
        side = min(2.1 * size + 0.6, 14.0)
        figure, grid = plt.subplots(size, size, figsize=(side, side), squeeze=False, sharex="col", layout="constrained")
        return Picture(figure, grid)
    grid = np.array([axes] if isinstance(axes, Axes) else axes, dtype=object).ravel()
    if len(grid) != size * size:
        raise ValueError(f"{size} unknowns need {size} x {size} panels, and {len(grid)} were given: leave axes out.")
    return Picture(grid[0].figure, grid.reshape(size, size))


def _one(panel: Axes, values: np.ndarray, color: str, label: str | None) -> None:
    panel.hist(values[np.isfinite(values)], bins=CELLS, density=True, color=color, alpha=0.45, label=label)
    panel.set_title(f"{np.mean(values):.4g} ± {np.std(values):.2g}", fontsize="small")
    panel.set_yticks([])


def _two(panel: Axes, x: np.ndarray, y: np.ndarray, color: str, masses: tuple[float, ...]) -> None:
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    thin = slice(None, None, max(1, len(x) // 2000))
    panel.plot(x[thin], y[thin], ".", ms=1.5, alpha=0.35, color=color, rasterized=True)
    if len(x) < 100 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=CELLS)
    density = gaussian_filter(counts, 1.5, mode="constant")
    ranked = np.sort(density.ravel())[::-1]
    share = np.cumsum(ranked) / ranked.sum()
    levels = sorted({float(ranked[min(np.searchsorted(share, mass), ranked.size - 1)]) for mass in masses})
    panel.contour(_middles(x_edges), _middles(y_edges), density.T, levels=levels, colors=color, linewidths=1)


def _middles(edges: np.ndarray) -> np.ndarray:
    return (edges[1:] + edges[:-1]) / 2


def _label(panel: Axes, row: int, column: int, names: tuple[str, ...]) -> None:
    if row == len(names) - 1:
        panel.set_xlabel(names[column])
        panel.tick_params(axis="x", labelrotation=30)
    if column == 0 and row > 0:
        panel.set_ylabel(names[row])
    elif column < row:
        panel.tick_params(labelleft=False)
