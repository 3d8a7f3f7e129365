"""Adam in the eigenvectors of Shampoo's preconditioner."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array


class Rotated(NamedTuple):
    """Of one weight matrix: averages of `G G^T` and `G^T G`, their eigenvectors, averages of G and of its squares."""

    left: Array | None
    right: Array | None
    left_vectors: Array | None
    right_vectors: Array | None
    first: Array
    second: Array


class Memory(NamedTuple):
    """Number of updates, and what is kept for each array."""

    count: Array
    arrays: Any


def rotated_adam(every: int, decay: float, square_decay: float, eps: float = 1e-8) -> optax.GradientTransformation:
    """The update rule of SOAP, before the learning rate; for arrays that are no matrices it is that of Adam.

    Args:
        every: After how many steps the basis is turned.
        decay: How much of the average of gradients stays.
        square_decay: The same for squares, and for the matrices that make the basis.
        eps: Added to roots of squares.
    """

    def begin(a: Array) -> Rotated:
        zero = jnp.zeros_like(a)
        if a.ndim != 2:
            return Rotated(None, None, None, None, zero, zero)
        m, n = (jnp.eye(size, dtype=a.dtype) for size in a.shape)
        return Rotated(0 * m, 0 * n, m, n, zero, zero)

    def init(params):
        return Memory(jnp.zeros((), int), jax.tree.map(begin, params))

    def update(gradients, memory, params=None):
        count = memory.count + 1
        pairs = jax.tree.map(
            lambda g, s: _one(g, s, count, every, (decay, square_decay), eps), gradients, memory.arrays
        )
        leaves, structure = jax.tree.flatten(gradients)
        flat = structure.flatten_up_to(pairs)
        return structure.unflatten([p[0] for p in flat]), Memory(count, structure.unflatten([p[1] for p in flat]))

    return optax.GradientTransformation(init, update)


def _one(
    G: Array, s: Rotated, count: Array, every: int, decays: tuple[float, float], eps: float
) -> tuple[Array, Rotated]:
    (a, b), age = decays, count.astype(G.dtype)
    first = a * s.first + (1 - a) * G
    if s.left is None:
        second = b * s.second + (1 - b) * G**2
        return _quotient(first, second, decays, age, eps), s._replace(first=first, second=second)
    left, right = b * s.left + (1 - b) * G @ G.T, b * s.right + (1 - b) * G.T @ G
    U, V = jax.lax.cond(
        count % every == 1 % every,
        lambda: (_turned(left, s.left_vectors), _turned(right, s.right_vectors)),
        lambda: (s.left_vectors, s.right_vectors),
    )
    second = b * s.second + (1 - b) * (U.T @ G @ V) ** 2
    step = _quotient(U.T @ first @ V, second, decays, age, eps)
    return U @ step @ V.T, Rotated(left, right, U, V, first, second)


def _quotient(first: Array, second: Array, decays: tuple[float, float], age: Array, eps: float) -> Array:
    a, b = decays
    return first / (1 - a**age) / (jnp.sqrt(second / (1 - b**age)) + eps)


def _turned(matrix: Array, vectors: Array) -> Array:
    """One step of subspace iteration towards the eigenvectors."""
    return jnp.linalg.qr(matrix @ vectors + 1e-30 * vectors)[0]
