"""What a time stepper moves: the arrays of a state, apart from the spaces and boundary values they belong to."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.extend.core import jaxpr_as_fun
from jaxtyping import PyTree

from .._core.beside import beside
from .._core.memory import apart_after, in_memory, keeps_apart
from .._core.precision import real_dtype
from .._core.settled import number_of
from ..geometry import at_time
from .base import Field
from .finite_difference import FiniteDifference
from .fourier import Fourier


def is_field(node) -> bool:
    """Whether a node of a PyTree is a Field."""
    return isinstance(node, Field)


def has_stencils(state: PyTree) -> bool:
    """Whether derivatives of a state read neighbours in memory."""
    return _is_stored(state, FiniteDifference)


def has_near_stencils(state: PyTree) -> bool:
    """Whether all of a state is scalar fields whose derivatives read nearest neighbours in memory."""
    parts = jax.tree.leaves(state, is_leaf=is_field)
    return all(
        is_field(u) and isinstance(u.space, FiniteDifference) and u.space.order == 2 and u.data.ndim == u.space.dim
        for u in parts
    )


def _is_stored(state: PyTree, kind: type | tuple[type, ...]) -> bool:
    return any(is_field(u) and isinstance(u.space, kind) for u in jax.tree.leaves(state, is_leaf=is_field))


def rings(state: PyTree) -> list[tuple[int | None, ...]]:
    """For each array of a state the number of nodes of its axes that are rings, None for other axes."""

    def sizes(u, array):
        lead = array.ndim - (u.space.dim if is_field(u) else 0)
        if not (is_field(u) and isinstance(u.space, FiniteDifference)):
            return (None,) * array.ndim
        periodic = (u.space.is_periodic(axis) for axis in range(u.space.dim))
        own = (n if here else None for n, here in zip(u.space.grid.shape, periodic, strict=True))
        return (*(None,) * lead, *own)

    parts = jax.tree.leaves(state, is_leaf=is_field)
    return [sizes(u, array) for u in parts for array in jax.tree.leaves(unpack(u))]


def unpack(state: PyTree) -> PyTree:
    """Arrays of a state: each Field becomes its data in the home layout of its space, each other leaf stays."""
    return jax.tree.map(lambda u: u.to(u.space.home).data if is_field(u) else u, state, is_leaf=is_field)


def pack(template: PyTree, arrays: PyTree, t=None) -> PyTree:
    """The state of the arrays: the inverse of `unpack`, with the spaces of `template`, their walls at the time `t`."""
    template = at_time(template, t)
    return jax.tree.map(
        lambda u, a: Field(a, u.space, u.space.home) if is_field(u) else a, template, arrays, is_leaf=is_field
    )


NOISE = 10.0


def rounding_noise(template: PyTree, arrays: PyTree, lanes: bool = False) -> list:
    """For each array of a state what rounding leaves uncertain of its numbers: of single precision fields some units in
    the last place of their root mean square, component by component, else nothing. With `lanes` the last axis counts
    states.
    """
    parts = jax.tree.leaves(template, is_leaf=is_field)
    dims = [u.space.dim if is_field(u) else 0 for u in parts for _ in jax.tree.leaves(unpack(u))]

    def noise(array, dim):
        if dim == 0 or real_dtype(array.dtype) != jnp.float32:
            return 0.0
        axes = tuple(range(array.ndim - lanes - dim, array.ndim - lanes))
        square = jnp.mean(jnp.square(jnp.abs(array)), axis=axes, keepdims=True)
        return NOISE * jnp.finfo(jnp.float32).eps * jnp.sqrt(square)

    return [noise(array, dim) for array, dim in zip(jax.tree.leaves(arrays), dims, strict=True)]


def evaluated(template: PyTree, function: Callable, *arrays: PyTree) -> PyTree:
    """`function(*arrays)`, the slope of a state, worked out once where each use would do it again.

    Stencils are compiled apart, and derivatives work out their inner values again. So are many transforms, which then
    run beside each other; with one each way there is nothing to run beside, and its result is only written down.
    """
    if not (keeps_apart() and _is_stored(template, (FiniteDifference, Fourier))):
        return function(*arrays)
    if has_stencils(template):
        return apart_after(function, *arrays, keeps=False)
    program, shapes = jax.make_jaxpr(function, return_shape=True)(*arrays)
    leaves, structure = jax.tree.leaves(arrays), jax.tree.structure(shapes)
    if sum(number_of("fft", equation) for equation in program.eqns) > 2:
        return jax.tree.unflatten(structure, beside(jaxpr_as_fun(program), *leaves))
    return in_memory(jax.tree.unflatten(structure, jaxpr_as_fun(program)(*leaves)))
