"""What data tell: the Fisher information of those that were taken, the expected gain of those to be taken."""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..coordinates import Coordinates
from ..distributions import Flat
from ..posterior import Posterior
from .linearised import data_rows, has_normal_prior, log_prior_density, prior_rows


def fisher_information(posterior: Posterior, value: PyTree) -> Float[Array, "n n"]:
    r"""The Fisher information of the data about the unknowns, the prior left aside.

    .. math:: F = J^T W J, \quad J = \frac{\partial\, \mathrm{predict}}{\partial \theta}, \quad
              W = \mathrm{E} \left(\frac{\partial \log p(d | f)}{\partial f}\right)^2

    Noise whose scale depends on the unknowns adds :math:`2\, \partial \log \sigma\, \partial \log \sigma^T` for each
    datum. With `noise=None` the scale is the one that the residuals at `value` suggest.

    Args:
        posterior: data, law and noise; the values of the data do not matter unless their scale is estimated.
        value: the unknowns at which to ask.

    Returns:
        One row and column for each number of the unknowns, in the order of `posterior.flatten(value).names`. Its
        inverse bounds the covariance of every unbiased estimate from the data alone (Cramer and Rao).

    References:
        Kay, *Fundamentals of Statistical Signal Processing* (1993), section 3.9.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> x = jnp.array([-1.0, 1.0])
        >>> posterior = js.inference.Posterior(lambda u: u["a"] + u["b"] * x, jnp.zeros(2), noise=0.5)
        >>> js.inference.fisher_information(posterior, {"a": 0.0, "b": 0.0}).tolist()
        [[8.0, 0.0], [0.0, 8.0]]
    """
    flat = posterior.flatten(value)
    flat = eqx.tree_at(lambda flat: flat.priors, flat, tuple(Flat() for _ in flat.priors))
    rows = data_rows(posterior, flat, flat.vector(value))
    return rows.T @ rows


class InformationGain(eqx.Module):
    """How much data are expected to narrow the unknowns, in nats: the mutual information of unknowns and data.

    Args:
        value: the expected gain.
        error: its standard error, by the randomness of the draws and, for nested ones, the gap between bounds.
        num_samples: number of draws of the prior.
    """

    value: Float[Array, ""]
    error: Float[Array, ""]
    num_samples: int = eqx.field(static=True)

    @property
    def ok(self):
        """Whether the value is a number."""
        return jnp.isfinite(self.value)

    def __repr__(self):
        if isinstance(self.value, jax.core.Tracer):
            return "InformationGain(traced)"
        return f"InformationGain({float(self.value):.6g} +- {float(self.error):.2g} nats, {self.num_samples} draws)"


class GainMethod(eqx.Module):
    """A way to estimate an expected information gain."""

    @abc.abstractmethod
    def estimate(self, posterior: Posterior, flat: Coordinates, key) -> InformationGain:
        """The gain and its error."""


class LaplaceAverage(GainMethod):
    r"""Posteriors as normal ones around draws of the prior.

    .. math:: \tfrac12\, \mathrm{E}_{\theta} \log\det(I + S_0 F(\theta))

    Exact, with error zero, where the law is linear and prior and noise are normal. For other priors the
    mean of :math:`-\log p(z) - \log \mathrm{det}^{1/2} (2 \pi e (F + \Lambda)^{-1})` over z on the real line, with
    :math:`\Lambda` the curvature of minus the log prior. It is good where the data make the posterior narrow.

    Args:
        num_samples: draws of the prior.

    References:
        Chaloner & Verdinelli, Statistical Science 10 (1995) 273, section 4.
    """

    num_samples: int = eqx.field(static=True, default=64)

    def estimate(self, posterior, flat, key):
        normal = has_normal_prior(flat)

        def gain(z):
            rows, prior = data_rows(posterior, flat, z), prior_rows(flat, z)
            if normal:
                return log_volume_ratio(rows, prior)
            size = len(z)
            narrowed = jnp.linalg.slogdet(rows.T @ rows + prior.T @ prior)[1]
            return 0.5 * narrowed - 0.5 * size * (1 + math.log(2 * math.pi)) - log_prior_density(flat, z)

        gains = jax.lax.map(gain, prior_draws(posterior, flat, key, self.num_samples), batch_size=16)
        return InformationGain(jnp.mean(gains), jnp.std(gains) / math.sqrt(self.num_samples), self.num_samples)


class NestedMonteCarlo(GainMethod):
    r"""No approximation but chance: data are drawn for draws of the prior, and weighed against other draws.

    .. math:: \mathrm{E}_{\theta, d}\left[\log p(d | \theta) - \log \tfrac1M \sum_j p(d | \theta_j)\right]

    Leaving the true draw out of the sum gives an upper bound on average, putting it in a lower one; the value lies
    midway, and half the gap counts as an error. It needs many draws where data are precise: exp(gain) of them at least.

    Args:
        num_samples: draws of unknowns and data.
        num_inner: draws in the sum; as many as `num_samples` where None.

    References:
        Rainforth, Foster, Ivanova & Bickford Smith, Statistical Science 39 (2024) 100.
    """

    num_samples: int = eqx.field(static=True, default=1024)
    num_inner: int | None = eqx.field(static=True, default=None)

    def estimate(self, posterior, flat, key):
        num_inner = self.num_samples if self.num_inner is None else self.num_inner
        key_outer, key_inner, key_data = jax.random.split(key, 3)
        outer = prior_draws(posterior, flat, key_outer, self.num_samples)
        inner = prior_draws(posterior, flat, key_inner, num_inner)
        likelihoods = jax.vmap(lambda z: _WithPrediction(posterior, flat, z))
        others = likelihoods(inner)

        def term(pair):
            z, key = pair
            own = _WithPrediction(posterior, flat, z)
            data = posterior.simulate_data(key, flat.to_physical(z))
            true = own.log_likelihood(posterior, data)
            logs = jax.vmap(lambda other: other.log_likelihood(posterior, data))(others)
            upper = true - jax.nn.logsumexp(logs) + math.log(num_inner)
            lower = true - jax.nn.logsumexp(jnp.append(logs, true)) + math.log(num_inner + 1)
            return upper, lower

        keys = jax.random.split(key_data, self.num_samples)
        upper, lower = jax.lax.map(term, (outer, keys), batch_size=64)
        gap = jnp.abs(jnp.mean(upper) - jnp.mean(lower)) / 2
        chance = jnp.std((upper + lower) / 2) / math.sqrt(self.num_samples)
        return InformationGain(jnp.mean(upper + lower) / 2, jnp.hypot(gap, chance), self.num_samples)


class _WithPrediction(eqx.Module):
    """What is predicted for one draw, kept so that the law runs once per draw and not once per pair."""

    prediction: PyTree
    unknowns: PyTree

    def __init__(self, posterior: Posterior, flat: Coordinates, z: Array):
        self.unknowns = flat.to_physical(z)
        self.prediction = posterior.predict(self.unknowns)

    def log_likelihood(self, posterior: Posterior, data: PyTree) -> Array:
        """The log density of data for this draw."""
        known = eqx.tree_at(lambda p: (p.predict, p.data), posterior, (lambda _: self.prediction, data))
        return known.log_likelihood(self.unknowns)


def prior_draws(posterior: Posterior, flat: Coordinates, key, count: int) -> Float[Array, "count n"]:
    """Draws of the unknowns before the data, on the real line."""
    return jax.vmap(flat.to_unconstrained)(posterior.sample_prior(key, (count,), flat.template))


def log_volume_ratio(rows: Float[Array, "m n"], prior: Float[Array, "p n"]) -> Float[Array, ""]:
    """Half of log det(I + S F): how much data narrow a normal prior, from the singular values of both together."""
    _, triangle = jnp.linalg.qr(prior)
    ratio = jax.scipy.linalg.solve_triangular(triangle, rows.T, trans="T", lower=False)
    return 0.5 * jnp.sum(jnp.log1p(jnp.linalg.svd(ratio, compute_uv=False) ** 2))


def expected_information_gain(
    posterior: Posterior, guess: PyTree = None, *, method: GainMethod | None = None, key=None
) -> InformationGain:
    r"""How much the data of an experiment are expected to tell about its unknowns, before it is made.

    .. math:: \mathrm{E}_d \int p(\theta | d) \log \frac{p(\theta | d)}{p(\theta)} d\theta

    Args:
        posterior: law, noise and prior; its data tell only how many there will be, zeros will do.
        guess: unknowns that tell containers and shapes; needed where the prior's parameters do not.
        method: `LaplaceAverage()` (the default) or `NestedMonteCarlo()`.
        key: random key of the draws.

    Returns:
        The gain in nats, and its error.

    Raises:
        ValueError: If a prior cannot be normalised.

    References:
        Lindley, Ann. Math. Stat. 27 (1956) 986.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> x = jnp.array([-1.0, 1.0])
        >>> prior = {"a": js.inference.Normal(0.0, 1.0), "b": js.inference.Normal(0.0, 1.0)}
        >>> line = js.inference.Posterior(lambda u: u["a"] + u["b"] * x, jnp.zeros(2), 1.0, prior)
        >>> round(float(js.inference.expected_information_gain(line).value), 4)
        1.0986
    """
    posterior.require_proper("an expected information gain", guess)
    if guess is None:
        guess = posterior.sample_prior(jax.random.key(0))
    key = jax.random.key(0) if key is None else key
    return _estimated(LaplaceAverage() if method is None else method, posterior, posterior.flatten(guess), key)


@eqx.filter_jit
def _estimated(method: GainMethod, posterior: Posterior, flat: Coordinates, key) -> InformationGain:
    return method.estimate(posterior, flat, key)
