"""Which combinations of the unknowns the data tell, and which they leave open."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ...inference import Estimate, Identifiability
from ..fields import add_bar
from ..picture import DIVERGING, Picture, panels

MOST_NAMES = 30


def identifiability(estimate: Estimate | Identifiability, axes=None) -> Picture:
    """Draw the singular values of the sensitivity to the unknowns, and the direction that belongs to each.

    A direction of singular value s has an error bar 1/s times as wide as each unknown would have alone: the lower, the
    less the data tell of it. Those without any effect are hollow, and drawn at the level of rounding.

    Args:
        estimate: The result of `js.inference.maximize`.
        axes: Two panels to draw in; new ones by default.

    Returns:
        The figure and its two panels.

    Raises:
        ValueError: If the estimate has none, because the problem was too large for a Jacobian.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> posterior = js.inference.Posterior(lambda u: u["a"] * u["b"] * jnp.ones(3), jnp.ones(3), noise=0.1)
        >>> best = js.inference.maximize(posterior, {"a": 2.0, "b": 1.0})
        >>> figure, axes = js.plots.identifiability(best)
        >>> axes[0].get_title()
        '1 of 2 directions without effect'
    """
    found = estimate if isinstance(estimate, Identifiability) else estimate.identifiability
    if found is None:
        raise ValueError(
            "this estimate has no singular values, because its Jacobian would be too large: fix some unknowns, or "
            "write a field by fewer modes, as js.inference.GaussianRandomField(..., num_modes=100) does."
        )
    picture = panels(axes, 2, (5.6, 4.6))
    values, directions = picture.axes
    _values(values, np.asarray(found.singular_values), np.asarray(found.is_open))
    _directions(directions, np.asarray(found.directions), found.names)
    return picture


def _values(panel: Axes, values: np.ndarray, is_open: np.ndarray) -> None:
    number = np.arange(1, len(values) + 1)
    floor = np.finfo(values.dtype).eps * values.max()
    panel.semilogy(number[~is_open], values[~is_open], "C0o")
    panel.semilogy(number[is_open], np.full(is_open.sum(), floor), "C3o", mfc="none")
    title = f"{is_open.sum()} of {len(values)} directions without effect" if is_open.any() else None
    panel.set(xlabel="direction", ylabel="singular value", title=title, xlim=(0.5, len(values) + 0.5))
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    panel.grid(True, axis="y", alpha=0.3)


def _directions(panel: Axes, directions: np.ndarray, names: tuple[str, ...]) -> None:
    size = len(names)
    extent = (0.5, size + 0.5, size - 0.5, -0.5)
    shown = panel.imshow(directions.T, cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto", extent=extent)
    every = -(-size // MOST_NAMES)
    panel.set_yticks(range(0, size, every), names[::every])
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    panel.set(xlabel="direction")
    add_bar(panel, shown, "share of the unknown")
