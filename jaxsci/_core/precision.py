"""Precision rules: a Python number adapts to the fields it meets; two arrays of different precision never mix."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .errors import PrecisionError


def as_parameter(value):
    """Turn a Python number into a (weakly typed) array leaf, so that changing it never recompiles; keep the rest."""
    if isinstance(value, (bool, int, float, complex)):
        return jnp.asarray(value)
    if isinstance(value, (np.ndarray, np.generic, list)):
        return jnp.asarray(value)
    return value


def as_floating(value) -> Any:
    """Like `as_parameter`, with integers read as real numbers."""
    if isinstance(value, (bool, int)):
        return jnp.asarray(float(value))
    value = as_parameter(value)
    if isinstance(value, jax.Array) and not jnp.issubdtype(value.dtype, jnp.inexact):
        return jnp.asarray(value, float)
    return value


def whole(value) -> int | None:
    """A whole number as an integer, None for anything else."""
    try:
        return int(value) if int(value) == value else None
    except (TypeError, ValueError, OverflowError):
        return None


def as_pair(values) -> tuple:
    """Two numbers, each as by `as_floating`; fewer or more stay, for those to refuse who know what they are called."""
    return tuple(map(as_floating, values if isinstance(values, (tuple, list)) or np.ndim(values) else [values]))


def inexact_dtype(dtype) -> np.dtype:
    """The type, after checking that it holds real or complex numbers: others would cut digits off silently."""
    dtype = jnp.dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.inexact):
        raise PrecisionError(
            f"dtype={dtype} holds no real numbers, and a field does: give jnp.float32, jnp.float64 or a complex type."
        )
    return dtype


def real_dtype(dtype) -> np.dtype:
    """The real type with the precision of `dtype`: complex64 -> float32."""
    return np.zeros((), jnp.dtype(dtype)).real.dtype


def complex_dtype(dtype) -> np.dtype:
    """The complex type with the precision of `dtype`: float32 -> complex64."""
    return np.dtype(np.complex64) if real_dtype(dtype) == np.float32 else np.dtype(np.complex128)


def one_kind(*arrays: Array) -> tuple[Array, ...]:
    """The arrays, all of them complex if one of them is."""
    if any(map(jnp.iscomplexobj, arrays)):
        return tuple(array.astype(complex_dtype(array.dtype)) for array in arrays)
    return arrays


def multiply(factor: Array, array: Array) -> Array:
    """Product of a real or complex factor and an array, with no implicit promotion (float x complex by parts)."""
    factor, array = jnp.asarray(factor), jnp.asarray(array)
    if jnp.iscomplexobj(array) and not jnp.iscomplexobj(factor):
        factor = factor.astype(real_dtype(array.dtype))
        return jax.lax.complex(factor * array.real, factor * array.imag)
    if jnp.iscomplexobj(factor) and not jnp.iscomplexobj(array):
        return multiply(array, factor)
    return factor * array


def total(array: Array, dim: int) -> Array:
    """Sum over the last `dim` axes, one after the other: a single sum of a million float32 numbers loses three digits.

    The compiler would make one sum of them again, on CPUs number by number.
    """
    for _ in range(dim):
        array = jax.lax.optimization_barrier(jnp.sum(array, axis=-1))
    return array


def in_type_of(x: Array, *values) -> tuple[Array, ...]:
    """Parameters in the type of the array that they meet."""
    return tuple(jnp.asarray(value).astype(x.dtype) for value in values)
