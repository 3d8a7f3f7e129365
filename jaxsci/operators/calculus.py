"""Differential operators, once for every storage: all follow from `derivative`, and a storage may offer a shorter
way.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import ShapeError
from .._core.precision import whole
from ..fields import Field, Space
from ..fields.base import matched
from .dispatch import operator


@operator()
def derivative(field: Field, axis: int = 0, order: int = 1) -> Field:
    """Partial derivative `d^order u / d x_axis^order`.

    Args:
        field: A field with any components.
        axis: Coordinate to differentiate along.
        order: How often.

    Raises:
        ValueError: If there is no such axis, or the order is not a positive integer.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> u = js.Neural(js.Box((0.0, 1.0))).field(lambda x: x[0] ** 3)
        >>> float(js.derivative(u, order=2)(jnp.array([2.0])))
        12.0
    """
    if whole(axis) not in range(field.space.dim):
        raise ValueError(f"derivative along axis {axis!r} of {field.space.dim} coordinates: count axes from 0.")
    if (whole(order) or 0) < 1:
        raise ValueError(f"derivative of order {order!r}: orders are positive integers; order 0 is the field itself.")


@operator()
def laplacian(field: Field) -> Field:
    """Sum of the second derivatives, `sum_i d^2 u / d x_i^2`, of each component."""


@operator()
def biharmonic(field: Field) -> Field:
    """The Laplacian of the Laplacian, `sum_ij d^4 u / d x_i^2 d x_j^2`.

    Between walls it is accurate in the interior only, and of no use in time: a fourth-order law needs a second
    condition at a wall, one on the Laplacian. Write `laplacian(laplacian(u).with_boundary(law))` there.
    """


@operator()
def variable_diffusion(field: Field, conductivity: Field) -> Field:
    """`div(k grad u)` for a scalar field `k`; `diffusion` is the general form."""
    matched(field, conductivity)


@laplacian.register(Space)
def _(field: Field) -> Field:
    return sum_of(derivative(field, axis, 2) for axis in range(field.space.dim))


@biharmonic.register(Space)
def _(field: Field) -> Field:
    return laplacian(laplacian(field))


@variable_diffusion.register(Space)
def _(field: Field, conductivity: Field) -> Field:
    return sum_of(derivative(conductivity * derivative(field, axis), axis) for axis in range(field.space.dim))


def gradient(field: Field) -> Field:
    """Vector of the partial derivatives, as the last component axis: `(grad u)_i = du/dx_i`, `(grad v)_ij =
    dv_i/dx_j`.
    """
    return stack(*(derivative(field, axis) for axis in range(field.space.dim)))


def divergence(field: Field) -> Field:
    """`sum_i d v_i / d x_i` over the last component axis of a vector or tensor field."""
    check_components(field, "divergence")
    return sum_of(derivative(field[..., axis], axis) for axis in range(field.space.dim))


def curl(field: Field) -> Field:
    """Rotation of a field.

    Three dimensions: the vector `nabla x v`. Two dimensions: of a vector the scalar `dv_y/dx - dv_x/dy`, of a scalar
    stream function `psi` the velocity `(d psi/dy, -d psi/dx)`.
    """
    dim = field.space.dim
    if dim == 2 and field.shape == ():
        return stack(derivative(field, 1), -derivative(field, 0))
    if dim not in (2, 3):
        raise ShapeError(f"curl is defined in two and three dimensions, not in {dim}.")
    check_vector(field, "curl")
    if dim == 2:
        return derivative(field[1], 0) - derivative(field[0], 1)
    pairs = ((1, 2), (2, 0), (0, 1))
    return stack(*(derivative(field[j], i) - derivative(field[i], j) for i, j in pairs))


def advection(velocity: Field, field: Field) -> Field:
    """Transport by a velocity, `(v . grad) u = sum_i v_i du/dx_i`; in one dimension the velocity may be a scalar
    field.
    """
    if velocity.space.dim == 1 and velocity.shape == ():
        return velocity * derivative(field)
    check_vector(velocity, "advection")
    return sum_of(velocity[axis] * derivative(field, axis) for axis in range(field.space.dim))


def diffusion(field: Field, conductivity: float | Array | Field) -> Field:
    """`div(K grad u)` for a conductivity that is a number, a matrix, or a scalar or matrix field.

    Finite differences take the flux at the faces between nodes, so that no mode of the grid escapes the diffusion.

    Args:
        field: A scalar field (for a scalar `K`, any components).
        conductivity: Number, `(dim, dim)` matrix, or a field of either.

    Raises:
        ShapeError: If the conductivity is neither a number nor a `(dim, dim)` matrix.
    """
    dim = field.space.dim
    if callable(conductivity) and not isinstance(conductivity, Field):
        raise TypeError(
            "a conductivity is a number, a matrix or a field, not a function: sample it with space.field(function)."
        )
    if isinstance(conductivity, (list, tuple)):
        conductivity = jnp.asarray(np.asarray(conductivity), field.dtype)
    shape = conductivity.shape if isinstance(conductivity, Field) else jnp.shape(conductivity)
    if shape == ():
        return (
            variable_diffusion(field, conductivity)
            if isinstance(conductivity, Field)
            else conductivity * laplacian(field)
        )
    if shape != (dim, dim):
        raise ShapeError(
            f"a conductivity of shape {shape} does not fit {dim} dimensions: give a number or a {(dim, dim)} matrix, "
            "or a field of either."
        )
    if isinstance(conductivity, Field):
        along = [variable_diffusion_along(field, conductivity[i, i], i) for i in range(dim)]
        across = [
            derivative(conductivity[i, j] * derivative(field, j), i) for i in range(dim) for j in range(dim) if i != j
        ]
        return sum_of(along + across)
    along = [conductivity[i, i] * derivative(field, i, 2) for i in range(dim)]
    across = [
        (conductivity[i, j] + conductivity[j, i]) * derivative(derivative(field, j), i)
        for i in range(dim)
        for j in range(i)
    ]
    return sum_of(along + across)


@operator()
def variable_diffusion_along(field: Field, conductivity: Field, axis: int) -> Field:
    """One term of `div(k grad u)`: `d/dx_axis (k du/dx_axis)`."""
    matched(field, conductivity)


@variable_diffusion_along.register(Space)
def _(field: Field, conductivity: Field, axis: int) -> Field:
    return derivative(conductivity * derivative(field, axis), axis)


def dot(left: Field, right: Field) -> Field:
    """Scalar product of the values at each point, summed over the last component axis.

    Raises:
        ShapeError: If the last axes differ, or the shapes do and neither is that of a vector.
    """
    shapes = left.shape, right.shape
    fits = all(shapes) and left.shape[-1] == right.shape[-1] and (left.shape == right.shape or 1 in map(len, shapes))
    if not fits:
        raise ShapeError(
            f"dot of fields with components {left.shape} and {right.shape}: it sums products over the last axis, which "
            "must be as long in both; of scalar fields write `u * v`."
        )
    return left.map(_summed_product, right)


def _summed_product(a: Array, b: Array) -> Array:
    return jnp.sum(a * b, axis=-1)


def stack(*fields: Field) -> Field:
    """One field from several, as a new last component axis: a vector field from its components."""
    if not fields:
        raise ShapeError("stack of no fields: give one field per component, for example stack(u, v).")
    first = matched(*fields)[0]
    return first.space.linear(_stacked, *fields)


def _stacked(*values: Array) -> Array:
    return jnp.stack(values, axis=-1)


def sum_of(fields) -> Field:
    """Sum of fields, in order."""
    first, *others = fields
    for other in others:
        first = first + other
    return first


def check_vector(field: Field, name: str) -> None:
    """Raise unless a field is a vector field with one component per coordinate."""
    check_components(field, name)
    if len(field.shape) > 1:
        raise ShapeError(f"{name} needs a vector field, got value shape {field.shape}: give it the rows one by one.")


def check_components(field: Field, name: str) -> None:
    """Raise unless the last component axis of a field has one entry per coordinate."""
    dim = field.space.dim
    if not field.shape or field.shape[-1] != dim:
        raise ShapeError(
            f"{name} needs a vector field with {dim} components, got value shape {field.shape}: build one with "
            "space.field(lambda x: jnp.stack([...])) or operators.stack(u, v)."
        )
