"""Draws from a posterior by Markov chains."""

import operator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._core.errors import UnsupportedError
from .._core.tracing import is_traced
from .chains import diagnostics
from .chains.draws import Draws
from .chains.nuts import Settings, begin, library, run, schedule
from .chains.starts import DENSE, around_guess, check_finite, from_prior
from .chains.target import Target, evaluate, goes_forwards, is_small
from .posterior import Posterior


class Metric(eqx.Module):
    """The scales in which a chain moves."""


class Dense(Metric):
    """A scale for every direction, learned as a covariance: the default up to 100 unknown numbers."""


class Diagonal(Metric):
    """A scale for every unknown number: for many of them."""


def sample(
    posterior: Posterior,
    guess: PyTree = None,
    *,
    num_samples: int = 1000,
    num_warmup: int = 1000,
    num_chains: int = 4,
    target_acceptance: float = 0.8,
    metric: Metric | None = None,
    progress: bool = False,
    key,
) -> Draws:
    r"""Draw from the posterior with the no-U-turn sampler of blackjax, several chains at once.

    Chains move numbers z on the real line, where the density is :math:`\log p(\theta(z) | d) + \log |d\theta / dz|`, by
    its gradients. A start at the top and the curvature there save most of the warmup, which then learns step size and
    metric as Stan does. Where the density is not finite a chain turns back, which is counted. Gradients are taken
    forwards for few unknowns and backwards for many, where the program allows both; chains of a program without large
    arrays run side by side, others in turn; a lone CPU's cores share the chains. For a law integrated with error
    control, `adjoint=js.Forward()` is several times faster than the default, for a few unknowns. It does badly where
    peaks are apart (chains do not cross, and `r_hat` tells) and where the curvature changes by orders of magnitude
    (`divergences` tells).

    Args:
        posterior: the posterior.
        guess: unknowns to climb from; chains start around the top, 1.5 times as wide as the curvature says. Without
            it, each starts at the likeliest of 50 draws from the prior, which can find several peaks.
        num_samples: draws of each chain that are kept.
        num_warmup: transitions of each chain before, to learn from.
        num_chains: how many chains.
        target_acceptance: the mean acceptance that the step size is chosen for; closer to 1 means smaller steps.
        metric: `Dense()` or `Diagonal()`; dense up to 100 unknown numbers.
        progress: show a progress bar.
        key: random key.

    Returns:
        The draws; print them for a table with warnings and remedies.

    Raises:
        ImportError: If blackjax is not installed.
        ValueError: If there is neither a guess nor a proper prior, or no finite density to start from.
        UnsupportedError: If the prediction has no gradient, or under jit, vmap or grad.

    Example:
        >>> import jax, jaxsci as js
        >>> posterior = js.inference.Posterior(lambda u: u, 2.0, noise=1.0, prior=js.inference.Normal(0.0, 1.0))
        >>> draws = js.inference.sample(posterior, 0.0, num_samples=500, num_warmup=200, key=jax.random.key(0))
        >>> bool(abs(draws.mean - 1.0) < 0.1)
        True

    References:
        Hoffman, Gelman, The no-U-turn sampler, Journal of Machine Learning Research 15 (2014).
    """
    library()
    num_samples, num_warmup, num_chains = _counts(num_samples, num_warmup, num_chains)
    if not 0 < target_acceptance < 1:
        raise ValueError(f"target_acceptance={target_acceptance} must lie between 0 and 1; 0.8 is usual.")
    _refuse_traces(posterior, guess, key)
    guess, starts_key, chains_key = _guess(posterior, guess), *jax.random.split(key)
    template = posterior.sample_prior(key) if guess is None else guess
    coordinates = posterior.flatten(template)
    z = np.asarray(coordinates.to_unconstrained(template), jnp.zeros(()).dtype)
    dense = isinstance(metric, Dense) or (metric is None and len(z) <= DENSE)
    target = Target(posterior, template, goes_forwards(posterior, template, len(z)))
    if guess is None:
        starts, inverse_mass = from_prior(posterior, target, num_chains, dense, starts_key)
    else:
        check_finite(posterior, guess, evaluate(target, jnp.asarray(z))[0])
        starts, inverse_mass = around_guess(target, z, num_chains, dense, starts_key)
    lockstep = jax.default_backend() != "cpu" or is_small(target.plain, jnp.asarray(z))
    settings = Settings(jnp.asarray(float(target_acceptance)), lockstep=lockstep)
    chains = begin(target, jnp.asarray(starts), jnp.asarray(inverse_mass), settings)
    stages = schedule(num_warmup, num_samples)
    chains, moves = run(target, settings, chains, stages, chains_key, progress)
    return _draws(coordinates, settings, chains, moves, num_warmup)


def _counts(num_samples: int, num_warmup: int, num_chains: int) -> tuple[int, int, int]:
    counts = {"num_samples": num_samples, "num_warmup": num_warmup, "num_chains": num_chains}
    for name, value in counts.items():
        if operator.index(value) < (0 if name == "num_warmup" else 1):
            raise ValueError(f"{name}={value}: it must be positive.")
    return num_samples, num_warmup, num_chains


def _refuse_traces(*inputs: PyTree) -> None:
    if is_traced(inputs):
        raise UnsupportedError(
            "js.inference.sample compiles its chains itself, looks at them between blocks and deals them out to cores, "
            "so it cannot stand inside jit, vmap or grad: loop over data sets, which compiles once, or take "
            "js.inference.laplace or ensemble_kalman, which can."
        )


def _guess(posterior: Posterior, guess: PyTree) -> PyTree:
    """The unknowns of a guess, which may be an estimate; None where the prior can give them."""
    if guess is None:
        posterior.require_proper("sampling without a guess")
        return None
    return getattr(guess, "value", guess)


def _draws(coordinates, settings: Settings, chains, moves, num_warmup: int) -> Draws:
    """The kept part of the chains in physical values, and their diagnostics."""
    kept = jax.tree.map(lambda leaf: leaf[:, num_warmup:], moves)
    z = jnp.asarray(kept.z).astype(coordinates.dtype)
    values = eqx.filter_jit(eqx.filter_vmap(eqx.filter_vmap(coordinates.to_physical)))(z)
    columns = np.moveaxis(kept.z, -1, 0)
    return Draws(
        values,
        jnp.asarray(kept.log_density),
        tuple(coordinates.names),
        np.array([diagnostics.r_hat(x) for x in columns]),
        np.array([diagnostics.bulk_size(x) for x in columns]),
        np.array([diagnostics.tail_size(x) for x in columns]),
        np.sum(kept.divergent, axis=1),
        np.sum(kept.broken, axis=1),
        np.sum(kept.doublings >= settings.doublings, axis=1),
        np.mean(kept.acceptance, axis=1),
        np.sum(moves.gradients, axis=1),
        np.asarray(chains.step_size),
        np.asarray(kept.divergent),
        coordinates,
    )
