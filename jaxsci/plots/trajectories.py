"""Pictures of solutions: space and time, moments, curves over time, members of an ensemble."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from .._core.errors import ShapeError
from ..fields import Field, is_field
from ..simulation import Solution
from .fields import Style, add_bar, arrows, curves, draw_field, image, label_of, num_panels, panel_size
from .picture import Picture, color_scale, groups_of_panels, panels
from .sampling import colored, edges, modulus, modulus_name, values_of

MOMENTS, MEMBERS = 6, 6
FEW = 20


class Drawing(NamedTuple):
    """One picture of a solution: how many panels, which numbers its colours show, and `draw(axes, style=style)`."""

    count: int
    numbers: np.ndarray | None
    draw: Callable


def draw_solution(solution: Solution, axes: Any, style: Style) -> Picture:
    """The picture of a solution; one with a single saved state is drawn as that state."""
    ts, members = times(solution), solution.members
    parts = jax.tree_util.tree_leaves_with_path(solution.states, is_leaf=is_field)
    named = [(jax.tree_util.keystr(path, simple=True, separator=" ") or style.name, part) for path, part in parts]
    if not any(is_field(part) for _, part in named):
        return over_time(ts, named, members, axes, style)
    if len(named) == 1 and not members and len(ts) > 1 and _has_moments(named[0][1]):
        return moments(ts, named[0][1], axes, style)
    drawings = [drawing for name, part in named for drawing in _drawings(ts, part, members, style._replace(name=name))]
    if len(drawings) == 1:
        return drawings[0].draw(axes)
    picture, groups = groups_of_panels(axes, [drawing.count for drawing in drawings])
    for drawing, group in zip(drawings, groups, strict=True):
        drawing.draw(group)
    return picture


def times(solution: Solution) -> np.ndarray:
    """The saved times, of one run or of all members."""
    if solution.ts is None or solution.ts.shape[-1] == 0:
        raise ShapeError("this solution has no saved states: draw solution.final, or run with save_at=100.")
    rows = np.asarray(solution.ts).reshape(-1, solution.ts.shape[-1])
    if not np.all(rows == rows[:1]):
        raise ShapeError(
            "the members of this ensemble were saved at different times, which one picture cannot hold: draw one at a "
            "time, solution.member(0), or save all at the same times with save_at=[...]."
        )
    return rows[0]


def _has_moments(field: Field) -> bool:
    return field.space.dim == 2 and np.shape(values_of(field))[1:-2] in ((), (2,))


def _drawings(ts: np.ndarray, part: Any, members: tuple[int, ...], style: Style) -> list[Drawing]:
    """The pictures of one part of the state: one, or one per member, in the same colours; curves share a panel."""
    if not is_field(part):
        return [Drawing(1, None, partial(over_time, ts, [(style.name, part)], members, style=style))]
    if members and part.space.dim == 1 and not _has_space_time(ts, part, members):
        return [Drawing(1, None, partial(ends, ts, part, members, style=style))]
    drawings = [_drawing(ts, run, title) for title, run in _runs(part, members)]
    numbers = [drawing.numbers.ravel() for drawing in drawings if drawing.numbers is not None]
    if members and numbers:
        scale = color_scale(np.concatenate(numbers), style.limits, style.cmap)
        style = style._replace(limits=(scale["vmin"], scale["vmax"]), cmap=scale["cmap"])
    return [drawing._replace(draw=partial(drawing.draw, style=style)) for drawing in drawings]


def _has_space_time(ts: np.ndarray, field: Field, members: tuple[int, ...] = ()) -> bool:
    return field.space.dim == 1 and np.ndim(values_of(field)) == len(members) + 2 and len(ts) > 1


def _runs(field: Field, members: tuple[int, ...]) -> list[tuple[str, Field]]:
    """The states of single runs with what they are called, up to six of an ensemble."""
    if not members:
        return [("", field)]
    count = math.prod(members)
    flat = jax.tree.map(lambda leaf: leaf.reshape(count, *leaf.shape[len(members) :]), field.data)
    return [
        (
            "member " + ", ".join(str(axis) for axis in np.unravel_index(pick, members)),
            field.replace(jax.tree.map(lambda leaf, pick=pick: leaf[pick], flat)),
        )
        for pick in _spread(count, MEMBERS)
    ]


def _drawing(ts: np.ndarray, run: Field, title: str) -> Drawing:
    """Space and time of a scalar field on a line, the last moment of others."""
    dim, values = run.space.dim, values_of(run)
    if _has_space_time(ts, run):
        return Drawing(1, modulus(values), lambda axes, style: space_time(ts, run, axes, style._replace(title=title)))
    last = run.replace(jax.tree.map(lambda leaf: leaf[-1], run.data))
    title = ", ".join(filter(None, (title, f"t = {ts[-1]:.4g}")))
    by_length = dim == 3 or last.shape == (2,)
    numbers = None if dim == 1 else colored(values[-1], dim) if by_length else modulus(values[-1])
    return Drawing(num_panels(last), numbers, lambda axes, style: draw_field(last, axes, style._replace(title=title)))


def _spread(count: int, most: int) -> np.ndarray:
    """Up to `most` of `count` indices, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))


def space_time(ts: np.ndarray, field: Field, axes: Any, style: Style) -> Picture:
    """An image of a field on a line: x to the right, time upwards from the first saved time to the last."""
    values = values_of(field)
    name, values = modulus_name(style.name, values), modulus(values)
    picture = panels(axes)
    panel = picture.axes
    x = edges(field.space.axes[0])
    scale = color_scale(values, style.limits, style.cmap)
    uniform = np.allclose(np.diff(ts), ts[1] - ts[0], rtol=1e-3)
    if uniform:
        shown = panel.imshow(
            values, origin="lower", extent=(*x, *edges(ts)), aspect="auto", interpolation="nearest", **scale
        )
    else:
        shown = panel.pcolormesh(field.space.axes[0], ts, values, shading="nearest", **scale)
    panel.set(xlabel="x", ylabel="time", ylim=(ts[0], ts[-1]), title=style.title)
    add_bar(panel, shown, name)
    return picture


def moments(ts: np.ndarray, field: Field, axes: Any, style: Style) -> Picture:
    """Up to six moments of a scalar or vector field on a plane, in the same colours."""
    picks = _spread(len(ts), MOMENTS)
    values, nodes = values_of(field)[picks], field.space.axes
    numbers = np.stack([colored(moment, 2) for moment in values])
    scale = color_scale(numbers, style.limits, style.cmap)
    style = style._replace(limits=(scale["vmin"], scale["vmax"]), cmap=scale["cmap"])
    picture = panels(axes, len(picks), panel_size(nodes))
    shown = None
    for panel, index, moment in zip(np.atleast_1d(picture.axes), picks, values, strict=True):
        titled = style._replace(title=f"t = {ts[index]:.4g}")
        if moment.ndim > 2:
            shown = arrows(panel, nodes, moment, titled, bar=False, longest=float(np.nanmax(numbers)))
        else:
            shown = image(panel, nodes, moment, titled, bar=False)
        panel.label_outer()
    add_bar(picture.axes, shown, f"|{style.name}|" if values.ndim > 3 else modulus_name(style.name, values))
    return picture


def over_time(ts: np.ndarray, named: list, members: tuple[int, ...], axes: Any, style: Style) -> Picture:
    """Curves over time, one panel per part of the state; scalars share a panel."""
    arrays = [(name, np.asarray(part).reshape(math.prod(members), len(ts), -1)) for name, part in named]
    if all(array.shape[2] == 1 for _, array in arrays) and len(arrays) > 1:
        labels = style.labels or tuple(name for name, _ in arrays)
        arrays, style = [(style.name, np.concatenate([a for _, a in arrays], axis=2))], style._replace(labels=labels)
    picture = panels(axes, len(arrays))
    for panel, (name, array) in zip(np.atleast_1d(picture.axes), arrays, strict=True):
        named_style = style._replace(name=name)
        if len(ts) == 1:
            numbers(array[:, 0], panel, named_style._replace(title=f"t = {ts[0]:.4g}"))
        elif members:
            bundles(ts, array, panel, named_style)
        else:
            curves(ts, array[0].T, panel, named_style, along="time")
    return picture


def ends(ts: np.ndarray, field: Field, members: tuple[int, ...], axes: Any, style: Style) -> Picture:
    """The last moment of all members on a line, in one panel."""
    picture, values, x = panels(axes), values_of(field), field.space.axes[0]
    rows = values.reshape(math.prod(members), len(ts), -1, len(x))[:, -1].swapaxes(1, 2)
    bundles(x, rows, picture.axes, style._replace(title=f"t = {ts[-1]:.4g}"), along="x")
    return picture


def numbers(values: np.ndarray, panel: Axes, style: Style) -> None:
    """One state `(components,)` of each member, as points above the names or numbers of the components."""
    members, count = values.shape
    panel.plot(np.tile(np.arange(count), members), modulus(values).ravel(), "o", alpha=1.0 if members == 1 else 0.4)
    if style.labels is not None:
        panel.set_xticks(range(count), [label_of(style, i, count) for i in range(count)])
    elif count <= FEW:
        panel.set_xticks(range(count))
    panel.set(
        xlabel="component" if style.labels is None else "",
        ylabel=modulus_name(style.name, values),
        xlim=(-0.5, count - 0.5),
        ylim=style.limits,
        title=style.title,
    )


def bundles(x: np.ndarray, values: np.ndarray, panel: Axes, style: Style, along: str = "time") -> None:
    """Thin curves of all members `(members, x, components)`, a colour per component."""
    members, _, count = values.shape
    heights = np.where(np.isfinite(values), modulus(values), np.nan)
    for i in range(count):
        lines = np.stack([np.broadcast_to(x, heights.shape[:2]), heights[..., i]], axis=-1)
        name = modulus_name(label_of(style, i, count), values)
        panel.add_collection(
            LineCollection(
                lines,
                colors=f"C{i}",
                linewidths=0.8,
                alpha=float(np.clip(10 / members, 0.1, 1.0)),
                label=name if count > 1 or style.labels else None,
            )
        )
    panel.autoscale_view()
    if panel.get_legend_handles_labels()[0]:
        for line in panel.legend(frameon=False).get_lines():
            line.set(alpha=1.0, linewidth=1.5)
    name = modulus_name(style.name, values)
    panel.set(xlabel=along, ylabel=name, xlim=(x[0], x[-1]), ylim=style.limits, title=style.title)
