"""A fit as a least-squares problem: residuals of several kinds at many points, in chunks that fit the cache."""

from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

CHUNK = 256
MANY_WEIGHTS = 5_000


class Term(eqx.Module):
    """One kind of residual: `mean_i weight_i |r(u, z_i)|^2` over points.

    Args:
        name: What it is, for the report.
        residual: A function of the trial function and one point that gives a vector.
        points: Where it is taken, `(n, coordinates)`.
        weight: Its factor in the loss: one number, or one per point.
    """

    name: str = eqx.field(static=True)
    residual: Callable
    points: Array
    weight: Array

    @property
    def scales(self) -> Float[Array, " n"]:
        """What the residual at each point is multiplied with."""
        n = self.points.shape[0]
        return jnp.broadcast_to(jnp.sqrt(self.weight.astype(self.points.dtype) / n), (n,))

    def subset(self, index: Any) -> "Term":
        """The same residual at some of its points."""
        weight = self.weight[index] if self.weight.ndim else self.weight
        return Term(self.name, self.residual, self.points[index], weight)

    def moved(self, points: Array, weight: Array) -> "Term":
        """The same residual at other points."""
        return Term(self.name, self.residual, points, weight)


class Problem(eqx.Module):
    """Residuals as functions of one vector of weights; `loss` is the sum of their squares.

    Args:
        terms: The residuals.
        template: The trial function with None in place of all that is not learned.
        frozen: The rest of it.
    """

    terms: tuple[Term, ...]
    template: Any
    frozen: Any

    @property
    def start(self) -> Float[Array, " n"]:
        """The weights of the trial function as given."""
        return ravel_pytree(self.template)[0]

    def trial(self, w: Float[Array, " n"]) -> Any:
        """The trial function with other weights."""
        return eqx.combine(ravel_pytree(self.template)[1](w), self.frozen)

    def with_terms(self, terms: Iterable[Term]) -> "Problem":
        """The same unknown with other residuals."""
        return Problem(tuple(terms), self.template, self.frozen)

    def num_rows(self, w: Array, term: Term) -> int:
        """How many residuals a term has."""
        return term.points.shape[0] * jax.eval_shape(lambda: self.at(w, term, term.points[0])).size

    def at(self, w: Array, term: Term, z: Array, scale: Array | float = 1.0) -> Array:
        """The residual of one term at one point, with a factor."""
        return scale * term.residual(self.trial(w), z)

    def residuals(self, w: Array) -> Float[Array, " m"]:
        """All residuals in one vector; the sum of their squares is the loss."""
        return jnp.concatenate(
            [
                chunked(lambda z, s, term=term: self.at(w, term, z, s), term.points, term.scales).reshape(-1)
                for term in self.terms
            ]
        )

    def residuals_of(self, w: Array, term: Term) -> Float[Array, "n m"]:
        """The residuals of one term, with their factors."""
        return chunked(lambda z, s: self.at(w, term, z, s), term.points, term.scales)

    def jacobian(self, w: Array) -> tuple[Float[Array, " m"], Float[Array, "m n"]]:
        """Residuals, and their derivatives with respect to the weights."""
        values, slopes = [], []
        for term in self.terms:

            def both(z, s, term=term):
                r, back = jax.vjp(lambda w: self.at(w, term, z, s), w)
                return r, jax.vmap(lambda e: back(e)[0])(jnp.eye(r.size, dtype=r.dtype))

            r, J = chunked(both, term.points, term.scales)
            values.append(r.reshape(-1))
            slopes.append(J.reshape(-1, w.size))
        return jnp.concatenate(values), jnp.concatenate(slopes)

    def loss_and_gradient(self, w: Array) -> tuple[Array, Array]:
        """The sum of squares and its gradient; each pass of the loop is differentiated before the next one begins."""
        total = jnp.zeros((), w.dtype), jnp.zeros_like(w)
        for term in self.terms:

            def chunk_loss(w, z, scale, term=term):
                return jnp.sum(jax.vmap(lambda z, s: self.at(w, term, z, s))(z, scale) ** 2)

            def body(carry, chunks, chunk_loss=chunk_loss):
                found = [jax.value_and_grad(chunk_loss)(w, *chunk) for chunk in zip(*chunks, strict=True)]
                return jax.tree.map(lambda *parts: sum(parts), carry, *found), None

            total = jax.lax.scan(body, total, _in_chunks(term.points, term.scales, w.size))[0]
        return total

    def loss(self, w: Array) -> Array:
        """The sum of squares."""
        return jnp.sum(self.residuals(w) ** 2)


def chunked(function: Callable, *arrays: Array) -> Any:
    """`vmap(function)(*arrays)`, a few hundred points at a time."""
    if arrays[0].shape[0] <= CHUNK:
        return jax.vmap(function)(*arrays)
    return jax.lax.map(lambda one: function(*one), arrays, batch_size=CHUNK)


def _in_chunks(points: Array, scales: Array, num_weights: int) -> tuple[Array, Array]:
    """Points and their factors, `(passes, streams, size, ...)`; what fills up the last chunks has the factor zero.

    The chunks of one pass do not depend on each other: the compiler runs them on several cores. Small networks lose
    more by the smaller pieces than they gain.
    """
    n = points.shape[0]
    chunk, streams = (CHUNK // 2, 2) if num_weights > MANY_WEIGHTS and n > CHUNK else (CHUNK, 1)
    passes = -(-n // (chunk * streams))
    size = -(-n // (passes * streams))
    index = jnp.arange(passes * streams * size).reshape(passes, streams, size)
    real = jnp.where(index < n, index, 0)
    return points[real], jnp.where(index < n, scales[real], 0.0)
