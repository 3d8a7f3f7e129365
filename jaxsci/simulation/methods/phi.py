"""The phi-functions of exponential integrators: `phi_0 = exp`, `phi_(k+1)(z) = (phi_k(z) - 1/k!) / z`.

Accurate for all arguments with non-positive real part (relative error near rounding from |z| = 0 to 1e6, float32
included), and differentiable: a Taylor series near zero, the recurrence elsewhere.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from ..._core.precision import multiply, real_dtype

NEAR_ZERO = 1.0
NUM_TERMS = 18
MAX_DOUBLINGS = 30


def scalar_phis(z: Inexact[Array, "..."], count: int) -> tuple[Inexact[Array, "..."], ...]:
    """`exp(z), phi_1(z), ..., phi_count(z)`, element by element."""
    near = jnp.abs(z) < NEAR_ZERO
    small, large = jnp.where(near, z, 0.0), jnp.where(near, 1.0, z)
    values = [jnp.exp(z)]
    far = jnp.exp(large)
    for k in range(1, count + 1):
        far = (far - 1 / math.factorial(k - 1)) / large
        series = jnp.zeros_like(z)
        for term in range(NUM_TERMS - 1, -1, -1):
            series = series * small + 1 / math.factorial(term + k)
        values.append(jnp.where(near, series, far))
    return tuple(values)


def matrix_phis(z: Inexact[Array, "*modes n n"], count: int) -> tuple[Inexact[Array, "*modes n n"], ...]:
    """`exp(Z), phi_1(Z), ..., phi_count(Z)` of small matrices, by balancing, scaling and doubling.

    `Z / 2^s` has a norm below 1/2, where a Taylor series converges at once. Doubling carries `F = exp - 1` instead of
    `exp`, so that slow modes beside stiff ones keep their digits: `F(2A) = 2 F + F^2` and
    `2^k phi_k(2A) = exp(A) phi_k(A) + sum_j phi_j(A) / (k - j)!`.

    References:
        Skaflestad and Wright, Appl. Numer. Math. 59 (2009) 783, equation 10.
    """
    one = jnp.eye(z.shape[-1], dtype=z.dtype)
    balance = _balance(jax.lax.stop_gradient(z))
    balanced = multiply(balance[..., None, :] / balance[..., :, None], z)
    norm = jax.lax.stop_gradient(jnp.max(jnp.sum(jnp.abs(balanced), axis=-1), axis=-1))[..., None, None]
    halvings = jnp.clip(jnp.ceil(jnp.log2(jnp.maximum(norm, 0.5))) + 1, 0, MAX_DOUBLINGS)
    a = multiply(jnp.exp2(-halvings), balanced)
    phis = [jnp.zeros_like(a)]
    for term in range(NUM_TERMS - 1, -1, -1):
        phis[0] = _product(a, phis[0]) + one / float(math.factorial(term + count))
    for k in range(count, 1, -1):
        phis.insert(0, _product(a, phis[0]) + one / float(math.factorial(k - 1)))

    def doubled(carry, level):
        minus_one, phis = carry
        mixed = [_product(minus_one, phi) + phi for phi in phis]
        for k in range(1, count + 1):
            total = mixed[k - 1] + sum(phis[j - 1] / float(math.factorial(k - j)) for j in range(1, k + 1))
            mixed[k - 1] = total / 2**k
        new = (2 * minus_one + _product(minus_one, minus_one), mixed)
        return jax.tree.map(lambda after, before: jnp.where(level < halvings, after, before), new, carry), None

    levels = jnp.arange(MAX_DOUBLINGS, dtype=norm.dtype)
    (minus_one, phis), _ = jax.lax.scan(doubled, (_product(a, phis[0]), phis), levels)
    return tuple(multiply(balance[..., :, None] / balance[..., None, :], f) for f in (minus_one + one, *phis))


def _balance(z: Array) -> Array:
    """Powers of two `d` that make row `i` and column `i` of `z_ij d_j / d_i` about equally large off the diagonal."""
    n = z.shape[-1]
    size = jnp.abs(z) * (1 - jnp.eye(n, dtype=real_dtype(z.dtype)))
    d = jnp.ones(size.shape[:-1], size.dtype)
    for i in [*range(n), *range(n)]:
        row = jnp.sum(size[..., i, :] * d, axis=-1) / d[..., i]
        column = jnp.sum(size[..., :, i] / d, axis=-1) * d[..., i]
        both = (row > 0) & (column > 0)
        ratio = jnp.where(both, row, 1.0) / jnp.where(both, column, 1.0)
        d = d.at[..., i].multiply(jnp.exp2(jnp.round(jnp.log2(ratio) / 2)))
    return d


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")
