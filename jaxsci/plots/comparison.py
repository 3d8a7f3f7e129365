"""The same quantity by several ways, side by side or in one panel."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..fields import Field, is_field
from ..simulation import Solution
from .fields import Style, add_bar, image, panel_size
from .picture import Picture, color_scale, panels
from .sampling import drawable, edges, modulus, values_of
from .trajectories import times


def compare(
    sources: Mapping[str, Field | Solution],
    axes: Any = None,
    *,
    name: str = "u",
    limits: tuple[float, float] | None = None,
    cmap: str | None = None,
) -> Picture:
    """Draw several scalar fields or solutions so that the eye can compare them.

    Fields on a line share one panel; fields on a plane, and solutions on a line, get a panel each, in the same colours.

    Args:
        sources: What to draw, by name: `{"exact": u, "network": v}`. Storages may differ.
        axes: Panels to draw in; new ones by default.
        name: What the quantity is called in labels.
        limits: Lowest and highest value of the colours, or of the vertical axis.
        cmap: Name of a Matplotlib colour map.

    Returns:
        The figure and its panels.

    Raises:
        TypeError: If the sources are neither all scalar fields of one dimension nor all solutions on a line.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Neural(js.Box((0.0, 1.0))).field(lambda x: jnp.sin(x[0]))
        >>> figure, axes = js.plots.compare({"sine": u, "line": u.space.field(lambda x: x[0])})
        >>> [text.get_text() for text in axes.get_legend().get_texts()]
        ['sine', 'line']
    """
    if not sources:
        raise ValueError('there is nothing to compare: give sources by name, {"exact": u, "network": v}.')
    kinds = {_kind(source) for source in sources.values()}
    if len(kinds) > 1 or None in kinds:
        raise TypeError(
            "compare draws scalar fields of one dimension, or solutions of scalar fields on a line, not a mixture: "
            "pass solution.final to compare ends and runs of one saved state, and one component of a vector, u[0]."
        )
    style = Style(name, limits, cmap)
    if kinds == {1}:
        return _in_one_panel(sources, axes, style)
    return _in_one_scale(sources, axes, style)


def _kind(source: Any) -> int | str | None:
    if isinstance(source, Solution):
        states = source.states
        on_line = is_field(states) and states.space.dim == 1 and np.ndim(values_of(states)) == 2
        return "solution" if on_line and len(source) > 1 else None
    return source.space.dim if is_field(source) and source.shape == () and source.space.dim < 3 else None


def _in_one_panel(sources, axes, style: Style) -> Picture:
    picture, name = panels(axes), _name(sources, style)
    lines = ("-", "--", "-.", ":")
    for i, (title, field) in enumerate(sources.items()):
        field = drawable(field)
        picture.axes.plot(field.space.axes[0], modulus(values_of(field)), lines[i % len(lines)], label=title)
    picture.axes.set(xlabel="x", ylabel=name, ylim=style.limits)
    picture.axes.margins(x=0)
    picture.axes.legend(frameon=False)
    return picture


def _in_one_scale(sources, axes, style: Style) -> Picture:
    found = {title: _plane(source) for title, source in sources.items()}
    scale = color_scale(np.concatenate([values.ravel() for _, values, _ in found.values()]), style.limits, style.cmap)
    style = style._replace(limits=(scale["vmin"], scale["vmax"]), cmap=scale["cmap"])
    (nodes, _, labels), *_ = found.values()
    on_plane = labels[1] == "y"
    picture = panels(axes, len(found), panel_size(nodes) if on_plane else (5.0, 4.0))
    for panel, (title, (nodes, values, labels)) in zip(np.atleast_1d(picture.axes), found.items(), strict=True):
        if on_plane:
            shown = image(panel, nodes, values, style._replace(title=title), bar=False)
        else:
            extent = (*edges(nodes[0]), *edges(nodes[1]))
            shown = panel.imshow(
                values.T, origin="lower", extent=extent, aspect="auto", interpolation="nearest", **scale
            )
            panel.set(xlabel=labels[0], ylabel=labels[1], title=title, ylim=nodes[1][[0, -1]])
        panel.label_outer()
    add_bar(picture.axes, shown, _name(sources, style))
    return picture


def _name(sources, style: Style) -> str:
    """What is drawn is called: the modulus if any source is complex."""
    numbers = [source.states if isinstance(source, Solution) else source for source in sources.values()]
    return next((f"|{style.name}|" for u in numbers if np.iscomplexobj(values_of(drawable(u)))), style.name)


def _plane(source: Field | Solution) -> tuple[tuple, np.ndarray, tuple[str, str]]:
    """Nodes, values and labels of what is drawn as an image."""
    if isinstance(source, Solution):
        return (source.states.space.axes[0], times(source)), modulus(values_of(source.states)).T, ("x", "time")
    field = drawable(source)
    return field.space.axes, modulus(values_of(field)), ("x", "y")
