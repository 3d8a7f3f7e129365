"""Scales, priors and noise of the PEtab format, as distributions and likelihoods of `js.inference`."""

import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._core.errors import UnsupportedError
from .._core.precision import as_floating, in_type_of
from ..inference.distributions import Distribution, TruncatedNormal, Uniform
from ..inference.distributions.base import Elementwise
from ..inference.likelihoods import Gaussian, Likelihood, LogNormalNoise
from ..inference.transforms import Between

SCALES = ("lin", "log", "log10")
LN10 = math.log(10.0)


def unscaled(y: Array, scale: str) -> Array:
    """The parameter x for its value y on a scale."""
    return {"lin": lambda y: y, "log": jnp.exp, "log10": lambda y: jnp.exp(LN10 * y)}[scale](y)


def scaled(x: Array, scale: str) -> Array:
    """The value y on a scale of the parameter x."""
    return {"lin": lambda x: x, "log": jnp.log, "log10": lambda x: jnp.log(x) / LN10}[scale](x)


class PriorOnScale(Elementwise):
    r"""A prior stated for one function of a parameter, as a density of another: y, the parameter on its scale.

    .. math:: p(y) = p_w(w(y))\, w'(y) / \int_{bounds} p_w

    Args:
        family: Density of w: "normal", "laplace" or "uniform".
        stated: What w is: "lin" for the parameter itself, "log" for its logarithm.
        scale: Scale of y.
        first: Centre of the density; of a uniform one, its lower end.
        second: Its width; of a uniform one, its upper end.
        lower: Least value of y.
        upper: Largest value of y.
    """

    closed: ClassVar[bool] = True

    family: str = eqx.field(static=True)
    stated: str = eqx.field(static=True)
    scale: str = eqx.field(static=True)
    first: Array = eqx.field(converter=as_floating)
    second: Array = eqx.field(converter=as_floating)
    lower: Array = eqx.field(converter=as_floating)
    upper: Array = eqx.field(converter=as_floating)

    @property
    def support(self):
        return self.lower, self.upper

    @property
    def transform(self):
        return Between(self.lower, self.upper)

    def _stated(self, y: Array) -> Array:
        return scaled(unscaled(y, self.scale), self.stated)

    def _log_density(self, y, first, second, lower, upper):
        w, slope = jax.jvp(self._stated, (y,), (jnp.ones_like(y),))
        low, high = (distribution_function(self.family, self._stated(end), first, second) for end in (lower, upper))
        return log_density(self.family, w, first, second) + jnp.log(slope) - jnp.log(high - low)

    def _draw(self, key, shape, dtype, first, second, lower, upper):
        low, high = (distribution_function(self.family, self._stated(end), first, second) for end in (lower, upper))
        share = low + (high - low) * jax.random.uniform(key, shape, dtype)
        return scaled(unscaled(quantile(self.family, share, first, second), self.stated), self.scale)


def log_density(family: str, w: Array, first: Array, second: Array) -> Array:
    """Log density of a family at w, inside its support."""
    if family == "normal":
        return jax.scipy.stats.norm.logpdf(w, first, second)
    if family == "laplace":
        return -jnp.abs(w - first) / second - jnp.log(2 * second)
    return jnp.where((w >= first) & (w <= second), -jnp.log(second - first), -jnp.inf)


def distribution_function(family: str, w: Array, first: Array, second: Array) -> Array:
    """Probability of values below w."""
    if family == "normal":
        return jax.scipy.special.ndtr((w - first) / second)
    if family == "laplace":
        r = (w - first) / second
        return jnp.where(r < 0, jnp.exp(-jnp.abs(r)) / 2, 1 - jnp.exp(-jnp.abs(r)) / 2)
    return jnp.clip((w - first) / (second - first), 0.0, 1.0)


def quantile(family: str, share: Array, first: Array, second: Array) -> Array:
    """The value below which a share of the probability lies."""
    if family == "normal":
        return first + second * jax.scipy.special.ndtri(share)
    if family == "laplace":
        return first - second * jnp.sign(share - 0.5) * jnp.log1p(-2 * jnp.abs(share - 0.5))
    return first + (second - first) * share


def prior_of(row: Any) -> Distribution:
    """The prior of one row of the parameter table, over the parameter on its scale and between its bounds.

    Raises:
        UnsupportedError: If the prior is of a type that the format does not know.
        ValueError: If the bounds leave nothing of it, or the scale does not know them.
    """
    name, scale = row.name, str(row["parameterScale"])
    if scale not in SCALES:
        raise UnsupportedError(f"parameter {name!r} has the scale {scale!r}: PEtab knows {', '.join(SCALES)}.")
    lower, upper = (float(scaled(jnp.asarray(float(row[end])), scale)) for end in ("lowerBound", "upperBound"))
    if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
        raise ValueError(
            f"parameter {name!r} has the bounds {row['lowerBound']} and {row['upperBound']} on the scale {scale!r}: "
            "give two finite numbers in order, positive ones for a logarithmic scale."
        )
    kind, text = (str(row.get(f"objectivePrior{column}", "nan")) for column in ("Type", "Parameters"))
    if kind in ("nan", "", "None") or (kind.endswith("niform") and text in ("nan", "", "None")):
        return Uniform(lower, upper)
    first, second = (float(part) for part in text.split(";"))
    family = kind.removeprefix("parameterScale").removeprefix("log").lower()
    if family not in ("normal", "laplace", "uniform"):
        raise UnsupportedError(
            f"parameter {name!r} has a prior of type {kind!r}: use one of PEtab's normal, laplace, uniform."
        )
    stated = scale if kind.startswith("parameterScale") else "log" if kind.startswith("log") else "lin"
    return _simplest(PriorOnScale(family, stated, scale, first, second, lower, upper), name)


def _simplest(prior: PriorOnScale, name: str) -> Distribution:
    """The same prior as a standard distribution where the scale it is stated on is its own, up to a factor."""
    factor = 1.0 if prior.stated == prior.scale else LN10 if (prior.stated, prior.scale) == ("log", "log10") else None
    low, high = prior.lower, prior.upper
    if factor and prior.family == "normal":
        return TruncatedNormal(prior.first / factor, prior.second / factor, low, high)
    if factor and prior.family == "uniform":
        low, high = jnp.maximum(low, prior.first / factor), jnp.minimum(high, prior.second / factor)
        if low >= high:
            raise ValueError(f"the bounds of parameter {name!r} leave nothing of its prior: widen one of them.")
        return Uniform(low, high)
    if not jnp.isfinite(prior.log_density((low + high) / 2)) and prior.family != "uniform":
        raise ValueError(f"the bounds of parameter {name!r} leave nothing of its prior: widen one of them.")
    return prior


class LaplaceNoise(Likelihood):
    """Noise with the density exp(-|d - p| / b) / 2b: the best fit is a median.

    Args:
        scale: b, the mean absolute deviation.
    """

    scale: Array = eqx.field(converter=as_floating)

    def log_density(self, data, prediction):
        (b,) = in_type_of(prediction, self.scale)
        return -jnp.abs(data - prediction) / b - jnp.log(2 * b)

    def information(self, prediction):
        return in_type_of(prediction, self.scale)[0] ** -2 * jnp.ones_like(prediction)

    def sample(self, key, prediction):
        (b,) = in_type_of(prediction, self.scale)
        return prediction + b * jax.random.laplace(key, prediction.shape, prediction.dtype)


class LogLaplaceNoise(LaplaceNoise):
    """Laplace noise of the logarithm of positive data."""

    def log_density(self, data, prediction):
        return super().log_density(jnp.log(data), jnp.log(prediction)) - jnp.log(data)

    def information(self, prediction):
        return super().information(prediction) / prediction**2

    def sample(self, key, prediction):
        return jnp.exp(super().sample(key, jnp.log(prediction)))


def likelihood(row: Any, scale: Array) -> Likelihood:
    """The likelihood of one row of the observable table, with its noise formula's value as scale."""
    distribution, transformation = (
        default if str(row.get(column, "nan")) in ("nan", "", "None") else str(row[column])
        for column, default in (("noiseDistribution", "normal"), ("observableTransformation", "lin"))
    )
    known = {
        ("normal", "lin"): Gaussian, ("normal", "log"): LogNormalNoise, ("normal", "log10"): LogNormalNoise,
        ("laplace", "lin"): LaplaceNoise, ("laplace", "log"): LogLaplaceNoise, ("laplace", "log10"): LogLaplaceNoise,
    }  # fmt: skip
    if (distribution, transformation) not in known:
        raise UnsupportedError(
            f"observable {row.name!r} has {distribution!r} noise on the scale {transformation!r}: PEtab knows normal "
            f"and laplace on {', '.join(SCALES)}."
        )
    return known[distribution, transformation](scale * LN10 if transformation == "log10" else scale)
