"""How the strength of a penalty was chosen."""

from typing import Any

import numpy as np

from ...inference import StrengthPath
from ..picture import Picture, panels


def strength_path(path: StrengthPath, axes: Any = None) -> Picture:
    """Draw misfit and penalty against the strength, with the strength that was chosen.

    A weak penalty lets the fit follow the noise: a misfit below the number of data. A strong one lets the misfit rise.
    The best strength lies at the knee.

    Args:
        path: The result of `js.inference.choose_strength`.
        axes: Panel to draw in; a new one by default.

    Returns:
        The figure and its panel.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (20,)), boundary=js.Neumann(0.0))
        >>> data = jnp.sin(3 * space.points[:, 0]) + 0.1 * jnp.cos(40 * space.points[:, 0])
        >>> posterior = js.inference.Posterior(lambda u: u, data, noise=0.1, prior=js.inference.Smoothness(space))
        >>> js.plots.strength_path(js.inference.choose_strength(posterior, jnp.zeros(20))).axes.get_xscale()
        'log'
    """
    picture = panels(axes)
    panel, strengths = picture.axes, np.asarray(path.strengths)
    panel.loglog(strengths, path.misfits, "C0", label="misfit")
    panel.axhline(float(path.num_data), color="C0", lw=0.8, ls="--", label="misfit of the noise alone")
    panel.loglog(strengths, path.roughness, "0.5", label="penalty at strength 1")
    panel.axvline(float(path.best), color="k", lw=1, label=f"chosen by {path.rule}")
    panel.set(xlabel="strength of the penalty", ylabel="sum of squares", xlim=(strengths[0], strengths[-1]))
    panel.legend(frameon=False)
    return picture
