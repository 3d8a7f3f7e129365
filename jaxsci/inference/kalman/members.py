"""Members of an ensemble: where they start, how far they are from the data, and what replaces those that fail."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ..._core.errors import UnsupportedError
from ..coordinates import Coordinates
from ..posterior import Posterior

BATCH, DRAWS, DENSE = 256, 8192, 400
OUTLIER = 1e6


def misfit_of(posterior: Posterior, guess: PyTree) -> Callable[[Float[Array, " n"]], Float[Array, " data"]]:
    """`z -> ` residuals of the data in units of their noise.

    Raises:
        UnsupportedError: If the likelihood is not a sum of squares with a known scale.
    """
    likelihoods = jax.tree.leaves(posterior.noise, is_leaf=lambda node: hasattr(node, "least_squares"))
    if posterior.noise is None or not all(getattr(term, "least_squares", False) for term in likelihoods):
        raise UnsupportedError(
            "ensemble_kalman needs Gaussian or lognormal noise of known scale: pass noise=a standard deviation or "
            "js.inference.Gaussian/CorrelatedGaussian/LogNormalNoise(...); where the scale itself is unknown, or the "
            "noise is of another kind, use js.inference.sample."
        )
    flat = posterior.flatten(guess)

    def misfit(z):
        seen = posterior.seen(flat.to_physical(z))
        parts = [jnp.where(s.mask, s.likelihood.residual(s.data, s.prediction), 0.0).ravel() for s in seen]
        return jnp.concatenate([part.astype(z.dtype) for part in parts])

    return misfit


def all_misfits(misfit: Callable, z: Float[Array, "members n"]) -> Float[Array, "members data"]:
    """The misfits of all members, a batch of them side by side at a time."""
    return jax.lax.map(misfit, z, batch_size=BATCH) if len(z) > BATCH else jax.vmap(misfit)(z)


def prior_moments(posterior: Posterior, guess: PyTree, key) -> tuple[Float[Array, " n"], Float[Array, "n n"], Array]:
    """Mean and covariance of z before the data, and whether they are all there is to know.

    A log density that is quadratic tells both; otherwise they are those of many draws.
    """
    flat = posterior.flatten(guess)

    def log_prior(z):
        return posterior.log_prior(flat.to_physical(z)).astype(z.dtype) + flat.log_jacobian(z)

    draws = jax.vmap(flat.to_unconstrained)(posterior.sample_prior(key, (DRAWS,), like=guess))
    mean, covariance = jnp.mean(draws, axis=0), jnp.atleast_2d(jnp.cov(draws.T))
    if flat.size > DENSE:
        return mean, covariance, jnp.array(False)
    curvatures = jax.vmap(jax.hessian(log_prior))(draws[:2])
    eps = jnp.finfo(mean.dtype).eps
    normal = jnp.max(jnp.abs(curvatures[0] - curvatures[1])) <= 1e3 * eps * jnp.max(jnp.abs(curvatures))
    normal = normal & jnp.all(jnp.linalg.eigvalsh(-curvatures[0]) > 0)
    exact = jnp.linalg.inv(-curvatures[0])
    top = draws[0] + exact @ jax.grad(log_prior)(draws[0])
    exact = (exact + exact.T) / 2
    return jnp.where(normal, top, mean), jnp.where(normal, exact, covariance), normal


def first_members(posterior: Posterior, guess: PyTree, num_members: int, key) -> Float[Array, "members n"]:
    """Draws from the prior; where it is normal and the members are many, with exactly its mean and covariance.

    References:
        Pham, Stochastic methods for sequential data assimilation, Monthly Weather Review 129 (2001), for the exactness.
    """
    flat = posterior.flatten(guess)
    draw_key, moments_key = jax.random.split(key)
    z = jax.vmap(flat.to_unconstrained)(posterior.sample_prior(draw_key, (num_members,), like=guess))
    if flat.size > DENSE or num_members < flat.size + 2:
        return z
    mean, covariance, normal = prior_moments(posterior, guess, moments_key)
    away = z - jnp.mean(z, axis=0)
    root = jnp.linalg.cholesky(away.T @ away / (num_members - 1))
    white = jax.scipy.linalg.solve_triangular(root, away.T, lower=True)
    exact = mean + (jnp.linalg.cholesky(covariance) @ white).T
    return jnp.where(normal, exact, z)


def failures(misfits: Float[Array, "members data"]) -> Bool[Array, " members"]:
    """Members whose misfit is not finite, or a million times that of others: a simulation on its way to infinity."""
    size = jnp.linalg.norm(misfits, axis=1)
    usual = jnp.nanmedian(jnp.where(jnp.isfinite(size), size, jnp.nan))
    return ~(size <= OUTLIER * jnp.maximum(usual, 1.0))


def replaced(
    z: Float[Array, "members n"], misfits: Float[Array, "members data"], key
) -> tuple[Float[Array, "members n"], Float[Array, "members data"], Bool[Array, " members"]]:
    """Members that failed become copies of others, taken at random; also which ones they were."""
    failed = failures(misfits)
    # the k-th member alive is where the count of those alive first exceeds k
    alive = jnp.cumsum((~failed).astype(int))
    k = jax.random.randint(key, failed.shape, 0, jnp.maximum(alive[-1], 1))
    others = jnp.minimum(jnp.searchsorted(alive, k, side="right"), len(failed) - 1)
    chosen = jnp.where(failed, others, jnp.arange(len(failed), dtype=others.dtype))
    return z[chosen], misfits[chosen], failed


def physical(flat: Coordinates, z: Float[Array, "members n"]) -> Float[Array, "members n"]:
    """Physical values of members, in rows."""
    return jax.vmap(lambda row: flat.vector(flat.to_physical(row)))(z)
