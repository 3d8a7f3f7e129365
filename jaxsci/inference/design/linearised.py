"""The law, linearised: derivatives of predictions in units of the noise, and of the prior, as matrices."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._core.errors import UnsupportedError
from ..coordinates import Coordinates
from ..distributions import MultivariateNormal, Normal
from ..likelihoods import Gaussian, Likelihood, LogNormalNoise
from ..posterior import Posterior
from ..search.derivatives import jacobian


def has_normal_prior(flat: Coordinates) -> bool:
    """Whether every unknown has a normal prior, so that numbers on the real line are physical values."""
    return all(
        isinstance(prior, (Normal, MultivariateNormal)) or getattr(prior, "normal", False) for prior in flat.priors
    )


def data_rows(posterior: Posterior, flat: Coordinates, z: Float[Array, " n"]) -> Float[Array, "m n"]:
    r"""A matrix A with :math:`A^T A` the Fisher information of the data about numbers z on the real line.

    Derivatives of the predictions in units of the noise, :math:`W^{1/2} J`; below them :math:`\sqrt 2\, \partial \log
    \sigma` where the noise depends on the unknowns.
    """
    at = posterior.seen(flat.to_physical(z))
    scale = 1.0 if posterior.noise is not None else 1.0 / posterior.noise_scale(flat.to_physical(z))

    def predictions(z):
        changes = [
            jnp.where(there.mask, here.likelihood.whiten(here.prediction, there.prediction - here.prediction), 0.0)
            for here, there in zip(at, posterior.seen(flat.to_physical(z)), strict=True)
        ]
        return scale * jnp.concatenate([change.ravel() for change in changes])

    rows = jacobian(predictions, z)(z)
    if not _has_unknown_noise(posterior):
        return rows

    def log_scales(z):
        return jnp.concatenate([_log_scale(term) for term in posterior.seen(flat.to_physical(z))])

    return jnp.concatenate([rows, math.sqrt(2.0) * jacobian(log_scales, z)(z)])


def prior_rows(flat: Coordinates, z: Float[Array, " n"]) -> Float[Array, "p n"]:
    r"""A matrix P with :math:`P^T P` the curvature of minus the log prior density of z, its negative part left out."""

    def parts(z):
        return zip(flat.priors, (leaf for _, leaf in _leaves(flat, z)), strict=True)

    if has_normal_prior(flat):
        return jax.jacfwd(lambda z: jnp.concatenate([prior.residual(leaf) for prior, leaf in parts(z)]))(z)

    def log_prior(z):
        proper = sum((p.log_density(leaf) for p, leaf in parts(z) if p.proper), start=jnp.zeros((), z.dtype))
        return proper + flat.log_jacobian(z)

    values, vectors = jnp.linalg.eigh(-jax.hessian(log_prior)(z))
    return jnp.sqrt(jnp.maximum(values, 0.0))[:, None] * vectors.T


def log_prior_density(flat: Coordinates, z: Float[Array, " n"]) -> Float[Array, ""]:
    """The log density of z before the data."""
    parts = zip(flat.priors, _leaves(flat, z), strict=True)
    return sum((p.log_density(leaf) for p, (_, leaf) in parts), start=jnp.zeros((), z.dtype)) + flat.log_jacobian(z)


def _leaves(flat: Coordinates, z: Array) -> list[tuple[str, Array]]:
    return eqx.tree_at(lambda flat: flat.template, flat, flat.to_physical(z)).leaves


def _has_unknown_noise(posterior: Posterior) -> bool:
    return callable(posterior.noise) and not isinstance(posterior.noise, Likelihood)


def _log_scale(term) -> Array:
    if not isinstance(term.likelihood, (Gaussian, LogNormalNoise)):
        raise UnsupportedError(
            f"the information about the scale of {type(term.likelihood).__name__}: it is known for Gaussian and "
            "LogNormalNoise; hold the scale fixed, or take one of these."
        )
    log_sd = jnp.log(term.likelihood.standard_deviation) * jnp.ones_like(term.prediction)
    return jnp.where(term.mask, log_sd, 0.0).ravel()
