"""Operators on nodal values: central differences, with the ghosts that the wall laws provide."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import ShapeError
from .._core.memory import apart, branches_are_cheap
from .._core.precision import multiply, one_kind, real_dtype, total
from ..fields import Field, FiniteDifference
from ..fields.sampling import as_inexact
from ..fields.stencils import central, weights
from .calculus import derivative, variable_diffusion, variable_diffusion_along
from .measure import inner, integral


@derivative.register(FiniteDifference)
def _(field: Field, axis: int = 0, order: int = 1) -> Field:
    space, axis, order = field.space, int(axis), int(order)
    n, where = space.grid.shape[axis], "on a ring" if space.is_periodic(axis) else "between walls"
    needed = (space.order + order - 1) // 2 if space.is_periodic(axis) else space.order + order
    if needed > n:
        raise ShapeError(
            f"derivative of order {order} at order {space.order} needs {needed} nodes {where}, and there are {n} along "
            f"axis {axis}: refine the grid or lower the order."
        )
    radius, w = central(order, space.order)
    w = w / space.grid.spacing[axis] ** order
    data, position = field.data, field.data.ndim - space.dim + axis
    last = axis == space.dim - 1
    if branches_are_cheap() and last and radius == 1 and space.is_periodic(axis):
        return Field(_in_one_pass(data, position, w), space.derived, "node")

    def extended(data):
        return space.extended(data, axis, radius, space.order + order)

    data = extended(data) if branches_are_cheap() and not last else apart(extended, data)
    return Field(_combined(data, position, field.data.shape[position], w), space.derived, "node")


def _in_one_pass(data: Array, position: int, w: np.ndarray) -> Array:
    """Differences of nearest neighbours on a ring, without a copy that holds the ghosts."""
    n = data.shape[position]
    terms = [float(w[0]) * _padded(data, position, 1, -1), float(w[1]) * data]
    terms.append(float(w[2]) * _padded(data, position, -1, 1))
    for weight, end, low in ((w[0], n - 1, 0), (w[2], 0, n - 1)):
        ghost = float(weight) * jax.lax.slice_in_dim(data, end, end + 1, axis=position)
        terms.append(_padded(ghost, position, low, n - 1 - low))
    return sum(terms[1:], start=terms[0])


def _padded(data: Array, position: int, low: int, high: int) -> Array:
    """Values with so many zeros more at either end of an axis, or so many values fewer."""
    config = [(0, 0, 0)] * data.ndim
    config[position] = (low, high, 0)
    return jax.lax.pad(data, jnp.zeros((), data.dtype), config)


@variable_diffusion.register(FiniteDifference)
def _(field: Field, conductivity: Field) -> Field:
    terms = [variable_diffusion_along(field, conductivity, axis) for axis in range(field.space.dim)]
    return sum(terms[1:], start=terms[0])


@variable_diffusion_along.register(FiniteDifference)
def _(field: Field, conductivity: Field, axis: int) -> Field:
    space, p = field.space, field.space.order
    h = space.grid.spacing[axis]
    half = p // 2
    offsets = tuple(i + 0.5 for i in range(-half, half))
    u = apart(lambda data: space.extended(data, axis, half, p + 2), field.data)
    k = space.derived.extended(conductivity.data, axis, half, p + 2)
    position = field.data.ndim - space.dim + axis
    n = field.data.shape[position]
    slope = _combined(u, position, n + 1, weights(offsets, 1) / h)
    conductivity_at_faces = _combined(k, k.ndim - space.dim + axis, n + 1, weights(offsets, 0))
    return Field(_face_divergence(space, conductivity_at_faces * slope, axis, n), space.derived, "node")


def _combined(data: Array, position: int, count: int, w: np.ndarray) -> Array:
    """`sum_i w_i data[j + i]` for `count` positions `j`."""
    parts = [float(w[i]) * jax.lax.slice_in_dim(data, i, i + count, axis=position) for i in range(len(w)) if w[i]]
    return sum(parts[1:], start=parts[0])


def _face_divergence(space: FiniteDifference, flux: Array, axis: int, n: int) -> Array:
    """Difference of a flux given at the `n + 1` faces, at the nodes between them."""
    p, h = space.order, space.grid.spacing[axis]
    half = p // 2
    position = flux.ndim - space.dim + axis
    w = weights(tuple(i + 0.5 for i in range(-half, half)), 1) / h
    beyond = half - 1
    if not beyond:
        return _combined(flux, position, n, w)

    def extended(flux):
        if space.is_periodic(axis):
            low = jax.lax.slice_in_dim(flux, n - beyond, n, axis=position)
            high = jax.lax.slice_in_dim(flux, 1, 1 + beyond, axis=position)
        else:
            low = _continued(flux, position, beyond, p + 2)
            high = jnp.flip(_continued(jnp.flip(flux, position), position, beyond, p + 2), position)
        return jnp.concatenate([low, flux, high], axis=position)

    return _combined(apart(extended, flux), position, n, w)


def _continued(flux: Array, position: int, beyond: int, accuracy: int) -> Array:
    """The flux at so many faces before the first, on the polynomial through the nearest ones, farthest first."""
    extrapolate = np.stack([weights(tuple(range(accuracy)), 0, -float(j)) for j in range(beyond, 0, -1)])
    near = jax.lax.slice_in_dim(flux, 0, accuracy, axis=position)
    rows = jnp.tensordot(jnp.asarray(extrapolate, flux.dtype), near, axes=(1, position))
    return jnp.moveaxis(rows, 0, position)


def quadrature_weights(space: FiniteDifference, axis: int) -> np.ndarray:
    """Weights of the nodes of an axis: all equal where it is periodic, corrected at walls to the order of the space.

    The corrections follow from the Euler-Maclaurin formula of the midpoint rule.
    """
    n, h, p = space.grid.shape[axis], space.grid.spacing[axis], space.order
    w = np.ones(n)
    if not space.is_periodic(axis):
        moments = np.array([0.0, -1 / 24, 0.0, 7 / 960, 0.0, -31 / 8064])[:p]
        s = np.arange(p) + 0.5
        correction = np.linalg.solve(s ** np.arange(p)[:, None], moments)
        w[:p] += correction
        w[-p:] += correction[::-1]
    return h * w


@integral.register(FiniteDifference)
def _(field: Field):
    return integrated(field.space, field.data)


@inner.register(FiniteDifference)
def _(left: Field, right: Field):
    a, b = one_kind(left.data, right.data)
    product = jnp.conj(a) * b if jnp.iscomplexobj(a) else a * b
    components = integrated(left.space, product)
    return total(components, components.ndim)


def integrated(space: FiniteDifference, values: Array) -> Array:
    """Integrals over the domain of nodal values, component by component."""
    values = as_inexact(values)
    for axis in range(space.dim):
        weights = jnp.asarray(quadrature_weights(space, axis), real_dtype(values.dtype))
        values = multiply(jnp.expand_dims(weights, range(1, space.dim - axis)), values)
    return total(values, space.dim)
