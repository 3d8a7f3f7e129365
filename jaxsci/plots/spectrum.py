"""Energy over wavenumber, on logarithmic axes."""

from typing import Any

import numpy as np
from jaxtyping import Array

from ..fields import Field
from ..operators import energy_spectrum
from .picture import Picture, panels


def plot_spectrum(
    source: Field | tuple[Array, Array],
    axes: Any = None,
    *,
    slope: float | None = None,
    name: str = "E",
    label: str | None = None,
) -> Picture:
    """Draw the energy per shell of wavenumbers.

    Args:
        source: A field, whose spectrum is computed, or the pair `(k, E)` of `js.energy_spectrum`.
        axes: Panel to draw in; draw several spectra into one to compare them.
        slope: Draw a power law of this exponent beside it, such as -5/3 or -3.
        name: What the energy is called in the label.
        label: Name of the curve in the legend.

    Returns:
        The figure and its panel.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 1.0)), (16,))).field(lambda x: jnp.sin(2 * jnp.pi * x[0]))
        >>> js.plots.plot_spectrum(u).axes.get_xscale()
        'log'
    """
    k, energy = (np.asarray(part) for part in (energy_spectrum(source) if isinstance(source, Field) else source))
    shown = (k > 0) & (energy > 1e-16 * energy.max())
    k, energy = k[shown], energy[shown]
    picture = panels(axes, 1, (5.4, 4.2))
    panel = picture.axes
    panel.loglog(k, energy, "-" if len(k) > 1 else "o", label=label)
    panel.set(xlabel="wavenumber k", ylabel=f"{name}(k)")
    if slope is not None and energy.size:
        along = k if len(k) > 1 else k * np.array([0.5, 1.0, 2.0])
        law = 1.5 * np.max(energy / k**slope) * along**slope
        beside = law < 10 * energy.max()
        panel.plot(along[beside], law[beside], "k--", lw=1, label=f"$k^{{{slope:.3g}}}$")
    if panel.get_legend_handles_labels()[0]:
        panel.legend(frameon=False)
    panel.grid(True, which="major", alpha=0.3)
    return picture
