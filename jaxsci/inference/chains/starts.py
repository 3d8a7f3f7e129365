"""Where chains start: around the top that is reached from a guess, or at draws from the prior."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree
from scipy.optimize import minimize

from ..posterior import Posterior
from .target import Target, evaluate

WIDEN, TRIES, DENSE = 1.5, 50, 100


def check_finite(posterior: Posterior, unknowns: PyTree, height: Array, place: str = "the guess") -> None:
    """Raise `ValueError` where the log density is not finite, saying which part of it."""
    if bool(jnp.isfinite(height)):
        return
    parts = {"prior": posterior.log_prior(unknowns), "likelihood": posterior.log_likelihood(unknowns)}
    wrong = {name: float(value) for name, value in parts.items() if not bool(jnp.isfinite(value))}
    which = " and ".join(f"log {name} is {value}" for name, value in wrong.items()) or "its density overflows"
    raise ValueError(
        f"the posterior has no finite density at {place}: its {which}. Begin with unknowns inside the support of the "
        "prior for which the prediction is finite; a simulation that blows up there needs a smaller dt or other values."
    )


def around_guess(
    target: Target, z: Float[np.ndarray, " n"], num_chains: int, dense: bool, key
) -> tuple[np.ndarray, np.ndarray]:
    """Starts around the top of the density, and the inverse metric there: a covariance, or its diagonal."""
    z = _climbed(target, z)
    if len(z) <= DENSE:
        covariance = _covariance(_curvature(target, z, np.eye(len(z))))
        factor = np.linalg.cholesky(covariance)
        spread = lambda white: WIDEN * factor @ white  # noqa: E731
        inverse_mass = covariance if dense else np.diagonal(covariance).copy()
    else:
        variance = _variance(target, z, key)
        spread = lambda white: WIDEN * np.sqrt(variance) * white  # noqa: E731
        inverse_mass = np.diag(variance) if dense else variance
    white = np.asarray(jax.random.normal(key, (num_chains, TRIES, len(z))))
    starts = np.stack([_first_finite(target, [z + spread(w) for w in tries], z) for tries in white])
    return starts, inverse_mass


def from_prior(
    posterior: Posterior, target: Target, num_chains: int, dense: bool, key
) -> tuple[np.ndarray, np.ndarray]:
    """For each chain the likeliest of many draws from the prior, and the prior's own width as inverse metric.

    Raises:
        ValueError: If the density is finite for none of them.
    """
    coordinates = posterior.flatten(target.guess)
    unknowns = posterior.sample_prior(key, (num_chains * TRIES,), like=target.guess)
    z = jax.vmap(coordinates.to_unconstrained)(unknowns).astype(float)
    heights = np.stack([evaluate(target, row)[0] for row in z]).reshape(num_chains, TRIES)
    if not np.isfinite(heights).any(axis=1).all():
        raise ValueError(
            f"the likelihood is finite for {int(np.isfinite(heights).sum())} of {heights.size} draws from the prior: "
            "give a guess=... near the data, or a prior that keeps to values for which the prediction is finite."
        )
    best = np.asarray(z).reshape(num_chains, TRIES, -1)[np.arange(num_chains), heights.argmax(axis=1)]
    variance = np.var(np.asarray(z), axis=0) + 1e-12
    return best, np.diag(variance) if dense else variance


def _climbed(target: Target, z: np.ndarray) -> np.ndarray:
    """The top of the density, or how near one gets in a few hundred steps."""

    def descent(z):
        height, slope = evaluate(target, jnp.asarray(z))
        return (-float(height) if np.isfinite(height) else 1e300), -np.asarray(slope, float)

    method = "BFGS" if len(z) <= DENSE else "L-BFGS-B"
    with np.errstate(all="ignore"):
        return minimize(descent, z, jac=True, method=method, options={"maxiter": 300}).x


def _curvature(target: Target, z: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Minus the second derivative times each direction, by central differences of the gradient."""
    step = 1e-4 if z.dtype == np.float64 else 1e-2
    rows = []
    for direction in directions:
        above, below = (np.asarray(evaluate(target, jnp.asarray(z + s * step * direction))[1]) for s in (1, -1))
        rows.append((below - above) / (2 * step))
    return np.stack(rows)


def _covariance(curvature: np.ndarray) -> np.ndarray:
    """The inverse, flat and rising directions made as wide as the widest falling one, at least 1."""
    values, vectors = np.linalg.eigh(np.nan_to_num((curvature + curvature.T) / 2))
    falling = values[values > 1e-8 * abs(values).max()]
    least = min(falling.min() if len(falling) else 1.0, 1.0)
    return (vectors / np.maximum(values, least)) @ vectors.T


def _variance(target: Target, z: np.ndarray, key, probes: int = 8) -> np.ndarray:
    """The inverse of an estimate of the curvature's diagonal, from random signs."""
    signs = np.asarray(jax.random.rademacher(key, (probes, len(z)), float))
    diagonal = np.mean(signs * _curvature(target, z, signs), axis=0)
    return 1 / np.maximum(diagonal, 1.0)


def _first_finite(target: Target, tries: list[np.ndarray], otherwise: np.ndarray) -> np.ndarray:
    for z in tries:
        if np.isfinite(evaluate(target, jnp.asarray(z))[0]):
            return z
    return otherwise
