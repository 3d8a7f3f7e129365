"""Pictures of solutions: space and time, moments, curves over time."""

from typing import Any

import jax
import numpy as np

from .._core.errors import ShapeError
from ..fields import Field, is_field
from ..simulation import Solution
from .fields import Style, add_bar, curves, draw_field, image, panel_size
from .picture import Picture, color_scale, panels
from .sampling import edges, modulus, values_of

MOMENTS = 6


def draw_solution(solution: Solution, axes: Any, style: Style) -> Picture:
    """The picture of a solution; one with a single saved state is drawn as that state."""
    ts = times(solution)
    parts = jax.tree_util.tree_leaves_with_path(solution.states, is_leaf=is_field)
    named = [(jax.tree_util.keystr(path, simple=True, separator=" ") or style.name, part) for path, part in parts]
    found = [part for _, part in named if is_field(part)]
    if not found:
        return over_time(ts, named, axes, style)
    if len(named) == 1 and found[0].space.dim == 2 and found[0].data.ndim == 3 and len(ts) > 1:
        return moments(ts, found[0], axes, style)
    picture = panels(axes, len(found))
    for (name, part), panel in zip(((n, p) for n, p in named if is_field(p)), np.atleast_1d(picture.axes), strict=True):
        if part.space.dim == 1 and part.data.ndim == 2 and len(ts) > 1:
            space_time(ts, part, panel, style._replace(name=name))
        else:
            draw_field(part.replace(jax.tree.map(lambda leaf: leaf[-1], part.data)), panel, style._replace(name=name))
    return picture


def times(solution: Solution) -> np.ndarray:
    """The saved times, of one run."""
    if solution.ts is None or solution.ts.ndim != 1 or len(solution.ts) == 0:
        raise ShapeError(
            "only one run with saved states can be drawn: run with save_at=100, and of an ensemble take one member, "
            "jax.tree.map(lambda a: a[0], solution)."
        )
    return np.asarray(solution.ts)


def space_time(ts: np.ndarray, field: Field, panel: Any, style: Style) -> None:
    """An image of a field on a line: x to the right, time upwards."""
    values = modulus(values_of(field))
    name = f"|{style.name}|" if np.iscomplexobj(values_of(field)) else style.name
    x = edges(field.space.axes[0])
    scale = color_scale(values, style.limits, style.cmap)
    uniform = np.allclose(np.diff(ts), ts[1] - ts[0], rtol=1e-3)
    if uniform:
        shown = panel.imshow(
            values, origin="lower", extent=(*x, *edges(ts)), aspect="auto", interpolation="nearest", **scale
        )
    else:
        shown = panel.pcolormesh(field.space.axes[0], ts, values, shading="nearest", **scale)
    panel.set(xlabel="x", ylabel="time")
    add_bar(panel, shown, name)


def moments(ts: np.ndarray, field: Field, axes: Any, style: Style) -> Picture:
    """Up to six moments of a scalar field on a plane, in the same colours."""
    picks = np.unique(np.linspace(0, len(ts) - 1, min(MOMENTS, len(ts))).round().astype(int))
    values = modulus(values_of(field))[picks]
    scale = color_scale(values, style.limits, style.cmap)
    style = style._replace(limits=(scale["vmin"], scale["vmax"]), cmap=scale["cmap"])
    picture = panels(axes, len(picks), panel_size(field.space.axes))
    shown = None
    for panel, index, moment in zip(np.atleast_1d(picture.axes), picks, values, strict=True):
        shown = image(panel, field.space.axes, moment, style._replace(name=f"t = {ts[index]:.4g}"), bar=False)
        panel.label_outer()
    add_bar(picture.axes, shown, style.name)
    return picture


def over_time(ts: np.ndarray, named: list, axes: Any, style: Style) -> Picture:
    """Curves over time, one panel per part of the state; scalars share a panel."""
    arrays = [(name, np.asarray(part).reshape(len(ts), -1)) for name, part in named]
    if all(array.shape[1] == 1 for _, array in arrays) and len(arrays) > 1:
        labels = style.labels or tuple(name for name, _ in arrays)
        arrays, style = [(style.name, np.concatenate([a for _, a in arrays], axis=1))], style._replace(labels=labels)
    picture = panels(axes, len(arrays))
    for panel, (name, array) in zip(np.atleast_1d(picture.axes), arrays, strict=True):
        curves(ts, array.T, panel, style._replace(name=name), along="time")
    return picture
