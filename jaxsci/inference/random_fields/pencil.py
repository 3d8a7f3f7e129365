"""A linearised inverse problem, solved for every strength of its penalty at once."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..coordinates import Coordinates
from ..posterior import Posterior
from ..search.derivatives import jacobian


class Pencil(eqx.Module):
    r"""The minimum over x of :math:`|A x - b|^2 + s |L x + r|^2` and what belongs to it, for any s.

    From the decomposition :math:`A = U C W^T R`, :math:`L = V S W^T R` with :math:`C^2 + S^2 = 1`, found as an
    orthogonal-triangular decomposition of A over L and a singular value decomposition; no product of a matrix with
    itself is formed.

    Args:
        c: the diagonal of C.
        s: the diagonal of S.
        data: components of b along U.
        offset: S times the components of r along V.
        data_left: squared part of b that no x reaches.
        offset_left: squared length of r.
        triangle: R, which turns x into components.
        rotation: W.
        balance: what L was multiplied by, so that A and L have equal size.
        origin: where the problem was linearised.
        constant: log density at the origin plus half its sum of squares.
        log_determinant: log |det R|.
        num_data: how many data there are.
    """

    c: Float[Array, " n"]
    s: Float[Array, " n"]
    data: Float[Array, " n"]
    offset: Float[Array, " n"]
    data_left: Float[Array, ""]
    offset_left: Float[Array, ""]
    triangle: Float[Array, "n n"]
    rotation: Float[Array, "n n"]
    balance: Float[Array, ""]
    origin: Float[Array, " n"]
    constant: Float[Array, ""]
    log_determinant: Float[Array, ""]
    num_data: Float[Array, ""]

    @classmethod
    def of(cls, posterior: Posterior, flat: Coordinates, vector: Float[Array, " n"]) -> "Pencil":
        """The problem, linearised at a vector of physical values."""
        seen = posterior.seen(flat.tree(vector))
        num_rows = sum(term.data.size for term in seen)

        def residuals(vector):
            return posterior.residuals(flat.tree(vector))

        rows, r = jacobian(residuals, vector)(vector), residuals(vector)
        a, b, penalty, offset = rows[:num_rows], -r[:num_rows], rows[num_rows:], r[num_rows:]
        constant = posterior.log_density(flat.tree(vector)) + 0.5 * jnp.sum(r**2)
        num_data = sum(jnp.sum(term.mask, dtype=r.dtype) for term in seen)
        balance = jnp.linalg.norm(a) / jnp.linalg.norm(penalty)
        n, num_a = len(vector), max(num_rows, len(vector))
        a, b = jnp.pad(a, ((0, num_a - num_rows), (0, 0))), jnp.pad(b, (0, num_a - num_rows))
        q, triangle = jnp.linalg.qr(jnp.concatenate([a, balance * penalty]))
        u, c, w = jnp.linalg.svd(q[:num_a], full_matrices=False)
        along = q[num_a:] @ w.T
        data = u.T @ b
        return cls(
            c=c,
            s=jnp.linalg.norm(along, axis=0),
            data=data,
            offset=along.T @ (balance * offset),
            data_left=jnp.sum((b - u @ data) ** 2),
            offset_left=jnp.sum((balance * offset) ** 2),
            triangle=triangle,
            rotation=w.T,
            balance=balance,
            origin=vector,
            constant=constant,
            log_determinant=jnp.sum(jnp.log(jnp.abs(jnp.diagonal(triangle)[:n]))),
            num_data=num_data,
        )

    def _scaled(self, strength) -> Array:
        return strength / self.balance**2

    def _components(self, strength) -> Array:
        t = self._scaled(strength)
        return (self.c * self.data - t * self.offset) / (self.c**2 + t * self.s**2)

    def misfit(self, strength: Float[Array, ""]) -> Float[Array, ""]:
        """Squared residuals of the data at the minimum."""
        return jnp.sum((self.c * self._components(strength) - self.data) ** 2) + self.data_left

    def roughness(self, strength: Float[Array, ""]) -> Float[Array, ""]:
        """The penalty at the minimum, for strength 1."""
        y = self._components(strength)
        return (jnp.sum((self.s * y) ** 2 + 2 * self.offset * y) + self.offset_left) / self.balance**2

    def degrees_of_freedom(self, strength: Float[Array, ""]) -> Float[Array, ""]:
        """How many numbers the data decide: the trace of the matrix that turns data into fitted data."""
        return jnp.sum(self.c**2 / (self.c**2 + self._scaled(strength) * self.s**2))

    def log_evidence(self, strength: Float[Array, ""]) -> Float[Array, ""]:
        """Log density of the data before they are seen, with the prior sharpened by the strength; up to a constant
        where the prior is improper.
        """
        t = self._scaled(strength)
        rank = jnp.sum(self.s > 1e3 * jnp.finfo(self.s.dtype).eps)
        squares = self.misfit(strength) + strength * self.roughness(strength)
        log_det = 2 * self.log_determinant + jnp.sum(jnp.log(self.c**2 + t * self.s**2))
        free = len(self.origin) * math.log(2 * math.pi) + rank.astype(t.dtype) * jnp.log(strength)
        return self.constant + 0.5 * (free - log_det - squares)

    def solution(self, strength: Float[Array, ""]) -> Float[Array, " n"]:
        """The minimum."""
        return self.origin + jnp.linalg.solve(self.triangle, self.rotation @ self._components(strength))

    def default_strengths(self, num_strengths: int = 81) -> Float[Array, " strengths"]:
        """From where the penalty no longer matters, to the fit or to its own size, to where the data no longer do."""
        floor = 1e2 * jnp.finfo(self.c.dtype).eps
        seen, held = jnp.maximum(self.c, floor), jnp.maximum(self.s, floor)
        ratios = jnp.log((seen / held) ** 2)
        counts = (self.c > 10 * floor) & (self.s > 10 * floor)
        low = jnp.min(jnp.where(counts, ratios, jnp.inf)) - math.log(100.0)
        high = jnp.max(jnp.where(counts, ratios, -jnp.inf)) + math.log(100.0)
        fair = jnp.log(len(self.s) / self.roughness(self.balance**2 * jnp.exp(low)) / self.balance**2)
        low = jnp.where(jnp.isfinite(fair), jnp.minimum(low, fair - math.log(100.0)), low)
        return self.balance**2 * jnp.exp(jnp.linspace(low, high, num_strengths))
