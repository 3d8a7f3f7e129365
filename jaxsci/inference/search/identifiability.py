"""Which combinations of the unknowns the data tell, and how well."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float


class Identifiability(eqx.Module):
    r"""The singular values of :math:`J D^{-1}`, the sensitivity of residuals to unknowns in units of their effect.

    J is the Jacobian of the normalised residuals and D the length of its columns, the effect that each unknown has
    alone. The largest singular value is at least 1; a direction whose value is zero to rounding has no effect, and one
    of 1e-4 has an error bar 10 000 times wider than each unknown would have alone.

    Args:
        singular_values: from the largest to the smallest.
        directions: one row for each, in units of 1 / D.
        scales: D.
        names: of the unknown numbers.
    """

    singular_values: Float[Array, " n"]
    directions: Float[Array, "n n"]
    scales: Float[Array, " n"]
    names: tuple[str, ...] = eqx.field(static=True)

    @property
    def is_open(self) -> Bool[Array, " n"]:
        """Which directions have no effect."""
        s = self.singular_values
        return ~(s > jnp.finfo(s.dtype).eps ** 0.75 * s[..., :1])

    @property
    def unidentifiable(self) -> list[str]:
        """The directions without effect, such as `"0.71 a - 0.71 b"`: unknowns in units of the effect that they have
        alone.
        """
        rows = np.asarray(self.directions)[np.asarray(self.is_open)]
        return [direction(row, self.names) for row in rows]

    def covariance(self, variance: Float[Array, ""]) -> Float[Array, "n n"]:
        """(J^T J)^-1 times the variance of the residuals; infinite for unknowns that an open direction moves."""
        is_open = self.is_open
        s = jnp.where(is_open, 1.0, self.singular_values)
        rows = jnp.where(is_open[:, None], 0.0, self.directions / s[:, None]) / self.scales
        closed = variance * rows.T @ rows
        moved = jnp.where(is_open[:, None] & (jnp.abs(self.directions) > 1e-6), self.directions, 0.0)
        signs = jnp.sign(moved.T @ moved)
        return jnp.where(signs == 0, closed, signs * jnp.inf)


def of_jacobian(J: Float[Array, "residuals n"], names: tuple[str, ...]) -> Identifiability:
    """What a Jacobian of normalised residuals tells."""
    m, n = J.shape
    scales = jnp.linalg.norm(J, axis=0)
    scales = jnp.where(scales > 0, scales, 1.0)
    A = J / scales
    A = jnp.linalg.qr(A, mode="r") if m > n else jnp.concatenate([A, jnp.zeros((n - m, n), A.dtype)])
    _, s, Vt = jnp.linalg.svd(A)
    return Identifiability(s, Vt, scales, names)


def of_hessian(H: Float[Array, "n n"], names: tuple[str, ...]) -> Identifiability:
    """What the second derivative of minus a log density tells; a direction along which it does not grow is open."""
    scales = jnp.sqrt(jnp.abs(jnp.diagonal(H)))
    scales = jnp.where(scales > 0, scales, 1.0)
    w, V = jnp.linalg.eigh(H / scales / scales[:, None])
    noise = len(w) * jnp.finfo(w.dtype).eps * jnp.max(jnp.abs(w))
    s = jnp.where(w > noise, jnp.sqrt(jnp.where(w > noise, w, 1.0)), 0.0)
    return Identifiability(s[::-1], V.T[::-1], scales, names)


def direction(vector: np.ndarray, names: tuple[str, ...] | list[str]) -> str:
    """A direction in words, such as `0.71 a - 0.71 b`; at most four terms."""
    largest = sorted(int(i) for i in np.argsort(-np.abs(vector))[:4] if abs(vector[i]) > 0.05)
    vector = vector * np.sign(vector[largest[0]])
    return " ".join(f"{'-' if vector[i] < 0 else '+'} {abs(vector[i]):.2f} {names[i]}" for i in largest)[2:]
