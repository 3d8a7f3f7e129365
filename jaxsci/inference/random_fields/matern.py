"""Matern's correlations and their spectra: how a random field of a given smoothness forgets its value with distance."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.special import gamma, kv


def correlation(distance: np.ndarray, smoothness: float) -> np.ndarray:
    r"""Correlation of two points, at a distance in units of the length.

    :math:`\rho(r) = \frac{2^{1-\nu}}{\Gamma(\nu)} s^\nu K_\nu(s)` with :math:`s = \sqrt{2 \nu}\, r`; for
    :math:`\nu = 1/2` it is :math:`e^{-r}`, for :math:`\nu = \infty` it is :math:`e^{-r^2/2}`.

    Args:
        distance: distances, in units of the length.
        smoothness: the :math:`\nu` of Matern: how many derivatives the field has.

    References:
        Rasmussen & Williams, *Gaussian Processes for Machine Learning* (2006), equation 4.14.
    """
    r = np.asarray(distance, float)
    if math.isinf(smoothness):
        return np.exp(-(r**2) / 2)
    s = math.sqrt(2 * smoothness) * r
    if smoothness == 0.5:
        return np.exp(-s)
    if smoothness == 1.5:
        return (1 + s) * np.exp(-s)
    if smoothness == 2.5:
        return (1 + s + s**2 / 3) * np.exp(-s)
    near = s < 1e-10
    s = np.where(near, 1.0, s)
    return np.where(near, 1.0, 2 ** (1 - smoothness) / gamma(smoothness) * s**smoothness * kv(smoothness, s))


def spectrum(squared: Array, smoothness: float, dim: int) -> Array:
    r"""Spectral density of the correlation, up to a factor: :math:`(1 + k^2 / 2 \nu)^{-(\nu + d/2)}`.

    Args:
        squared: squared wavenumbers times the squared length.
        smoothness: the :math:`\nu` of Matern.
        dim: number of coordinates.

    References:
        Rasmussen & Williams (2006), equation 4.15.
    """
    if math.isinf(smoothness):
        return jnp.exp(-squared / 2)
    return (1 + squared / (2 * smoothness)) ** (-(smoothness + dim / 2))
