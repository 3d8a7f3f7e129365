"""What operations on arrays do to windows of rings.

An array may hold more nodes than its program knows of, as many at either end of an axis as a margin has. What works
node by node, and what only moves windows, keeps its meaning on them: on a ring each node is like any other. `Unfit` is
raised where something else is asked for.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array


class Unfit(Exception):
    """A program does more than work node by node on windows of rings, or its margin is used up."""


class Window(NamedTuple):
    """The part of a ring of `ring` nodes that an axis shows: `size` nodes from `first` on, of an array whose first node
    is `low`.
    """

    ring: int
    first: int
    size: int
    low: int

    def ends(self, length: int) -> tuple[int, int]:
        """How many more nodes an array of so many has before and after the window."""
        return self.first - self.low, self.low + length - self.first - self.size


class Wide(NamedTuple):
    """An array that may hold more nodes than its program knows: a window for each axis on a ring, None for others."""

    data: Array
    windows: tuple[Window | None, ...]


class Uniform(NamedTuple):
    """An array of equal numbers."""

    number: Array


def is_wide(value: Any) -> bool:
    """Whether an operand may hold more nodes than its program knows of."""
    return isinstance(value, Wide)


def content(value: Any) -> Array:
    """The array, or number, behind an operand."""
    return value[0] if isinstance(value, (Wide, Uniform)) else value


def refilled(value: Any, array: Array) -> Any:
    """An operand like this one, with another array, or number, behind it."""
    return type(value)(array, *value[1:]) if isinstance(value, (Wide, Uniform)) else array


def known_shape(value) -> tuple[int, ...]:
    """The shape that a program knows."""
    if not is_wide(value):
        return jnp.shape(value)
    return tuple(length if w is None else w.size for w, length in zip(value.windows, value.data.shape, strict=True))


def around(data: Array, axis: int, size: int, before: int, after: int) -> Array:
    """An array of a whole ring with so many nodes more at either end."""
    if not before and not after:
        return data
    low = jax.lax.slice_in_dim(data, size - before, size, axis=axis)
    high = jax.lax.slice_in_dim(data, 0, after, axis=axis)
    return jnp.concatenate([low, data, high], axis=axis)


def cut(value: Wide, ends: Sequence[tuple[int, int] | None]) -> Array:
    """The nodes of the windows and so many more at either end of each."""
    starts, stops = [], []
    for window, end, length in zip(value.windows, ends, value.data.shape, strict=True):
        if window is None or end is None:
            starts.append(0)
            stops.append(length)
            continue
        before, after = window.ends(length)
        if before < end[0] or after < end[1]:
            raise Unfit
        starts.append(before - end[0])
        stops.append(length - after + end[1])
    return jax.lax.slice(value.data, starts, stops)


def _aligned(operands: Sequence, shape: tuple[int, ...], but: int | None = None) -> tuple[list, tuple]:
    """Arrays of one shape, each with as much of a margin as all have, and their windows; axis `but` stays as it is."""
    wide = [value for value in operands if is_wide(value)]
    if any(w and w.size != size for v in wide for w, size in zip(v.windows, shape, strict=True)):
        raise Unfit  # one node of a ring for all
    windows, ends = [], []
    for axis in range(len(shape)):
        here = [(v.windows[axis], v.data.shape[axis]) for v in wide if v.windows[axis] is not None and axis != but]
        if not here:
            windows.append(None)
            ends.append(None)
            continue
        before, after = (min(w.ends(length)[i] for w, length in here) for i in (0, 1))
        if before < 0 or after < 0 or len({w.ring for w, _ in here}) > 1:
            raise Unfit
        ends.append((before, after))
        windows.append(Window(here[0][0].ring, 0, shape[axis], -before))

    def align(value):
        if isinstance(value, Uniform):
            value = value.number
        if not is_wide(value):
            if not jnp.ndim(value):
                return value
            value = Wide(value, (None,) * jnp.ndim(value))
        data = cut(value, ends)
        for axis, (window, end) in enumerate(zip(value.windows, ends, strict=True)):
            if end is not None and window is None and data.shape[axis] != 1:
                if shape[axis] != windows[axis].ring or max(end) > shape[axis]:
                    raise Unfit
                data = around(data, axis, shape[axis], *end)
        return data

    return [align(value) for value in operands], tuple(windows)


def _nodewise(equation, operands: list, shape: tuple[int, ...]):
    arrays, windows = _aligned(operands, shape)
    return Wide(equation.primitive.bind(*jnp.broadcast_arrays(*arrays), **equation.params), windows)


def _slice(equation, operands: list, shape: tuple[int, ...]) -> Wide:
    (value,), params = operands, equation.params
    if params["strides"] is not None and set(params["strides"]) != {1}:
        raise Unfit
    starts, stops = [0] * len(shape), list(value.data.shape)
    windows = list(value.windows)
    for axis, window in enumerate(value.windows):
        start, stop = params["start_indices"][axis], params["limit_indices"][axis]
        if window is None:
            starts[axis], stops[axis] = start, stop
        else:
            windows[axis] = window._replace(first=window.first + start, size=stop - start)
    if starts == [0] * len(shape) and stops == list(value.data.shape):
        return Wide(value.data, tuple(windows))
    return Wide(jax.lax.slice(value.data, starts, stops), tuple(windows))


def _concatenate(equation, operands: list, shape: tuple[int, ...]) -> Wide:
    axis = equation.params["dimension"]
    if any(is_wide(value) and value.windows[axis] is not None for value in operands):
        return _joined(operands, axis, shape[axis])
    if any(isinstance(value, Uniform) for value in operands):
        raise Unfit
    arrays, windows = _aligned(operands, shape, but=axis)
    return Wide(jnp.concatenate(arrays, axis), windows)


def _stack(equation, operands: list, shape: tuple[int, ...]) -> Wide:
    axis = equation.params["axis"]
    arrays, windows = _aligned(operands, (*shape[:axis], *shape[axis + 1 :]))
    return Wide(jnp.stack(jnp.broadcast_arrays(*arrays), axis), (*windows[:axis], None, *windows[axis:]))


def _joined(operands: list, axis: int, size: int) -> Wide:
    """Windows of one array that follow each other around its ring are one window."""
    first = operands[0]
    if not all(is_wide(value) and value.data is first.data for value in operands):
        raise Unfit
    for left, right in zip(operands, operands[1:], strict=False):
        others = [w for i, w in enumerate(right.windows) if i != axis]
        a, b = left.windows[axis], right.windows[axis]
        if others != [w for i, w in enumerate(first.windows) if i != axis] or (b.first - a.first - a.size) % a.ring:
            raise Unfit
    window, length = first.windows[axis], first.data.shape[axis]
    turns = [window._replace(first=window.first + k * window.ring, size=size) for k in (-1, 0, 1)]
    best = max(turns, key=lambda w: min(w.ends(length)))
    if min(best.ends(length)) < 0:
        raise Unfit
    return Wide(first.data, tuple(best if i == axis else w for i, w in enumerate(first.windows)))


def _broadcast(equation, operands: list, shape: tuple[int, ...]) -> Wide:
    value, places = operands[0], equation.params["broadcast_dimensions"]
    sizes, windows = list(shape), [None] * len(shape)
    for axis, place in enumerate(places):
        windows[place] = value.windows[axis]
        if value.windows[axis] is not None:
            if value.windows[axis].size != shape[place]:
                raise Unfit
            sizes[place] = value.data.shape[axis]
    return Wide(jax.lax.broadcast_in_dim(value.data, sizes, places), tuple(windows))


def _reshape(equation, operands: list, shape: tuple[int, ...]) -> Wide:
    """Axes of length one that come or go."""
    (value,) = operands
    kept = [axis for axis, size in enumerate(known_shape(value)) if size != 1]
    places = [axis for axis, size in enumerate(shape) if size != 1]
    if [known_shape(value)[axis] for axis in kept] != [shape[place] for place in places]:
        raise Unfit
    if any(w is not None and w.size == 1 for w in value.windows):
        raise Unfit
    sizes, windows = [1] * len(shape), [None] * len(shape)
    for axis, place in zip(kept, places, strict=True):
        sizes[place], windows[place] = value.data.shape[axis], value.windows[axis]
    return Wide(value.data.reshape(sizes), tuple(windows))


def _transpose(equation, operands: list, shape: tuple[int, ...]) -> Wide:
    (value,), order = operands, equation.params["permutation"]
    return Wide(jnp.transpose(value.data, order), tuple(value.windows[axis] for axis in order))


def _squeeze(equation, operands: list, shape: tuple[int, ...]) -> Wide:
    (value,), gone = operands, equation.params["dimensions"]
    if any(value.windows[axis] is not None for axis in gone):
        raise Unfit
    windows = tuple(window for axis, window in enumerate(value.windows) if axis not in gone)
    return Wide(jax.lax.squeeze(value.data, gone), windows)


def _reduced(equation, operands: list, shape: tuple[int, ...]) -> Wide:
    """Sums and the like over axes that lie on no ring."""
    (value,), gone = operands, equation.params["axes"]
    if any(value.windows[axis] is not None for axis in gone):
        raise Unfit
    windows = tuple(window for axis, window in enumerate(value.windows) if axis not in gone)
    return Wide(equation.primitive.bind(value.data, **equation.params), windows)


def applied(equation, operands: list):
    """The result of an operation, at least one of its operands wide."""
    name, shape = equation.primitive.name, equation.outvars[0].aval.shape
    if name in NODEWISE:
        return _nodewise(equation, operands, shape)
    if name in RULES:
        return RULES[name](equation, operands, shape)
    raise Unfit


RULES = {
    "slice": _slice,
    "concatenate": _concatenate,
    "stack": _stack,
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "transpose": _transpose,
    "squeeze": _squeeze,
    "reduce_sum": _reduced,
    "reduce_max": _reduced,
    "reduce_min": _reduced,
}
NODEWISE = set(
    """abs acos acosh add and asin asinh atan atan2 atanh cbrt ceil clamp complex conj convert_element_type copy cos
    cosh div eq erf erf_inv erfc exp exp2 expm1 floor ge gt imag integer_pow is_finite le lgamma log log1p logistic lt
    max min mul ne neg nextafter not or pow real rem round rsqrt select_n sign sin sinh sqrt square stop_gradient sub
    tan tanh xor""".split()
)
