"""What the coefficients of a law may be: numbers that physics bounds, and functions of position."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import ShapeError
from .._core.precision import as_floating, as_pair
from .._core.shown import shown
from ..fields import Field, FiniteDifference, Fourier, Neural

Source: TypeAlias = Array | Field | Callable | None


def as_source(value: Any) -> Any:
    """A source with numbers as arrays: one number, or one per component; fields, functions and None stay."""
    return as_floating(list(value) if isinstance(value, tuple) else value)


CONVERTERS = (as_floating, as_pair, as_source)


def check_coefficients(law: Any) -> None:
    """Raise unless each coefficient of a law is finite numbers or, where its annotation says so, a field, a function
    or None.

    Raises:
        TypeError: If a coefficient is of another kind.
        ValueError: If it is not finite; traced values cannot be looked at, and pass.
    """
    for item in dataclasses.fields(law):
        value = getattr(law, item.name)
        kinds = get_args(item.type)
        free = Field in kinds and is_function(value) or type(None) in kinds and value is None
        if item.metadata.get("converter") is as_pair and len(value) != 2:
            raise TypeError(
                f"the {item.name} of {type(law).__name__} are two numbers, got {len(value)}: write "
                f"{item.name}=(first, second)."
            )
        if item.metadata.get("converter") in CONVERTERS and not free:
            for part in value if isinstance(value, tuple) else (value,):
                _check_numbers(f"the {item.name} of {type(law).__name__}", part, Field in kinds)


def _check_numbers(name: str, value: Any, varies: bool) -> None:
    if not isinstance(value, jax.Array):
        kinds = "a number, a field or a function of one point" if varies else "a number"
        hint = "a function: where it varies, write the law as a function of (t, u, args)"
        raise TypeError(f"{name} must be {kinds}, got {hint if callable(value) else repr(value)}.")
    if not isinstance(value, jax.core.Tracer) and not np.all(np.isfinite(np.asarray(value))):
        raise ValueError(f"{name} is {shown(value)}, but must be finite: look at where it is computed.")


def nonnegative(name: str, value: Any, otherwise: str = "") -> None:
    """Raise `ValueError` if a coefficient is known to be negative or not a number.

    Numbers, arrays and fields are looked at; traced values and functions cannot be, and pass.

    Args:
        name: How the user calls the coefficient.
        value: The coefficient.
        otherwise: What to write instead, where it is not simply a number `>= 0`.
    """
    _check(name, value, _smallest, lambda smallest: smallest >= 0, "be zero or positive", otherwise)


def positive(name: str, value: Any, otherwise: str = "") -> None:
    """Raise `ValueError` if a coefficient is known not to be positive; the arguments are those of `nonnegative`."""
    _check(name, value, _smallest, lambda smallest: smallest > 0, "be positive", otherwise)


def nonnegative_matrix(name: str, value: Any, otherwise: str = "") -> None:
    """`nonnegative` for a number or a matrix, or a field of either: a matrix counts as negative at a point when its
    symmetric part has a negative eigenvalue there.
    """
    _check(name, value, _smallest_eigenvalue, lambda smallest: smallest >= 0, "be zero or positive", otherwise)


def _smallest(values: Array, shape: tuple[int, ...]) -> Array:
    return jnp.min(values)


def _smallest_eigenvalue(values: Array, shape: tuple[int, ...]) -> Array:
    """Over all nodes; what rounding may have made of zero counts as zero."""
    if len(shape) == 2 and shape[0] == shape[1]:
        matrices = jnp.moveaxis(values, (0, 1), (-2, -1))
        values = jnp.linalg.eigvalsh((matrices + matrices.mT) / 2)
    smallest, rounding = jnp.min(values), 100 * jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values))
    return jnp.where(jnp.abs(smallest) < rounding, 0.0, smallest)


def _check(name: str, value: Any, smallest_of: Callable, holds: Callable, demand: str, otherwise: str) -> None:
    has_nodes = isinstance(value, Field) and isinstance(value.space, (Fourier, FiniteDifference))
    if not has_nodes and not isinstance(value, jax.Array):
        return
    with jax.ensure_compile_time_eval():
        values = value.values if has_nodes else value
        if isinstance(values, jax.core.Tracer):
            return
        if jnp.iscomplexobj(values):
            raise ValueError(f"{name} is complex, but must be real and {demand}: pass its real part.")
        smallest = float(smallest_of(values, value.shape))
    if not holds(smallest):
        otherwise = otherwise or f"pass a {name.replace('_', ' ')} that is a positive number."
        raise ValueError(f"{name}={smallest:.6g} makes the law ill-posed or meaningless: it must {demand}; {otherwise}")


def is_function(coefficient: Any) -> bool:
    """Whether a coefficient depends on position: a Field, or a function of one point."""
    return callable(coefficient)


def sampled(coefficient: Array | Field | Callable, like: Field) -> Field:
    """A coefficient as a field that can meet `like`.

    A function of one point is sampled in the space of `like` each time the law is evaluated; in a long simulation
    sample it once, with `space.field(function)`, and give the law the field.
    """
    if isinstance(coefficient, Field):
        return coefficient
    if not is_function(coefficient):
        return like.space.constant(like, coefficient)
    if isinstance(like.space, Neural):
        return like.space.field(coefficient)
    return like.space.field(lambda x: coefficient(x.astype(like.dtype)))


def nothing(u: Field) -> Field:
    """The zero of the space of `u`, which a compiler drops from a sum; `0.0 * u` it must work out."""
    return u.space.linear(jnp.zeros_like, u)


def with_source(rate: Field, source: Source) -> Field:
    """A rate of change plus a source that is a number, a field, a function of one point, or None.

    Raises:
        ShapeError: If the source has components and the rate has not the same.
    """
    if source is None:
        return rate
    source = sampled(source, rate) if is_function(source) else source
    if source.shape == (1,) and rate.shape == ():  # a function of x, in place of x[0], on a line
        source = source[0]
    if source.shape not in ((), rate.shape):
        raise ShapeError(
            f"the source has a value of shape {source.shape} at each point, but the field has one of shape "
            f"{rate.shape}: give a source with the components of the field."
        )
    return rate + source


def vector_of(name: str, value: Any, dim: int) -> tuple:
    """The components of a constant vector in `dim` dimensions; a number will do in one dimension."""
    value = jnp.asarray(value)
    if value.shape != (dim,) and not (value.ndim == 0 and dim == 1):
        raise ShapeError(
            f"{name} has shape {value.shape}, but the field lives in {dim} dimensions: give one number per axis, "
            f"for example {name}={(1.0,) * dim}."
        )
    return tuple(value.reshape(dim))
