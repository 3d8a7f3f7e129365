"""How data scatter about what the law predicts."""

import abc
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

from .._core.errors import UnsupportedError
from .._core.precision import as_floating, in_type_of
from .._core.shown import with_numbers
from .distributions.base import Distribution
from .distributions.heavy_tails import student_log_density
from .distributions.multivariate import cholesky_factor
from .distributions.normal import LOG_ROOT_TWO_PI


class Likelihood(eqx.Module):
    """The density of one array of data about its prediction.

    `least_squares` tells whether its logarithm is, up to a constant, minus half a sum of squares, those of `residual`.
    """

    least_squares: ClassVar[bool] = False

    def __repr__(self):
        return with_numbers(self)

    @abc.abstractmethod
    def log_density(self, data: Float[Array, "*shape"], prediction: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The normalised log density, one number per datum; they add up."""

    @abc.abstractmethod
    def information(self, prediction: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Fisher information that each datum carries about its prediction."""

    @abc.abstractmethod
    def sample(self, key, prediction: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Data as the law and the noise would give them."""

    def residual(
        self, data: Float[Array, "*shape"], prediction: Float[Array, "*shape"]
    ) -> Float[Array, "*shape"] | None:
        """Numbers r with log density `constant - |r|^2 / 2`; None where there are none."""
        return None

    def whiten(self, prediction: Float[Array, "*shape"], change: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """W^(1/2) times a small change of the prediction, with W the information matrix of the data."""
        return jnp.sqrt(self.information(prediction)) * change

    def masked(self, mask: Array) -> "Likelihood":
        """The likelihood in which entries where `mask` is False have no part in those where it is True."""
        return self


class Gaussian(Likelihood):
    r"""Independent normal noise, :math:`d = p + \sigma \varepsilon`.

    Args:
        standard_deviation: sigma, one number or one for each datum.

    Example:
        >>> import jaxsci as js
        >>> float(js.inference.Gaussian(0.5).residual(3.0, 2.0))
        2.0
    """

    least_squares: ClassVar[bool] = True

    standard_deviation: Array = eqx.field(converter=as_floating)

    def log_density(self, data, prediction):
        return -0.5 * self.residual(data, prediction) ** 2 - jnp.log(self._sd(prediction)) - LOG_ROOT_TWO_PI

    def information(self, prediction):
        return self._sd(prediction) ** -2 * jnp.ones_like(prediction)

    def sample(self, key, prediction):
        return prediction + self._sd(prediction) * jax.random.normal(key, prediction.shape, prediction.dtype)

    def residual(self, data, prediction):
        return (data - prediction) / self._sd(prediction)

    def _sd(self, prediction) -> Array:
        return in_type_of(jnp.asarray(prediction), self.standard_deviation)[0]


class CorrelatedGaussian(Likelihood):
    r"""Normal noise whose entries are correlated, :math:`d = p + L \varepsilon` with :math:`C = L L^T`.

    Args:
        covariance: C, one row per datum in the order of `data.ravel()`.
    """

    least_squares: ClassVar[bool] = True

    covariance: Array = eqx.field(converter=as_floating)

    def __check_init__(self):
        cholesky_factor("covariance of the noise", self.covariance)

    def log_density(self, data, prediction):
        log_scale = jnp.log(jnp.diagonal(self._factor(prediction))).reshape(prediction.shape)
        return -0.5 * self.residual(data, prediction) ** 2 - log_scale - LOG_ROOT_TWO_PI

    def information(self, prediction):
        raise UnsupportedError(
            "correlated noise has no information per datum, only a matrix of it: use `whiten`, which multiplies by "
            "the root of that matrix."
        )

    def sample(self, key, prediction):
        white = jax.random.normal(key, (prediction.size,), prediction.dtype)
        return prediction + (self._factor(prediction) @ white).reshape(prediction.shape)

    def residual(self, data, prediction):
        return self.whiten(prediction, data - prediction)

    def whiten(self, prediction, change):
        white = jax.scipy.linalg.solve_triangular(self._factor(prediction), change.ravel(), lower=True)
        return white.reshape(change.shape)

    def masked(self, mask):
        seen = mask.ravel()[:, None] & mask.ravel()
        identity = jnp.eye(len(self.covariance), dtype=self.covariance.dtype)
        return eqx.tree_at(lambda noise: noise.covariance, self, jnp.where(seen, self.covariance, identity))

    def _factor(self, prediction) -> Array:
        return jnp.linalg.cholesky(in_type_of(prediction, self.covariance)[0])


class LogNormalNoise(Likelihood):
    r"""Noise that multiplies, :math:`\log d = \log p + \sigma \varepsilon`: for positive data with relative errors.

    Args:
        standard_deviation: sigma, about the relative error.
    """

    least_squares: ClassVar[bool] = True

    standard_deviation: Array = eqx.field(converter=as_floating)

    def log_density(self, data, prediction):
        sd = self._sd(prediction)
        return -0.5 * self.residual(data, prediction) ** 2 - jnp.log(sd) - LOG_ROOT_TWO_PI - jnp.log(data)

    def information(self, prediction):
        return (self._sd(prediction) * prediction) ** -2

    def sample(self, key, prediction):
        white = jax.random.normal(key, prediction.shape, prediction.dtype)
        return prediction * jnp.exp(self._sd(prediction) * white)

    def residual(self, data, prediction):
        return (jnp.log(data) - jnp.log(prediction)) / self._sd(prediction)

    def _sd(self, prediction) -> Array:
        return in_type_of(prediction, self.standard_deviation)[0]


class PoissonNoise(Likelihood):
    r"""Counts, :math:`P(d) = p^d e^{-p} / d!`: the prediction is the expected number."""

    def log_density(self, data, prediction):
        return jax.scipy.special.xlogy(data, prediction) - prediction - gammaln(data + 1)

    def information(self, prediction):
        return 1 / prediction

    def sample(self, key, prediction):
        return jax.random.poisson(key, prediction).astype(prediction.dtype)


class StudentNoise(Likelihood):
    r"""Noise with heavy tails, :math:`d = p + s\, t_\nu`: for data with outliers.

    Args:
        scale: s.
        degrees: nu, the degrees of freedom; 3 to 5 forgive a few percent of outliers.
    """

    scale: Array = eqx.field(converter=as_floating)
    degrees: Array = eqx.field(converter=as_floating, default=4.0)

    def log_density(self, data, prediction):
        scale, degrees = in_type_of(prediction, self.scale, self.degrees)
        return student_log_density((data - prediction) / scale, degrees) - jnp.log(scale)

    def information(self, prediction):
        scale, degrees = in_type_of(prediction, self.scale, self.degrees)
        return (degrees + 1) / ((degrees + 3) * scale**2) * jnp.ones_like(prediction)

    def sample(self, key, prediction):
        scale, degrees = in_type_of(prediction, self.scale, self.degrees)
        return prediction + scale * jax.random.t(key, degrees, prediction.shape, prediction.dtype)


class UserNoise(Likelihood):
    """Noise of your own.

    Args:
        function: `function(data, prediction)`, the log density of each datum.
        draw: `draw(key, prediction)`, for simulated data; optional.
        fisher: `fisher(prediction)`, Fisher information of each datum about its prediction; optional.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> noise = js.inference.UserNoise(lambda data, prediction: -jnp.abs(data - prediction) - jnp.log(2.0))
        >>> round(float(noise.log_density(1.0, 1.0)), 4)
        -0.6931
    """

    function: Callable
    draw: Callable | None = None
    fisher: Callable | None = None

    def log_density(self, data, prediction):
        return self.function(data, prediction)

    def information(self, prediction):
        return self._given("fisher", "the information of a datum", "fisher(prediction)")(prediction)

    def sample(self, key, prediction):
        return self._given("draw", "simulated data", "draw(key, prediction)")(key, prediction)

    def _given(self, name: str, purpose: str, signature: str) -> Callable:
        function = getattr(self, name)
        if function is None:
            raise UnsupportedError(f"UserNoise does not know {purpose}: pass {name}={signature}.")
        return function


def as_likelihood(noise) -> Likelihood:
    """A likelihood as it is; a standard deviation as Gaussian noise."""
    if isinstance(noise, Likelihood):
        return noise
    sd = as_floating(noise)
    if not isinstance(sd, jax.core.Tracer) and not bool(jnp.all(sd > 0)):
        raise ValueError(
            f"a noise of standard deviation {float(jnp.min(sd)):.6g} was given: it must be positive; for data without "
            "noise leave `noise` out, and its scale is estimated."
        )
    return Gaussian(sd)


def check_noise(noise) -> None:
    """Raise `TypeError` if a prior, or a name, was given where noise belongs."""
    for leaf in jax.tree.leaves(noise, is_leaf=lambda node: isinstance(node, Distribution)):
        if isinstance(leaf, (Distribution, str)):
            kind = "a name" if isinstance(leaf, str) else "a Distribution of unknowns"
            raise TypeError(
                f"noise is a standard deviation or a Likelihood, such as js.inference.Gaussian(0.1), not {leaf!r}, "
                f"which is {kind}."
            )
