"""Posterior of many unknowns, of which the data decide a few: draws of whole fields."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..._core.errors import UnsupportedError
from ..._core.precision import in_type_of
from ..coordinates import Coordinates, as_unknowns
from ..distributions import MultivariateNormal, Normal
from ..posterior import Posterior
from .gaussian import GaussianRandomField


class LowRankLaplace(eqx.Module):
    r"""A normal distribution around the most probable unknowns, :math:`x = m + P (w + V D w)`, w white.

    P turns white numbers into draws of the prior, V are the combinations that the data tell about, and
    :math:`D = (1 + \lambda)^{-1/2} - 1` narrows them.

    Args:
        value: the centre.
        eigenvalues: how much more the data tell than the prior, for each of `directions`.
        directions: V, in white coordinates of the prior.
        log_evidence: log density of the data before they are seen, in this approximation.
        neglected: an estimate of the largest eigenvalue that was left out; the covariance errs by no more than
            this share of the prior's, in the directions that were left out.
    """

    value: PyTree
    eigenvalues: Float[Array, " rank"]
    directions: Float[Array, "n rank"]
    log_evidence: Float[Array, ""]
    neglected: Float[Array, ""]
    flat: Coordinates

    def __repr__(self):
        if isinstance(self.log_evidence, jax.core.Tracer) or self.log_evidence.ndim:
            return "LowRankLaplace"
        return (
            f"LowRankLaplace: the data tell about {len(self.eigenvalues)} of {len(self.directions)} directions, up to "
            f"{float(self.eigenvalues[0]):.3g} times more than the prior (neglected: {float(self.neglected):.2g}); "
            f"log evidence {float(self.log_evidence):.6g}"
        )

    def sample(self, key, num_samples: int) -> PyTree:
        """Draws of the unknowns, stacked along a leading axis."""
        size = self.directions.shape[0]
        white = jax.random.normal(key, (num_samples, size), self.directions.dtype)
        centre = self.flat.vector(self.value)
        return jax.vmap(lambda w: self.flat.tree(centre + self._spread(w)))(white)

    @property
    def standard_deviation(self) -> PyTree:
        """Of every unknown, in its containers."""
        return self.flat.tree(jnp.sqrt(self.variance_of(lambda unknowns: self.flat.vector(unknowns))))

    def variance_of(self, function) -> Float[Array, " m"]:
        """Variances of a vector that depends on the unknowns, linearised at the centre: one forward derivative per
        unknown.
        """
        centre = self.flat.vector(self.value)

        def along(w):
            return jax.jvp(lambda x: function(self.flat.tree(x)), (centre,), (self._spread(w),))[1]

        size = self.directions.shape[0]
        rows = jax.lax.map(along, jnp.eye(size, dtype=self.directions.dtype), batch_size=64)
        return jnp.sum(rows**2, axis=0)

    def _spread(self, white: Array) -> Array:
        narrowed = 1 / jnp.sqrt(1 + self.eigenvalues) - 1
        return from_white(self.flat, white + self.directions @ (narrowed * (self.directions.T @ white)))


def low_rank_laplace(posterior: Posterior, value: PyTree, *, rank: int = 50, key=None) -> LowRankLaplace:
    r"""The Laplace approximation of a posterior with very many unknowns under normal priors.

    The data decide few combinations of the values of a field: the leading eigenvectors of :math:`P^T F P`, with F the
    Fisher information of the data and P the root of the prior covariance. They are found from products of random
    vectors with the derivatives of the law, twice `rank` + 10 in each mode; no matrix of the size of the field squared
    is made.

    Args:
        posterior: a sum of squares, whose unknowns have priors `Normal`, `MultivariateNormal` or `GaussianRandomField`.
        value: the most probable unknowns, as from `maximize`.
        rank: how many combinations to keep; enough if `neglected` is well below 1.
        key: random key of the vectors.

    Raises:
        UnsupportedError: If a prior is not normal.

    References:
        Bui-Thanh, Ghattas, Martin & Stadler, SIAM J. Sci. Comput. 35 (2013) A2494; Halko, Martinsson & Tropp, SIAM
        Review 53 (2011) 217, algorithm 5.3.
    """
    flat = posterior.flatten(value)
    for (name, _), prior in zip(flat.leaves, flat.priors, strict=True):
        if not isinstance(prior, (Normal, MultivariateNormal, GaussianRandomField)):
            raise UnsupportedError(
                f"low_rank_laplace needs normal priors, and that of {name!r} is {type(prior).__name__}: use Normal, "
                "MultivariateNormal or GaussianRandomField (of a transformed unknown, if it is bounded), or laplace."
            )
    return _found(posterior, flat, as_unknowns(value), rank, jax.random.key(0) if key is None else key)


@eqx.filter_jit
def _found(posterior: Posterior, flat: Coordinates, value: PyTree, rank: int, key) -> LowRankLaplace:
    centre = flat.vector(value)
    num_data = sum(term.data.size for term in posterior.seen(value))

    def residuals(white):
        return posterior.residuals(flat.tree(centre + from_white(flat, white)))[:num_data]

    zero = jnp.zeros(_num_white(flat), centre.dtype)
    _, forward = jax.linearize(residuals, zero)
    backward = jax.linear_transpose(forward, zero)
    rank = min(rank, num_data, zero.size)
    width = min(rank + 10, num_data, zero.size)
    probes = jax.random.normal(key, (width, zero.size), zero.dtype)

    def rows(vectors):
        return jax.lax.map(forward, vectors)

    def columns(vectors):
        return jax.lax.map(lambda v: backward(v)[0], vectors)

    seen = jnp.linalg.qr(rows(probes).T)[0]
    reached = jnp.linalg.qr(columns(seen.T).T)[0]
    seen = jnp.linalg.qr(rows(reached.T).T)[0]
    small = columns(seen.T)
    _, singular, directions = jnp.linalg.svd(small, full_matrices=False)
    eigenvalues = singular**2
    constant = posterior.log_density(value) + 0.5 * math.log(2 * math.pi) * zero.size + _log_root(flat)
    log_evidence = constant - 0.5 * jnp.sum(jnp.log1p(eigenvalues))
    neglected = eigenvalues[rank] if width > rank else jnp.zeros(())
    return LowRankLaplace(value, eigenvalues[:rank], directions[:rank].T, log_evidence, neglected, flat)


def _num_white(flat: Coordinates) -> int:
    return sum(
        prior.num_modes if isinstance(prior, GaussianRandomField) else leaf.size
        for (_, leaf), prior in zip(flat.leaves, flat.priors, strict=True)
    )


def from_white(flat: Coordinates, white: Float[Array, " w"]) -> Float[Array, " n"]:
    """Draws of the priors less their means, for white numbers."""
    parts, start = [], 0
    for (_, leaf), prior in zip(flat.leaves, flat.priors, strict=True):
        size = prior.num_modes if isinstance(prior, GaussianRandomField) else leaf.size
        w = white[start : start + size]
        start += size
        if isinstance(prior, GaussianRandomField):
            parts.append((prior.values(w) - prior.values(jnp.zeros_like(w))).ravel())
        elif isinstance(prior, MultivariateNormal):
            parts.append(in_type_of(w, prior.cholesky)[0] @ w)
        else:
            parts.append((in_type_of(w, prior.standard_deviation)[0] * w.reshape(leaf.shape)).ravel())
    return jnp.concatenate(parts)


def _log_root(flat: Coordinates) -> Array:
    """log of the determinant of the root of the prior covariance."""
    total = jnp.zeros(())
    for (_, leaf), prior in zip(flat.leaves, flat.priors, strict=True):
        if isinstance(prior, GaussianRandomField):
            total = total + 0.5 * jnp.sum(jnp.log(prior.eigenvalues))
        elif isinstance(prior, MultivariateNormal):
            total = total + jnp.sum(jnp.log(jnp.diagonal(prior.cholesky)))
        else:
            total = total + jnp.sum(jnp.log(prior.standard_deviation) * jnp.ones(leaf.shape))
    return total
