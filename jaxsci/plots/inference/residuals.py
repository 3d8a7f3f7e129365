"""What the law leaves unexplained."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from matplotlib.axes import Axes
from scipy.stats import norm, probplot

from ...inference import Posterior
from ..picture import Picture, panels


def residuals(posterior: Posterior, value: PyTree, axes: Any = None) -> Picture:
    """Draw the residuals of the data, in units of their noise: in order, and against normal quantiles.

    Where law and noise are right, they scatter about zero without pattern, about 95 % of them between -2 and 2, and
    the right panel is a straight line. Runs of one sign on the left speak against the law; long tails on the right
    against the noise. For noise that is not a sum of squares they are (data - prediction) times the square root of
    the Fisher information of each datum.

    Args:
        posterior: Data, law and noise.
        value: The unknowns, such as `best.value`.
        axes: Two panels to draw in; new ones by default.

    Returns:
        The figure and its two panels.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> x = jnp.array([0.0, 1.0, 2.0])
        >>> posterior = js.inference.Posterior(lambda u: u["a"] + u["b"] * x, jnp.array([1.0, 3.1, 4.9]), noise=0.1)
        >>> figure, axes = js.plots.residuals(posterior, {"a": 1.0, "b": 2.0})
        >>> axes[0].lines[0].get_ydata().round(6).tolist()
        [0.0, 1.0, -1.0]
    """
    found = normalised(posterior, value)
    picture = panels(axes, 2, (6.0, 4.2))
    order, normal = picture.axes
    start = 0
    for number, (name, part) in enumerate(found.items()):
        label = name if len(found) > 1 else None
        order.plot(np.arange(start, start + len(part)), part, ".", color=f"C{number}", label=label)
        start += len(part)
    everything = np.concatenate(list(found.values()))
    order.axhspan(-2, 2, color="0.93", zorder=0)
    order.axhline(0.0, color="k", lw=0.8)
    mean_square = float(np.mean(everything**2))
    order.set(xlabel="number of the datum", ylabel="residual / noise", title=f"mean square {mean_square:.3g}")
    if len(found) > 1:
        order.legend(frameon=False)
    _quantiles(normal, everything)
    return picture


def normalised(posterior: Posterior, value: PyTree) -> dict[str, np.ndarray]:
    """Residuals of every data set in units of the noise, those of missing data left out."""
    scale = posterior.noise_scale(value) if posterior.noise is None else 1.0
    found = {}
    for name, data, prediction, mask, likelihood in posterior.seen(value):
        r = likelihood.residual(data, prediction)
        r = (data - prediction) * jnp.sqrt(likelihood.information(prediction)) if r is None else r / scale
        found[name.removeprefix("the data").strip("[]'\".") or "data"] = np.asarray(r)[np.asarray(mask)]
    return found


def _quantiles(panel: Axes, values: np.ndarray) -> None:
    """Sorted residuals against the quantiles of a normal distribution, with the band in which 95 % of points lie."""
    (expected, ordered), _ = probplot(values)
    n = len(values)
    share = norm.cdf(expected)
    spread = 1.96 * np.sqrt(share * (1 - share) / n) / norm.pdf(expected)
    panel.fill_between(expected, expected - spread, expected + spread, color="0.9", lw=0)
    panel.plot(expected, expected, "k-", lw=0.8)
    panel.plot(expected, ordered, ".")
    panel.set(xlabel="normal quantile", ylabel="residual / noise")
