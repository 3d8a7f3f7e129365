"""What a time stepper moves: the arrays of a state, apart from the spaces and boundary values they belong to."""

from collections.abc import Callable

import jax
from jaxtyping import PyTree

from .._core.memory import apart_after, in_memory, keeps_apart
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


def _is_stored(state: PyTree, kind: type | tuple[type, ...]) -> bool:
    return any(is_field(u) and isinstance(u.space, kind) for u in jax.tree.leaves(state, is_leaf=is_field))


def unpack(state: PyTree) -> PyTree:
    """Arrays of a state: each Field becomes its data in the home layout of its space, each other leaf stays."""
    return jax.tree.map(lambda u: u.to(u.space.home).data if is_field(u) else u, state, is_leaf=is_field)


def pack(template: PyTree, arrays: PyTree, t=None) -> PyTree:
    """The state of the arrays: the inverse of `unpack`, with the spaces of `template`, their walls at the time `t`."""
    template = at_time(template, t)
    return jax.tree.map(
        lambda u, a: Field(a, u.space, u.space.home) if is_field(u) else a, template, arrays, is_leaf=is_field
    )


def evaluated(template: PyTree, function: Callable, *arrays: PyTree) -> PyTree:
    """`function(*arrays)`, the slope of a state, worked out once where each use would do it again.

    Stencils are compiled apart. So are many transforms, which then run beside each other; with one each way there is
    nothing to run beside, and its result is only written down.
    """
    if not (keeps_apart() and _is_stored(template, (FiniteDifference, Fourier))):
        return function(*arrays)
    if has_stencils(template) or number_of("fft", function, *arrays) > 2:
        return apart_after(function, *arrays)
    return in_memory(function(*arrays))
