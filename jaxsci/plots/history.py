"""How a network was trained, and where it still misses the law."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..learning import PinnSolution, Report
from .fields import add_bar
from .picture import Picture, panels

WORST_SHARE = 0.01


def training(source: PinnSolution | Report, axes: Any = None) -> Picture:
    """Draw the loss by steps, the part of each term in the last loss, and where the residual is.

    The third panel is there for problems of one or two coordinates: the residual at points that training did not see,
    with the worst hundredth of them circled. A loss that still falls at its end was cut short; one large share is a
    loss out of balance; circles in one place are a front or a layer that wants more points.

    Args:
        source: What `solve_pinn` returned, or its report.
        axes: Panels to draw in, three for one or two coordinates and two otherwise; new ones by default.

    Returns:
        The figure and its panels.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> law = js.equations.Poisson(lambda x: jnp.pi**2 * jnp.sin(jnp.pi * x[0]))
        >>> network = js.networks.RandomFeatures(1, "scalar", 20, key=jax.random.key(0))
        >>> solution = js.learning.solve_pinn(
        ...     law, js.Box((0.0, 1.0)), network, boundary=js.Dirichlet(0.0), compare=0, key=jax.random.key(1))
        >>> figure, axes = js.plots.training(solution)
        >>> [panel.get_xlabel() for panel in axes]
        ['step', 'part of the last loss', 'x']
    """
    report = source.report if isinstance(source, PinnSolution) else source
    mapped = len(report.coordinates) <= 2
    picture = panels(axes, 2 + mapped, (5.6, 4.2))
    history, parts = picture.axes[:2]
    history.semilogy(report.steps, report.losses, "." if len(report.steps) < 3 else "-")
    history.set(xlabel="step", ylabel="loss", title=f"{report.optimiser}, {report.seconds:.3g} s")
    _shares(parts, report)
    if mapped:
        _map(picture.axes[2], report)
    return picture


def _shares(panel: Axes, report: Report) -> None:
    """A bar per term of the loss, the largest on top."""
    total = sum(report.shares.values()) or 1.0
    rows = sorted(report.shares.items(), key=lambda row: row[1])
    bars = panel.barh([name for name, _ in rows], [share / total for _, share in rows], height=0.5)
    panel.bar_label(bars, [f" {share:.1e}" for _, share in rows])
    panel.set(xlabel="part of the last loss", xlim=(0, 1.3), ylim=(-1, max(3, len(rows))))
    panel.set_xticks([0, 0.25, 0.5, 0.75, 1])
    panel.set_title(f"{report.num_weights} weights, {report.num_points} points")


def _map(panel: Axes, report: Report) -> None:
    """The residual over the coordinates, on a logarithmic scale, its worst region circled."""
    points, sizes = report.fresh_points, np.maximum(report.residual_sizes, np.finfo(float).tiny)
    worst = np.argsort(sizes)[-max(1, round(WORST_SHARE * len(sizes))) :]
    first = report.coordinates[0]
    if len(report.coordinates) == 1:
        order = np.argsort(points[:, 0])
        panel.semilogy(points[order, 0], sizes[order])
        panel.plot(points[worst, 0], sizes[worst], "o", mfc="none", color="C3")
        panel.set(xlabel=first, ylabel="residual")
    else:
        levels = np.log10(sizes)
        low = max(float(np.quantile(levels, 0.02)), float(levels.max()) - 8)
        shown = panel.tripcolor(
            *points.T, levels, shading="gouraud", vmin=low, vmax=float(levels.max()), rasterized=True
        )
        panel.plot(*points[worst].T, "o", mfc="none", color="C3", ms=5, mew=0.6)
        panel.set(xlabel=first, ylabel=report.coordinates[1])
        add_bar(panel, shown, "log$_{10}$ of the residual")
    panel.set_title(f"residual {report.fresh_residual:.1e}, at most {report.largest_residual:.1e}")
