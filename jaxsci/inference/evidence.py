"""The probability of the data under a model: the integral of likelihood times prior."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from .laplace import laplace
from .posterior import Posterior

BATCH = 256


class EvidenceMethod(eqx.Module):
    """A way to integrate over the unknowns."""


class ImportanceSampling(EvidenceMethod):
    """Draws with heavy tails around the top, weighted by how much likelier the posterior makes them.

    For one peak and up to about thirty unknown numbers; the effective sample size tells when it fails.

    Args:
        num_samples: how many draws.
        degrees: degrees of freedom of the Student density that is drawn from; fewer mean heavier tails.
    """

    num_samples: int = eqx.field(static=True, default=4096)
    degrees: float = eqx.field(static=True, default=8.0)


class TemperedSampling(EvidenceMethod):
    """Particles that go from the prior to the posterior as the likelihood is raised from the power 0 to 1.

    For several peaks, and where the top says little. Each power halves the effective number of particles; they are
    then resampled and moved by random walks, whose steps they learn, until they have forgotten where they were. Its
    error is the spread of independent repeats. It needs some particles of the prior near every peak that matters.

    Args:
        num_particles: particles of each repeat.
        max_moves: random walk steps of each at every power, at most.
        num_repeats: independent repeats.

    References:
        Del Moral, Doucet, Jasra, Sequential Monte Carlo samplers, J. R. Stat. Soc. B 68 (2006).
    """

    num_particles: int = eqx.field(static=True, default=1000)
    max_moves: int = eqx.field(static=True, default=200)
    num_repeats: int = eqx.field(static=True, default=8)


class Evidence(eqx.Module):
    """The logarithm of the evidence, with its error and a second opinion.

    Args:
        log_evidence: the estimate.
        standard_error: its standard error, by chance alone.
        laplace: the estimate of Laplace's approximation, NaN where there is none.
        effective_sample_size: how many draws count, one number for each repeat.
        num_samples: of how many.
        num_failed: draws for which the density was not finite, and which count as impossible.
    """

    log_evidence: Float[Array, ""]
    standard_error: Float[Array, ""]
    laplace: Float[Array, ""]
    effective_sample_size: Float[Array, " repeats"]
    num_samples: int = eqx.field(static=True)
    num_failed: Array

    @property
    def ok(self) -> Bool[Array, ""]:
        """Whether enough draws count for the error to be believed."""
        enough = jnp.min(self.effective_sample_size) > max(100.0, 0.02 * self.num_samples)
        return enough & jnp.isfinite(self.log_evidence) & jnp.isfinite(self.standard_error)

    def __repr__(self):
        if isinstance(self.log_evidence, jax.core.Tracer) or self.log_evidence.ndim:
            return "Evidence"
        lines = [
            f"log evidence {float(self.log_evidence):.6g} +- {float(self.standard_error):.2g}   (Laplace "
            f"{float(self.laplace):.6g}; {float(jnp.min(self.effective_sample_size)):.0f} effective of "
            f"{self.num_samples} draws, {int(self.num_failed)} without finite density)"
        ]
        if not bool(self.ok):
            lines.append(
                "WARNING: too few draws count: take more, or js.inference.TemperedSampling(), which does not rely on "
                "the shape of the top."
            )
        return "\n".join(lines)


def evidence(posterior: Posterior, guess: PyTree, *, method: EvidenceMethod | None = None, key) -> Evidence:
    r"""The evidence :math:`p(d) = \int p(d | \theta)\, p(\theta)\, d\theta`; ratios compare models of one data set.

    It depends on the width of the priors, however wide they are: compare models only with priors that are meant.

    Args:
        posterior: the posterior, with normalised likelihood and priors.
        guess: unknowns to climb from, or an estimate.
        method: `ImportanceSampling()`, the default, or `TemperedSampling()`.
        key: random key.

    Returns:
        Logarithm, error, and the value of Laplace's approximation beside them.

    Raises:
        ValueError: If a prior cannot be normalised, the noise scale is left open, or no draw has a finite density.

    Example:
        >>> import jax, jaxsci as js
        >>> posterior = js.inference.Posterior(lambda u: u, 2.0, noise=1.0, prior=js.inference.Normal(0.0, 1.0))
        >>> found = js.inference.evidence(posterior, 0.0, key=jax.random.key(0))
        >>> bool(abs(found.log_evidence - found.laplace) < 3 * found.standard_error)
        True
    """
    guess = getattr(guess, "value", guess)
    posterior.require_proper("the evidence", guess)
    if posterior.noise is None:
        raise ValueError(
            "the evidence needs a likelihood with a known scale or a prior on it, and noise=None estimates the scale "
            "from the residuals: pass noise=a standard deviation, or a function of an unknown one with its prior."
        )
    method = ImportanceSampling() if method is None else method
    if isinstance(method, TemperedSampling):
        found = _tempered(posterior, guess, method, key)
    elif isinstance(method, ImportanceSampling):
        found = _weighted(posterior, guess, laplace(posterior, guess), method, key)
    else:
        raise TypeError(f"method={method!r}: give js.inference.ImportanceSampling() or TemperedSampling().")
    if not isinstance(found.log_evidence, jax.core.Tracer) and not bool(jnp.isfinite(found.log_evidence)):
        raise ValueError(
            "no draw has a finite likelihood: check the prediction for unknowns drawn from the prior, "
            "posterior.sample_prior(key, like=guess)."
        )
    return found


@eqx.filter_jit
def _weighted(posterior, guess, approximation, method: ImportanceSampling, key) -> Evidence:
    size, nu = len(approximation.mode), method.degrees
    normal_key, chi_key = jax.random.split(key)
    factor = jnp.linalg.cholesky(approximation.covariance)
    white = jax.random.normal(normal_key, (method.num_samples, size), factor.dtype)
    stretch = jax.random.gamma(chi_key, nu / 2, (method.num_samples,), factor.dtype) / (nu / 2)
    white = white / jnp.sqrt(stretch)[:, None]
    constant = math.lgamma((nu + size) / 2) - math.lgamma(nu / 2) - size / 2 * math.log(nu * math.pi)
    proposal = constant - (nu + size) / 2 * jnp.log1p(jnp.sum(white**2, axis=1) / nu)
    proposal = proposal - jnp.sum(jnp.log(jnp.diagonal(factor)))
    density = posterior.unconstrained(guess)
    heights = jax.lax.map(density, approximation.mode + white @ factor.T, batch_size=BATCH)
    finite = jnp.isfinite(heights)
    logs = jnp.where(finite, heights - proposal, -jnp.inf)
    mean = jax.nn.logsumexp(logs) - math.log(method.num_samples)
    weights = jnp.exp(logs - mean)
    error = jnp.std(weights) / math.sqrt(method.num_samples)
    effective = jnp.sum(weights) ** 2 / jnp.sum(weights**2)
    return Evidence(mean, error, approximation.log_evidence, effective[None], method.num_samples, jnp.sum(~finite))


def _tempered(posterior, guess, method: TemperedSampling, key) -> Evidence:
    try:
        peak = laplace(posterior, guess).log_evidence
    except ValueError:
        peak = jnp.asarray(jnp.nan)
    logs, effective, failed = _repeats(posterior, guess, method, key)
    count = method.num_repeats
    # the mean of the evidences, not of their logarithms, is unbiased
    mean = jax.nn.logsumexp(logs) - math.log(count)
    error = jnp.std(jnp.exp(logs - mean), ddof=1) / math.sqrt(count) if count > 1 else jnp.full_like(mean, jnp.nan)
    return Evidence(mean, error, peak, effective, method.num_particles, jnp.sum(failed))


@eqx.filter_jit
def _repeats(posterior, guess, method: TemperedSampling, key):
    return jax.lax.map(lambda key: _ladder(posterior, guess, method, key), jax.random.split(key, method.num_repeats))


def _ladder(posterior: Posterior, guess: PyTree, method: TemperedSampling, key) -> tuple[Array, Array, Array]:
    """The log evidence by one set of particles, its least effective number, and the draws that failed."""
    flat, count = posterior.flatten(guess), method.num_particles
    prior_key, key = jax.random.split(key)
    start = jax.vmap(flat.to_unconstrained)(posterior.sample_prior(prior_key, (count,), like=guess))

    def parts(z):
        unknowns = flat.to_physical(z)
        likelihood = posterior.log_likelihood(unknowns).astype(z.dtype)
        prior = posterior.log_prior(unknowns).astype(z.dtype) + flat.log_jacobian(z)
        return prior, jnp.where(jnp.isfinite(likelihood), likelihood, -jnp.inf)

    def evaluated(z):
        return jax.lax.map(parts, z, batch_size=BATCH)

    prior, likelihood = evaluated(start)
    failed = jnp.sum(jnp.isinf(likelihood))

    def body(carry: tuple[Any, ...]):
        z, prior, likelihood, power, log_evidence, scale, least, key = carry
        pick_key, move_key, key = jax.random.split(key, 3)
        gain = _gain(likelihood, power)
        logs = jnp.where(jnp.isinf(likelihood), -jnp.inf, gain * likelihood)
        log_evidence = log_evidence + jax.nn.logsumexp(logs) - math.log(count)
        least = jnp.minimum(least, _effective(logs))
        chosen = _systematic(pick_key, logs)
        particles = (z[chosen], prior[chosen], likelihood[chosen])
        covariance = jnp.atleast_2d(jnp.cov(particles[0].T))
        factor = jnp.linalg.cholesky(covariance + 1e-12 * jnp.eye(z.shape[1], dtype=z.dtype))
        particles, scale = _walked(evaluated, particles, power + gain, factor, scale, move_key, method.max_moves)
        return (*particles, power + gain, log_evidence, scale, least, key)

    zero = jnp.zeros((), start.dtype)
    scale = jnp.asarray(2.38 / math.sqrt(start.shape[1]), start.dtype)
    carry = (start, prior, likelihood, zero, zero, scale, jnp.asarray(float(count), start.dtype), key)
    carry = jax.lax.while_loop(lambda carry: (carry[3] < 1) & jnp.isfinite(carry[4]), body, carry)
    return carry[4], carry[6], failed


def _effective(logs: Array) -> Array:
    weights = jax.nn.softmax(logs)
    return 1 / jnp.sum(weights**2)


def _gain(likelihood: Array, power: Array) -> Array:
    """By how much the power may rise until half of the particles count, at most up to 1."""
    finite = ~jnp.isinf(likelihood)
    half = jnp.sum(finite, dtype=likelihood.dtype) / 2

    def halve(_, ends):
        low, high = ends
        middle = (low + high) / 2
        enough = _effective(jnp.where(finite, middle * likelihood, -jnp.inf)) >= half
        return jnp.where(enough, middle, low), jnp.where(enough, high, middle)

    rest = 1 - power
    whole = _effective(jnp.where(finite, rest * likelihood, -jnp.inf)) >= half
    _, high = jax.lax.fori_loop(0, 40, halve, (jnp.zeros_like(power), rest))
    return jnp.where(whole, rest, high)


def _systematic(key, logs: Array) -> Array:
    """Which particles go on, each about as often as its weight says."""
    weights, count = jax.nn.softmax(logs), len(logs)
    points = (jax.random.uniform(key, (), logs.dtype) + jnp.arange(count, dtype=logs.dtype)) / count
    return jnp.minimum(jnp.searchsorted(jnp.cumsum(weights), points), count - 1)


def _walked(evaluated, particles: tuple, power: Array, factor: Array, scale: Array, key, max_moves: int):
    """Random walk steps that keep the density prior * likelihood^power; their length follows the acceptance.

    They end when the particles have moved, in the mean square, 1.8 times their variance in every direction: the
    correlation with where they were is then a tenth.
    """
    start = particles[0]
    variance = jnp.sum(factor**2, axis=1)

    def step(carry):
        (z, prior, likelihood), scale, n = carry
        walk_key, accept_key = jax.random.split(jax.random.fold_in(key, n))
        new = z + scale * jax.random.normal(walk_key, z.shape, z.dtype) @ factor.T
        new_prior, new_likelihood = evaluated(new)
        rise = new_prior + power * new_likelihood - prior - power * likelihood
        accept = jnp.log(jax.random.uniform(accept_key, rise.shape, rise.dtype)) < rise
        kept = (
            jnp.where(accept[:, None], new, z),
            jnp.where(accept, new_prior, prior),
            jnp.where(accept, new_likelihood, likelihood),
        )
        return kept, scale * jnp.exp(jnp.mean(accept, dtype=z.dtype) - 0.3), n + 1

    def going(carry):
        moved = jnp.mean((carry[0][0] - start) ** 2, axis=0)
        return jnp.any(moved < 1.8 * variance) & (carry[2] < max_moves)

    particles, scale, _ = jax.lax.while_loop(going, step, (particles, scale, jnp.zeros((), int)))
    return particles, scale
