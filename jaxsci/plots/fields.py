"""Pictures of one field: curves, images, arrows, slices."""

import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from ..fields import Field
from ..geometry.box import axis_name
from .picture import Picture, color_scale, panels
from .sampling import colored, drawable, edges, modulus, modulus_name, values_of

ARROWS = 16


class Style(NamedTuple):
    """What the caller may choose about a picture."""

    name: str = "u"
    limits: tuple[float, float] | None = None
    cmap: str | None = None
    labels: tuple[str, ...] | None = None
    title: str = ""


def num_panels(field: Field) -> int:
    """How many panels `draw_field` needs."""
    if field.space.dim == 2 and field.shape != (2,):
        return math.prod(field.shape)
    return 3 if field.space.dim == 3 else 1


def draw_field(field: Field, axes: Any, style: Style) -> Picture:
    """The picture of a field on a line, on a plane or in space."""
    field = drawable(field)
    values, dim = values_of(field), field.space.dim
    components = values.shape[: values.ndim - dim]
    if dim == 1:
        return curves(field.space.axes[0], values.reshape(-1, values.shape[-1]), axes, style)
    if dim == 3:
        return slices(field.space.axes, values, axes, style)
    if components == (2,):
        picture = panels(axes, 1, panel_size(field.space.axes))
        arrows(picture.axes, field.space.axes, values, style)
        return picture
    flat = values.reshape(-1, *values.shape[-2:])
    picture = panels(axes, len(flat), panel_size(field.space.axes))
    for i, (panel, part) in enumerate(zip(np.atleast_1d(picture.axes), flat, strict=True)):
        name = style.name if len(flat) == 1 else label_of(style, i, len(flat))
        image(panel, field.space.axes, part, style._replace(name=name))
    return picture


def curves(x: np.ndarray, values: np.ndarray, axes: Any, style: Style, along: str = "x") -> Picture:
    """One curve per row of `values`; a complex row is drawn by its real and imaginary part and modulus."""
    picture = panels(axes)
    panel = picture.axes
    for i, row in enumerate(values):
        label = label_of(style, i, len(values))
        if np.iscomplexobj(row):
            panel.plot(x, np.abs(row), color="0.6", lw=3, label=f"|{label}|")
            panel.plot(x, row.real, color=f"C{2 * i}", label=f"Re {label}")
            panel.plot(x, row.imag, color=f"C{2 * i + 1}", label=f"Im {label}")
        else:
            panel.plot(x, row, label=label if len(values) > 1 or style.labels else None)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(frameon=False)
    panel.set(xlabel=along, ylabel=style.name, xlim=(x[0], x[-1]), ylim=style.limits, title=style.title)
    return picture


def image(panel: Axes, nodes: tuple, values: np.ndarray, style: Style, bar: bool = True):
    """An image of values on a plane, in its true proportions; returns the Matplotlib image."""
    name, values = modulus_name(style.name, values), modulus(values)
    shown = panel.imshow(
        values.T,
        origin="lower",
        extent=(*edges(nodes[0]), *edges(nodes[1])),
        aspect="equal",
        interpolation="nearest",
        **color_scale(values, style.limits, style.cmap),
    )
    panel.set(xlabel="x", ylabel="y", title=style.title)
    if bar:
        add_bar(panel, shown, name)
    return shown


def add_bar(panels, shown, label: str) -> None:
    """A colour bar as high as the image, beside its panel, or beside several that share it."""
    if isinstance(panels, Axes):
        low_x, high_x, low_y, high_y = shown.axes.axis()
        tall = (high_y - low_y) / (high_x - low_x) if panels.get_aspect() == 1 else 1.0
        inset = panels.inset_axes((1.0 + 0.02 * max(1.0, tall), 0.0, 0.04 * max(1.0, tall), 1.0))
        panels.figure.colorbar(shown, cax=inset, label=label)
    else:
        panels[0].figure.colorbar(shown, ax=panels, label=label, fraction=0.046, pad=0.02)


def arrows(panel: Axes, nodes: tuple, values: np.ndarray, style: Style, bar: bool = True, longest: float = 0.0):
    """The speed of a vector field as an image, which is returned, and its direction as arrows.

    `longest` is the speed of the longest arrow, by default the largest that is drawn.
    """
    shown = image(panel, nodes, colored(values, 2), style._replace(name=f"|{style.name}|"), bar)
    x, y = nodes
    step = max(1, round(max(len(x), len(y)) / ARROWS))
    picks = slice(step // 2, None, step)
    u, v = values.real[:, picks, picks]
    longest = longest or np.hypot(u, v).max() or 1.0
    gap = max(x[-1] - x[0], y[-1] - y[0]) / ARROWS
    panel.quiver(
        x[picks],
        y[picks],
        u.T,
        v.T,
        angles="xy",
        scale_units="xy",
        scale=longest / (1.3 * gap),
        color="white",
        edgecolor="black",
        linewidth=0.4,
        width=0.005,
        pivot="mid",
    )
    return shown


def slices(nodes: tuple, values: np.ndarray, axes: Any, style: Style) -> Picture:
    """The three middle planes of a field in space; of a vector field, its length."""
    name = f"|{style.name}|" if values.ndim > 3 else modulus_name(style.name, values)
    values = colored(values, 3)
    scale = color_scale(values, style.limits, style.cmap)
    picture = panels(axes, 3, (5.0, 4.4))
    for normal, panel in zip((2, 1, 0), picture.axes, strict=True):
        a, b = (axis for axis in range(3) if axis != normal)
        middle = len(nodes[normal]) // 2
        shown = panel.imshow(
            np.take(values, middle, axis=normal).T,
            origin="lower",
            extent=(*edges(nodes[a]), *edges(nodes[b])),
            aspect="equal",
            interpolation="nearest",
            **scale,
        )
        where = f"{axis_name(normal)} = {nodes[normal][middle]:.3g}"
        title = f"{style.title}, {where}" if style.title else where
        panel.set(xlabel=axis_name(a), ylabel=axis_name(b), title=title)
    add_bar(picture.axes, shown, name)
    return picture


def panel_size(nodes: tuple) -> tuple[float, float]:
    """A panel whose image has its true proportions, with room for labels and the colour bar."""
    width, height = (high - low for low, high in map(edges, nodes))
    largest = max(width, height)
    return max(3.2, 4.6 * width / largest + 1.4), max(2.2, 4.6 * height / largest + 0.7)


def label_of(style: Style, index: int, count: int) -> str:
    if style.labels is not None:
        if len(style.labels) < count:
            raise ValueError(f"{count} components need {count} labels, got {style.labels}.")
        return style.labels[index]
    return style.name if count == 1 else f"{style.name}$_{{{index}}}$"
