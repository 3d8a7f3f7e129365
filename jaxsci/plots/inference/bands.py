"""What a posterior predicts: quantiles of many curves, with the data."""

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..._core.errors import ShapeError
from ..picture import Picture, panels


def predictive_bands(
    ts: Float[Array, " times"],
    curves: PyTree,
    data: PyTree = None,
    axes: Any = None,
    *,
    data_ts: Float[Array, " data"] | None = None,
    truth: PyTree = None,
    masses: Iterable[float] = (0.5, 0.9),
    labels: Iterable[str] | None = None,
    along: str = "time",
    name: str = "u",
) -> Picture:
    """Draw the central bands of many curves, their median, and the data.

    A band of mass 0.9 reaches from the 5 % to the 95 % quantile at each time. Curves of the law alone show how well it
    is known; add noise to each (`posterior.simulate_data`) to see where new data would lie.

    Args:
        ts: Times of the curves, or positions.
        curves: One curve per draw, (draws, times) or (draws, times, components), or a PyTree of such arrays.
        data: Points to compare with: a PyTree like one curve, at `data_ts`.
        axes: Panels to draw in, one per component; new ones by default.
        data_ts: Times of the data; those of the curves by default.
        truth: The true curve, where it is known.
        masses: Share of the curves in each band, each at most 1.
        labels: Names of the panels.
        along: What runs to the right.
        name: What a curve is called in labels.

    Returns:
        The figure and its panels, one per component.

    Raises:
        ShapeError: If the curves or the data do not fit the times.

    Example:
        >>> import numpy as np, jaxsci as js
        >>> ts = np.linspace(0.0, 1.0, 20)
        >>> curves = ts * np.random.default_rng(0).normal(1.0, 0.1, (100, 1))
        >>> figure, axes = js.plots.predictive_bands(ts, curves, data=ts)
        >>> [text.get_text() for text in axes.get_legend().get_texts()]
        ['90 % of the curves', '50 % of the curves', 'median', 'data']
    """
    times, masses = np.asarray(ts), sorted(masses, reverse=True)
    parts = _components(curves, len(times), "curves", draws=True)
    measured = times if data_ts is None else np.asarray(data_ts)
    points = _components(data, len(measured), "data")
    exact = _components(truth, len(times), "truth")
    picture = panels(axes, len(parts), (5.6, 3.6))
    titles = tuple(labels) if labels is not None else tuple(title or name for title in parts)
    for i, (panel, title, part) in enumerate(zip(np.atleast_1d(picture.axes), titles, parts.values(), strict=True)):
        _bands(panel, times, part, masses)
        if exact:
            panel.plot(times, list(exact.values())[i], "k--", lw=1, label="truth")
        if points:
            panel.plot(measured, list(points.values())[i], "k.", ms=5, label="data")
        panel.set(xlabel=along, ylabel=title, xlim=(times[0], times[-1]))
        panel.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    np.atleast_1d(picture.axes)[-1].legend(frameon=False)
    return picture


def _bands(panel: Axes, ts: np.ndarray, curves: np.ndarray, masses: list[float]) -> None:
    good = curves[np.all(np.isfinite(curves), axis=1)]
    if len(good) == 0:
        raise ValueError("no curve is finite: look at the draws and at `solution.ok` of their simulations.")
    left_out = len(curves) - len(good)
    for number, mass in enumerate(masses):
        low, high = np.quantile(good, [0.5 - mass / 2, 0.5 + mass / 2], axis=0)
        label = f"{100 * mass:.3g} % of the curves"
        panel.fill_between(ts, low, high, color="C0", alpha=0.2 + 0.15 * number, lw=0, label=label)
    panel.plot(ts, np.median(good, axis=0), color="C0", label="median")
    if left_out:
        panel.set_title(f"{left_out} of {len(curves)} curves are not finite and left out", fontsize="small")


def _components(tree: PyTree, length: int, what: str, draws: bool = False) -> dict[str, np.ndarray]:
    """Each curve by name: (draws, times) with `draws`, else (times,)."""
    found: dict[str, np.ndarray] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda node: isinstance(node, list)):
        title, array = jax.tree_util.keystr(path, simple=True, separator="."), np.asarray(leaf)
        if array.ndim not in (1 + draws, 2 + draws) or array.shape[draws] != length:
            shape = f"({'draws, ' if draws else ''}{length})"
            raise ShapeError(
                f"{what} of shape {array.shape} do not fit {length} times: give {shape}, or one axis more."
            )
        if array.ndim == 1 + draws:
            found[title] = array
        else:
            found |= {f"{title}[{i}]" if title else f"[{i}]": array[..., i] for i in range(array.shape[-1])}
    return found
