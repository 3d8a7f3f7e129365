"""Numbers from fields: integrals, inner products, norms, spectra."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Inexact

from .._core.errors import ShapeError
from .._core.precision import multiply
from ..fields import Field
from ..fields.base import matched
from .dispatch import operator

QUADRATURE_ADVICE = "A function without a grid has no quadrature of its own. "


@operator(QUADRATURE_ADVICE)
def integral(field: Field) -> Inexact[Array, "*components"]:
    """Integral of each component over the domain, `int u dx`."""


@operator(QUADRATURE_ADVICE)
def inner(left: Field, right: Field) -> Inexact[Array, ""]:
    """Inner product `int conj(u) . v dx`, summed over components."""
    matched(left, right)
    if left.shape != right.shape:
        raise ShapeError(
            f"inner product of fields with components {left.shape} and {right.shape}: both need the same; use `dot` or "
            "`integral(u * v)` for anything else."
        )


@operator("Shells of wavenumbers belong to periodic series. ")
def energy_spectrum(field: Field) -> tuple[Array, Array]:
    """Energy per shell of wavenumbers: `(k, E)` with `sum(E) = mean(|u|^2) / 2`; shells are as wide as the lowest
    wavenumber.
    """


def mean(field: Field) -> Inexact[Array, "*components"]:
    """Average of each component over the domain."""
    one = field.space.constant(field, jnp.ones((), field.dtype))
    return multiply(1 / integral(one), integral(field))


def norm(field: Field, order: float = 2) -> Inexact[Array, ""]:
    """The norm `(int |u|^p dx)^(1/p)` over domain and components; `order=jnp.inf` is the largest nodal value.

    Its derivative is zero where the field is zero everywhere.

    Raises:
        ValueError: If the order is not positive.
    """
    is_number = isinstance(order, (int, float, np.integer, np.floating)) and not isinstance(order, bool)
    if not is_number or not order > 0:
        raise ValueError(f"norm of order {order!r}: orders are positive numbers, or jnp.inf for the largest value.")
    if order == 2:
        return _root(inner(field, field).real, 2.0)
    if order == jnp.inf:
        return _root(jnp.max(jnp.abs(field.values)), 1.0)
    powers = jnp.abs(field.values) ** float(order)
    return _root(jnp.sum(integral(field.space.field(powers))), float(order))


def _root(number: Array, order: float) -> Array:
    """The root of a number, with derivative zero at zero."""
    is_zero = number == 0
    safe = jnp.where(is_zero, 1.0, number)
    return jnp.where(is_zero, 0.0, jnp.sqrt(safe) if order == 2 else safe ** (1 / order))


def interpolate(field: Field, points: Array) -> Array:
    """Function values at any points `(..., dim)`: the same as `field(points)`."""
    return field(points)
