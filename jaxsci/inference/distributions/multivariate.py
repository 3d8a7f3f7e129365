"""Elements that are correlated."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._core.errors import ShapeError
from ..._core.precision import as_floating, in_type_of
from .base import Distribution
from .normal import LOG_ROOT_TWO_PI


class MultivariateNormal(Distribution):
    r"""A normal distribution over a whole array, with correlated elements.

    .. math:: \log p(x) = -\tfrac12 |L^{-1}(x - \mu)|^2 - \log\det L - \tfrac n2 \log 2 \pi, \quad C = L L^T

    Args:
        mean: mu, in the shape of the unknown, or flat.
        covariance: C, one row per element in the order of `x.ravel()`.

    Raises:
        ShapeError: If the covariance is not square, or of another size than the mean.
        ValueError: If it is not positive definite.
    """

    least_squares: ClassVar[bool] = True

    mean: Array
    cholesky: Array

    def __init__(self, mean, covariance):
        self.mean = as_floating(mean)
        covariance = as_floating(covariance)
        if covariance.shape != (self.mean.size, self.mean.size):
            raise ShapeError(
                f"a covariance of shape {covariance.shape} meets a mean of {self.mean.size} elements: it needs one row "
                f"and one column for each, shape {(self.mean.size, self.mean.size)}."
            )
        self.cholesky = cholesky_factor("covariance", covariance)

    @property
    def covariance(self) -> Float[Array, "n n"]:
        """C = L L^T."""
        return self.cholesky @ self.cholesky.T

    @property
    def shape(self):
        return self.mean.shape

    def log_density(self, x):
        r = self.residual(x)
        (factor,) = in_type_of(r, self.cholesky)
        return -0.5 * jnp.sum(r**2) - jnp.sum(jnp.log(jnp.diagonal(factor))) - r.size * LOG_ROOT_TWO_PI

    def sample(self, key, shape=None, dtype=float):
        shape = self.shape if shape is None else shape
        white = jax.random.normal(key, (self.mean.size,), dtype)
        mean, factor = in_type_of(white, self.mean, self.cholesky)
        return (mean.ravel() + factor @ white).reshape(shape)

    def residual(self, x):
        x = as_floating(x)
        if x.size != self.mean.size:
            raise ShapeError(f"a prior over {self.mean.size} elements meets an unknown of shape {x.shape}.")
        mean, factor = in_type_of(x, self.mean, self.cholesky)
        return jax.scipy.linalg.solve_triangular(factor, x.ravel() - mean.ravel(), lower=True)


def cholesky_factor(name: str, covariance: Array) -> Array:
    """The lower triangular L with C = L L^T, after checking, where values are known, that there is one."""
    factor = jnp.linalg.cholesky(covariance)
    if not isinstance(factor, jax.core.Tracer) and not bool(jnp.isfinite(factor).all()):
        raise ValueError(
            f"the {name} is not positive definite, so it is no covariance: check its symmetry and that no element "
            "is determined by the others; adding a small multiple of the identity regularises it."
        )
    return factor
