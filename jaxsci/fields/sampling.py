"""Functions of one point and arrays of nodal values: how the storages turn one into the other."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import PrecisionError, ShapeError
from .._core.precision import complex_dtype, inexact_dtype, real_dtype


def nodes_of(axes: Sequence[np.ndarray]) -> Array:
    """Coordinates `(*grid, dim)` of a tensor grid."""
    return jnp.stack(jnp.meshgrid(*(jnp.asarray(axis, float) for axis in axes), indexing="ij"), axis=-1)


def at_nodes(function: Callable, points: Array, dtype=None) -> Array:
    """Values of a function of one point at nodes `(*grid, dim)`, components first."""
    flat = jax.vmap(lambda x: jnp.asarray(function(x)), out_axes=-1)(points.reshape(-1, points.shape[-1]))
    return as_inexact(flat.reshape(*flat.shape[:-1], *points.shape[:-1]), dtype)


def checked_values(values, shape: tuple[int, ...], dtype=None) -> Array:
    """Nodal values given as an array `(*components, *grid)`."""
    values = jnp.asarray(values)
    if values.shape[max(values.ndim - len(shape), 0) :] != shape:
        raise ShapeError(
            f"nodal values of shape {values.shape} do not fit a grid of {shape} nodes: the last axes must be the grid "
            f"axes, with components first, for example {(2, *shape)} for a vector field with two components."
        )
    return as_inexact(values, dtype)


def as_inexact(values: Array, dtype=None) -> Array:
    """Strongly typed real or complex numbers, in the precision of `dtype` where one is given."""
    if not jnp.issubdtype(values.dtype, jnp.inexact):
        values = values.astype(jnp.zeros(()).dtype)
    wanted = np.dtype(values.dtype if dtype is None else inexact_dtype(dtype))
    if jnp.iscomplexobj(values) and not np.issubdtype(wanted, np.complexfloating):
        raise PrecisionError(
            f"complex values cannot be stored in a real field of type {wanted}: drop `dtype`, or take `.real` of the "
            "values."
        )
    return jax.lax.convert_element_type(values, wanted)


def in_precision_of(array: Array, result) -> Array:
    """What a function of `array` gives, with truth values, integers and Python numbers in the precision of `array`."""
    result = jnp.asarray(result)
    if jnp.issubdtype(result.dtype, jnp.inexact) and not result.weak_type:
        return result
    kind = complex_dtype if jnp.iscomplexobj(result) else real_dtype
    return jax.lax.convert_element_type(result, kind(array.dtype))


def over_nodes(function: Callable, dim: int, *arrays: Array) -> Array:
    """Apply a function of the values at one node to arrays `(*components, *grid)`."""
    mapped = function
    for _ in range(dim):
        mapped = jax.vmap(mapped, in_axes=-1, out_axes=-1)
    return in_precision_of(arrays[0], mapped(*arrays))
