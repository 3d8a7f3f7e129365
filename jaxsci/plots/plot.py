"""One call that draws anything: it looks at what it is given and chooses the picture."""

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree
from matplotlib.axes import Axes

from ..fields import Field, is_field
from ..simulation import Solution
from . import fields
from .picture import Picture, groups_of_panels
from .spectrum import plot_spectrum
from .trajectories import draw_solution


def plot(
    source: Field | Solution | PyTree,
    axes: Axes | Iterable[Axes] | None = None,
    *,
    name: str = "u",
    limits: tuple[float, float] | None = None,
    cmap: str | None = None,
    labels: Iterable[str] | None = None,
) -> Picture:
    """Draw a field, a state, a solution or a spectrum.

    | source | picture |
    |---|---|
    | field on a line | curve, one per component; real and imaginary part and modulus of a complex one |
    | field on a plane | image with a colour bar; of a vector field the speed, with arrows |
    | field in space | its three middle planes |
    | state with several parts | the picture of each part |
    | solution on a line | image of space and time |
    | solution on a plane | up to six moments, in the same colours |
    | solution in space, or with several parts | its last moment; of parts on a line space and time |
    | solution of an ordinary law | curves over time; of one saved state its numbers |
    | ensemble on a line, on a plane, in space | up to six members, in the same colours; of curves all |
    | ensemble of an ordinary law | curves of all members over time |
    | pair `(k, E)` | spectrum, both axes logarithmic |

    Args:
        source: What to draw.
        axes: Panels to draw in; new ones by default.
        name: What the quantity is called in labels.
        limits: Lowest and highest value of the colours, or of the vertical axis.
        cmap: Name of a Matplotlib colour map.
        labels: Names of the components.

    Returns:
        The figure and its panels.

    Raises:
        TypeError: If there is no picture for such a thing.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Neural(js.Box((0.0, 1.0))).field(lambda x: jnp.sin(x[0]))
        >>> figure, axes = js.plots.plot(u, name="height")
        >>> axes.get_ylabel()
        'height'
    """
    style = fields.Style(name, limits, cmap, None if labels is None else tuple(labels))
    if isinstance(source, Solution):
        return draw_solution(source, axes, style)
    if is_field(source):
        return fields.draw_field(source, axes, style)
    if _is_spectrum(source):
        return plot_spectrum(source, axes, name="E" if name == "u" else name)
    parts = jax.tree_util.tree_leaves_with_path(source, is_leaf=is_field)
    if not parts or not all(is_field(part) for _, part in parts):
        raise TypeError(
            f"there is no picture for {_described(source)}: give a field, a container of fields, a solution of "
            "js.simulate, or the pair (k, E) of js.energy_spectrum."
        )
    picture, groups = groups_of_panels(axes, [fields.num_panels(part) for _, part in parts])
    for (path, part), group in zip(parts, groups, strict=True):
        title = jax.tree_util.keystr(path, simple=True, separator=" ")
        fields.draw_field(part, group, style._replace(name=title))
    return picture


def _is_spectrum(source: Any) -> bool:
    return type(source) is tuple and len(source) == 2 and all(eqx.is_array(part) and part.ndim == 1 for part in source)


def _described(source: Any) -> str:
    return f"an array of shape {source.shape}" if eqx.is_array(source) else f"a {type(source).__name__}"
