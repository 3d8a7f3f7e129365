"""The phi-functions of exponential integrators: `phi_0 = exp`, `phi_(k+1)(z) = (phi_k(z) - 1/k!) / z`.

Accurate for all arguments with non-positive real part (relative error near rounding from |z| = 0 to 1e6, float32 included),
and differentiable: a Taylor series near zero, the recurrence elsewhere.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

NEAR_ZERO = 1.0
NUM_TERMS = 18


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
    """`exp(Z), phi_1(Z), ..., phi_count(Z)` of small matrices, as the first row of blocks of one matrix exponential.

    References:
        Al-Mohy and Higham, SIAM J. Sci. Comput. 33 (2011) 488, theorem 2.1.
    """
    n = z.shape[-1]
    lead = z.shape[:-2]
    big = jnp.zeros((*lead, n * (count + 1), n * (count + 1)), z.dtype)
    big = big.at[..., :n, :n].set(z)
    for k in range(count):
        big = big.at[..., k * n : (k + 1) * n, (k + 1) * n : (k + 2) * n].set(jnp.eye(n, dtype=z.dtype))
    top = _expm(big.reshape(-1, *big.shape[-2:]))[:, :n]
    return tuple(top[..., k * n : (k + 1) * n].reshape(z.shape) for k in range(count + 1))


def _expm(matrices: Array) -> Array:
    return jax.vmap(lambda a: jax.scipy.linalg.expm(a, max_squarings=32))(matrices)
