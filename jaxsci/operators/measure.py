"""Numbers from fields: integrals, inner products, norms, spectra."""

import jax.numpy as jnp
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
    """The norm `(int |u|^p dx)^(1/p)` over domain and components; `order=jnp.inf` is the largest nodal value."""
    if order == 2:
        return jnp.sqrt(inner(field, field).real)
    if order == jnp.inf:
        return jnp.max(jnp.abs(field.values))
    return jnp.sum(integral(field.space.field(jnp.abs(field.values) ** order))) ** (1 / order)


def interpolate(field: Field, points: Array) -> Array:
    """Function values at any points `(..., dim)`: the same as `field(points)`."""
    return field(points)
