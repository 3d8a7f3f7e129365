"""Operators on nodal values: central differences, with the ghosts that the wall laws provide."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import ShapeError
from .._core.precision import one_kind
from ..fields import Field, FiniteDifference
from ..fields.stencils import central, weights
from .calculus import derivative, variable_diffusion, variable_diffusion_along
from .measure import inner, integral


@derivative.register(FiniteDifference)
def _(field: Field, axis: int = 0, order: int = 1) -> Field:
    space = field.space
    if not space.is_periodic(axis) and space.order + order > space.grid.shape[axis]:
        raise ShapeError(
            f"derivative of order {order} at order {space.order} needs {space.order + order} nodes between walls, "
            f"and there are {space.grid.shape[axis]} along axis {axis}: refine the grid or lower the order."
        )
    radius, w = central(order, space.order)
    w = w / space.grid.spacing[axis] ** order
    data, position = field.data, field.data.ndim - space.dim + axis
    terms = [float(w[radius + k]) * shifted(data, position, k) for k in range(-radius, radius + 1) if w[radius + k]]
    for high in (False, True):
        terms.append(_wall_rows(space, data, axis, high, w, order))
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return Field(total, space.derived, "node")


def shifted(data: Array, position: int, k: int) -> Array:
    """Values `k` nodes further along an axis, zero beyond its ends."""
    config = [(0, 0, 0)] * data.ndim
    config[position] = (-k, k, 0)
    return jax.lax.pad(data, jnp.zeros((), data.dtype), config)


def _wall_rows(space: FiniteDifference, data: Array, axis: int, high: bool, w: np.ndarray, order: int) -> Array:
    """What the ghosts beyond one end add to the rows next to it."""
    position, radius = data.ndim - space.dim + axis, len(w) // 2
    n = data.shape[position]
    outward = w[radius + 1 :] if high else w[radius - 1 :: -1]
    if space.is_periodic(axis):
        start = 0 if high else n - radius
        ghosts = jax.lax.slice_in_dim(data, start, start + radius, axis=position)
        ghosts = ghosts if high else jnp.flip(ghosts, position)
    else:
        ghosts = space.ghosts(data, axis, high, radius, space.order + order)
    rows = []
    for i in range(radius):
        parts = [
            float(outward[i + j]) * jax.lax.slice_in_dim(ghosts, j, j + 1, axis=position) for j in range(radius - i)
        ]
        rows.append(sum(parts[1:], start=parts[0]))
    padded = []
    for i, row in enumerate(rows):
        config = [(0, 0, 0)] * data.ndim
        config[position] = (n - 1 - i, i, 0) if high else (i, n - 1 - i, 0)
        padded.append(jax.lax.pad(row, jnp.zeros((), data.dtype), config))
    return sum(padded[1:], start=padded[0])


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
    u = space.extended(field.data, axis, half, p + 2)
    k = space.derived.extended(conductivity.data, axis, half, p + 2)
    position = field.data.ndim - space.dim + axis
    n = field.data.shape[position]
    slope = _combined(u, position, n + 1, weights(offsets, 1) / h)
    conductivity_at_faces = _combined(k, k.ndim - space.dim + axis, n + 1, weights(offsets, 0))
    return Field(_face_divergence(space, conductivity_at_faces * slope, axis, n), space.derived, "node")


def _combined(data: Array, position: int, count: int, w: np.ndarray) -> Array:
    """`sum_i w_i data[j + i]` for `count` positions `j`."""
    parts = [float(w[i]) * jax.lax.slice_in_dim(data, i, i + count, axis=position) for i in range(len(w))]
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
    if space.is_periodic(axis):
        low = jax.lax.slice_in_dim(flux, n - beyond, n, axis=position)
        high = jax.lax.slice_in_dim(flux, 1, 1 + beyond, axis=position)
    else:
        extrapolate = np.stack([weights(tuple(range(p + 2)), 0, -float(j)) for j in range(beyond, 0, -1)])

        def continued(end):
            near = jax.lax.slice_in_dim(end, 0, p + 2, axis=position)
            rows = jnp.tensordot(jnp.asarray(extrapolate, flux.dtype), near, axes=(1, position))
            return jnp.moveaxis(rows, 0, position)

        low = continued(flux)
        high = jnp.flip(continued(jnp.flip(flux, position)), position)
    return _combined(jnp.concatenate([low, flux, high], axis=position), position, n, w)


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


def measure(space: FiniteDifference, dtype) -> Array:
    """Weight of every node in an integral over the domain."""
    total = 1.0
    for axis in range(space.dim):
        w = quadrature_weights(space, axis)
        total = total * w.reshape([-1 if i == axis else 1 for i in range(space.dim)])
    return jnp.asarray(total, dtype)


@integral.register(FiniteDifference)
def _(field: Field):
    return jnp.sum(measure(field.space, field.data.dtype) * field.data, axis=tuple(range(-field.space.dim, 0)))


@inner.register(FiniteDifference)
def _(left: Field, right: Field):
    a, b = one_kind(left.data, right.data)
    product = jnp.conj(a) * b if jnp.iscomplexobj(a) else a * b
    return jnp.sum(measure(left.space, product.dtype) * product)
