"""What the coefficients of a law may be: numbers that physics bounds, and functions of position."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from .._core.errors import ShapeError
from ..fields import Field, Neural

Source: TypeAlias = Field | Callable | None


def nonnegative(name: str, value: Any, otherwise: str = "") -> None:
    """Raise `ValueError` if a coefficient is known to be negative or not a number.

    Numbers, arrays and fields are looked at; traced values and functions cannot be, and pass. A symmetric matrix counts
    as negative when one of its eigenvalues is.

    Args:
        name: How the user calls the coefficient.
        value: The coefficient.
        otherwise: What to write instead, where it is not simply a number `>= 0`.
    """
    _check(name, value, lambda smallest: smallest >= 0, "be zero or positive", otherwise)


def positive(name: str, value: Any, otherwise: str = "") -> None:
    """Raise `ValueError` if a coefficient is known not to be positive; the arguments are those of `nonnegative`."""
    _check(name, value, lambda smallest: smallest > 0, "be positive", otherwise)


def _check(name: str, value: Any, holds: Callable, demand: str, otherwise: str) -> None:
    leaves = [leaf for leaf in jax.tree.leaves(value) if isinstance(leaf, jax.Array)]
    if (callable(value) and not isinstance(value, Field)) or any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return
    if isinstance(value, Field):
        if not leaves:
            return
        value = value.values
    value = jnp.asarray(value)
    if jnp.iscomplexobj(value):
        raise ValueError(f"{name} is complex, but must be real and {demand}: pass its real part.")
    is_matrix = value.ndim == 2 and value.shape[0] == value.shape[1]
    smallest = float((jnp.linalg.eigvalsh(value) if is_matrix else value).min())
    if not holds(smallest):
        otherwise = otherwise or f"pass a {name.replace('_', ' ')} that is a positive number."
        raise ValueError(f"{name}={smallest:.6g} makes the law ill-posed or meaningless: it must {demand}; {otherwise}")


def is_function(coefficient: Any) -> bool:
    """Whether a coefficient depends on position: a Field, or a function of one point."""
    return callable(coefficient)


def sampled(coefficient: Field | Callable, like: Field) -> Field:
    """A coefficient that depends on position as a field that can meet `like`.

    A function of one point is sampled in the space of `like` each time the law is evaluated; in a long simulation
    sample it once, with `space.field(function)`, and give the law the field.
    """
    if isinstance(coefficient, Field):
        return coefficient
    if isinstance(like.space, Neural):
        return like.space.field(coefficient)
    return like.space.field(lambda x: coefficient(x.astype(like.dtype)))


def nothing(u: Field) -> Field:
    """The zero of the space of `u`, which a compiler drops from a sum; `0.0 * u` it must work out."""
    return u.space.linear(jnp.zeros_like, u)


def with_source(rate: Field, source: Source) -> Field:
    """A rate of change plus a source that is a field, a function of one point, or None."""
    return rate if source is None else rate + sampled(source, rate)


def vector_of(name: str, value: Any, dim: int) -> tuple:
    """The components of a constant vector in `dim` dimensions; a number will do in one dimension."""
    value = jnp.asarray(value)
    if value.shape != (dim,) and not (value.ndim == 0 and dim == 1):
        raise ShapeError(
            f"{name} has shape {value.shape}, but the field lives in {dim} dimensions: give one number per axis, "
            f"for example {name}={(1.0,) * dim}."
        )
    return tuple(value.reshape(dim))
