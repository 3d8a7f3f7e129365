"""Start and walls: built into the trial function where that can be exact, terms of the loss where it cannot.

On a box, a function that vanishes on the walls times the network, plus a function that has the wall values, obeys
Dirichlet laws whatever the weights are; time times the network, plus the start, obeys the initial condition; a network
of cosines and sines is periodic. What is built in needs no weight, no points and no training.

Reference: Lagaris, Likas & Fotiadis, IEEE Trans. Neural Networks 9 (1998) 987; Sukumar & Srivastava, CMAME 389 (2022).
"""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations, product as grid_of
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..._core.errors import ShapeError
from ...geometry import Box, Dirichlet, Free, Periodic, at_time, per_side
from ...geometry.boundary import Sides, moves
from ...geometry.box import axis_name
from ..residuals.local import num_real, real_parts
from ..residuals.residual import Shape
from .family import bound


class Conditions(eqx.Module):
    """What a trial function obeys by construction, and what is left to the loss.

    Args:
        shape: What the unknown looks like.
        sides: For each part of the unknown, a pair of laws per axis.
        start: The values of all parts of the state at `t0`, a function of one point, or None.
        times: First and last time, or None.
        embedded: Axes that reach the network as a cosine and a sine.
        start_exact: Whether the start is built in.
        family: The box of the parameters of a family, which follow the coordinates; None for one problem.
        normal: Axes whose laws with normal derivatives are built in by a correction.
        even: Axes without slope at both ends, which reach the network as a cosine of half a period.
    """

    shape: Shape
    sides: tuple[Sides, ...]
    start: Any
    times: Any
    embedded: tuple[bool, ...] = eqx.field(static=True)
    start_exact: bool = eqx.field(static=True)
    family: Box | None = eqx.field(static=True, default=None)
    normal: tuple[int, ...] = eqx.field(static=True, default=(), kw_only=True)
    even: tuple[int, ...] = eqx.field(static=True, default=(), kw_only=True)
    at_zero: tuple[bool, ...] = eqx.field(static=True, init=False)

    def __post_init__(self):
        self.at_zero = tuple(all(_is_zero(law) for pair in laws for law in pair) for laws in self.sides)

    @property
    def num_inputs(self) -> int:
        """Numbers that the network takes."""
        return self.shape.num_coordinates + sum(self.embedded) + (self.family.dim if self.family else 0)

    def member(self, p: Array) -> "Conditions":
        """The conditions for one member of a family."""
        one = bound(self, p)
        return Conditions(one.shape, one.sides, one.start, one.times, one.embedded, one.start_exact)

    def encoded(self, z: Array) -> Array:
        """Coordinates as the network sees them: from -1 to 1, periodic ones on a circle."""
        numbers = []
        if self.shape.timed:
            t0, t1 = (bound.astype(z.dtype) for bound in self.times)
            numbers.append(2 * (z[0] - t0) / (t1 - t0) - 1)
        box = self.shape.box
        for axis in range(box.dim if box else 0):
            s = (z[self.shape.timed + axis] - box.lows[axis]) / box.lengths[axis]
            plain = -jnp.cos(jnp.pi * s) if axis in self.even else 2 * s - 1
            numbers += [jnp.cos(2 * jnp.pi * s), jnp.sin(2 * jnp.pi * s)] if self.embedded[axis] else [plain]
        for i in range(self.family.dim if self.family else 0):
            p = z[self.shape.num_coordinates + i]
            numbers.append(2 * (p - self.family.lows[i]) / self.family.lengths[i] - 1)
        return jnp.stack(numbers)

    def applied(self, values: Array, z: Array) -> Array:
        """The trial function at `z`, given what the network says there."""
        shape = self.shape
        if self.family is not None:
            return self.member(z[shape.num_coordinates :]).applied(values, z[: shape.num_coordinates])
        x = z[shape.timed :]
        n = len(shape.own)
        if shape.potentials:
            whole = dataclasses.replace(self, shape=dataclasses.replace(shape, potentials=()))
            own = num_real(shape.own)
            return jnp.concatenate([whole.applied(values[:own], z), values[own:]])
        sizes = [num_real((part,)) for part in shape.unknowns]
        window = jnp.concatenate([jnp.full(size, self._window(i, x)) for i, size in enumerate(sizes)])
        if not self.start_exact:
            return self._lifts(z) + window * values
        start = self.begin(x, z.dtype)
        t0, t1 = (bound.astype(z.dtype) for bound in self.times)
        since = z[0] - t0
        s = since / (t1 - t0)
        begun = real_parts(start[:n]) + self._risen(z, t0)
        if shape.twice:
            return begun + since * real_parts(start[n:]) + s * s * window * values
        begun = begun + s * window * values
        return begun if shape.begun.all() else jnp.where(shape.begun, begun, self._lifts(z) + window * values)

    def _lifts(self, z: Array) -> Array:
        """A function with the wall values of all parts at the time of `z`."""
        now = laws_at(self, self.shape, z)
        return real_parts([now._lift(i, z[self.shape.timed :]) for i in range(len(self.shape.own))])

    def _risen(self, z: Array, t0: Array) -> Array | float:
        """What the walls have risen by since the start, less what they would have risen by at their first speed where
        the state has one; zero where they rest.
        """
        if not moves(self):
            return 0.0

        def lifts(t):
            return self._lifts(jnp.concatenate([t[None], z[1:]]))

        if not self.shape.twice:
            return lifts(z[0]) - lifts(t0)
        first, speed = jax.jvp(lifts, (t0,), (jnp.ones_like(t0),))
        return lifts(z[0]) - first - (z[0] - t0) * speed

    def begin(self, x: Array, dtype) -> list[Array]:
        """The parts of the state at the start."""
        leaves = jax.tree.leaves(self.start(x))
        return [jnp.asarray(a).astype(part.dtype) for a, part in zip(leaves, self.shape.parts, strict=True)]

    def _window(self, part: int, x: Array) -> Array | float:
        """A smooth function that vanishes on the Dirichlet walls of a part, and is about 1 in the middle."""
        total, box = jnp.ones((), x.dtype), self.shape.box
        for axis, laws in enumerate(self.sides[part] if box else ()):
            s = (x[axis] - box.lows[axis]) / box.lengths[axis]
            low, high = (isinstance(law, Dirichlet) for law in laws)
            total = total * (4 * s * (1 - s) if low and high else s if low else 1 - s if high else 1.0)
        return total

    def _lift(self, part: int, x: Array) -> Array:
        """A function with the wall values of a part: the Boolean sum of the interpolations along each axis."""
        kind, box = self.shape.unknowns[part], self.shape.box
        total = jnp.zeros(kind.shape, kind.dtype)
        laws = self.sides[part] if box and not self.at_zero[part] else ()
        axes = [axis for axis, pair in enumerate(laws) if any(map(is_value, pair))]
        for size in range(1, len(axes) + 1):
            for chosen in combinations(axes, size):
                for ends in grid_of(*([end for end in (0, 1) if is_value(laws[a][end])] for a in chosen)):
                    factor, y = jnp.ones((), x.dtype), list(x)
                    for axis, end in zip(chosen, ends, strict=True):
                        s = (x[axis] - box.lows[axis]) / box.lengths[axis]
                        both = all(map(is_value, laws[axis]))
                        factor = factor * ((s if end else 1 - s) if both else 1.0)
                        y[axis] = jnp.asarray(box.intervals[axis][end], x.dtype)
                    value = wall_value(laws[chosen[0]][ends[0]], jnp.stack(y), kind)
                    total = total - (-1) ** size * factor * value
        return total


def laws_at(laws: Any, shape: Shape, z: Array) -> Any:
    """Boundary laws at the time of the point `z`."""
    return at_time(laws, z[0]) if shape.timed else laws


def is_value(law: Any) -> bool:
    """Whether a law gives the value at a wall."""
    return isinstance(law, Dirichlet)


def _is_zero(law: Any) -> bool:
    """Whether a law gives no value at a wall, or plainly zero: in many dimensions the lift has a term per corner."""
    value = getattr(law, "value", None)
    known = not callable(value) and not isinstance(value, jax.core.Tracer)
    return not is_value(law) or (known and not np.any(np.asarray(value)))


def wall_value(law: Any, x: Array, kind: jax.ShapeDtypeStruct) -> Array:
    """The number on the right of a boundary law at a wall point."""
    value = jnp.asarray(_called(law, x) if callable(law.value) else law.value)
    return jnp.broadcast_to(value.astype(kind.dtype), kind.shape)


def first_value(law: Any, x: Array, kind: jax.ShapeDtypeStruct, times: Any) -> tuple[Array, Array]:
    """The value of a law at a wall point at the first time, and how fast it changes there."""
    t0 = times[0].astype(x.dtype)
    return jax.jvp(lambda t: wall_value(at_time(law, t), x, kind), (t0,), (jnp.ones_like(t0),))


def shortfall(law: Any, u: Array, slope: Array, x: Array, kind: jax.ShapeDtypeStruct) -> Array:
    """`weight u + flux_weight du/dn - value`: by how much one part misses its law at a wall point."""
    a, b = (jnp.asarray(number).astype(kind.dtype) for number in law.weights)
    return a * u + b * slope - wall_value(law, x, kind)


def missed(laws: tuple, values: Sequence[Array], slopes: Sequence[Array], z: Array, shape: Shape) -> Array:
    """The shortfalls of all parts that have a law at a wall point, as real numbers; slopes point outward."""
    x = z[shape.timed :]
    each = zip(laws_at(laws, shape, z), values, slopes, shape.unknowns, strict=True)
    return real_parts([shortfall(law, u, du, x, kind) for law, u, du, kind in each if not isinstance(law, Free)])


def _called(law: Any, x: Array) -> Any:
    try:
        inspect.signature(law.value).bind(x)
    except TypeError as error:
        raise ValueError(
            f"{type(law).__name__} got a value with other arguments: it must be a function of the wall point x alone: "
            "write lambda x: ..., or InTime(lambda t, x: ...) for a wall that changes with time."
        ) from error
    except ValueError:
        pass
    return law.value(x)


class Trial(eqx.Module):
    """A network with start and walls built in: a function of `z = (t, x)` that gives the numbers of the unknown.

    It carries the values inside the law that are learned with it.
    """

    network: Callable
    conditions: Conditions
    unknowns: Any = None

    def __call__(self, z: Array) -> Array:
        from .normal import corrected

        def function(z):
            values = jnp.asarray(self.network(self.conditions.encoded(z)))
            return self.conditions.applied(jnp.ravel(values), z)

        for axis in self.conditions.normal:
            function = partial(corrected, function, self.conditions, axis)
        return function(z)


def sides_of(boundary: Any, shape: Shape) -> tuple[Sides, ...]:
    """A pair of laws per axis for each unknown part: from one law, one per side, or one of these per part."""
    if shape.box is None:
        return tuple(() for _ in shape.own)
    if isinstance(boundary, tuple) and len(boundary) == len(shape.parts):
        return tuple(per_side(one, shape.box.dim) for one in boundary[: len(shape.own)])
    return (per_side(Free() if boundary is None else boundary, shape.box.dim),) * len(shape.own)


def check_walls(shape: Shape, sides: tuple[Sides, ...], dtype) -> None:
    """Raise where two walls that meet give different values, or the parts disagree on what is periodic."""
    if shape.box is None:
        return
    for axis in range(shape.box.dim):
        if len({isinstance(laws[axis][0], Periodic) for laws in sides}) > 1:
            raise ValueError(
                f"conflicting conditions: axis {axis_name(axis)} is periodic for one part of the state and has walls "
                "for another; make it Periodic() for all parts, or for none."
            )
    for part, laws in zip(shape.own, sides, strict=True):
        for first, second in combinations(range(shape.box.dim), 2):
            for ends in grid_of((0, 1), (0, 1)):
                here = laws[first][ends[0]], laws[second][ends[1]]
                if all(map(is_value, here)):
                    _check_corner(shape.box, part, (first, second), ends, here, dtype)


def _check_corner(box: Box, part, axes, ends, laws, dtype) -> None:
    x = jnp.asarray([(low + high) / 2 for low, high in box.intervals], dtype)
    for axis, end in zip(axes, ends, strict=True):
        x = x.at[axis].set(box.intervals[axis][end])
    a, b = (np.asarray(wall_value(law, x, part)) for law in laws)
    if np.max(np.abs(a - b)) > 1e-4 * max(1.0, np.max(np.abs(a)), np.max(np.abs(b))):
        names = [axis_name(axis) + "-+"[end] for axis, end in zip(axes, ends, strict=True)]
        raise ValueError(
            f"conflicting conditions: sides {names[0]} and {names[1]} meet at x = {np.asarray(x).tolist()}, where one "
            f"gives {a.tolist()} and the other {b.tolist()}: no smooth function has both. Smooth the values near the "
            "corner, or give one function of the wall point for both sides."
        )


def start_mismatch(conditions: Conditions, dtype) -> float:
    """By how much the start misses the values at the walls, and their speeds, or jumps over its period, at most.

    A jump of the slope counts: the network is smooth there, so a start that is built in would keep its kink forever.
    """
    shape = conditions.shape
    if conditions.start is None or shape.box is None:
        return 0.0
    worst = 0.0
    generator = np.random.default_rng(0)
    lows, lengths = np.array(shape.box.lows), np.array(shape.box.lengths)
    inside = jnp.asarray(lows + lengths * generator.random((16, shape.box.dim)), dtype)
    for part, laws in enumerate(conditions.sides):
        if shape.algebraic[part]:
            continue
        for axis, pair in enumerate(laws):
            low, high = (inside.at[:, axis].set(bound) for bound in shape.box.intervals[axis])

            def values(x, part=part):
                return jax.vmap(lambda y: conditions.begin(y, dtype)[part])(x)

            if isinstance(pair[0], Periodic):
                along = jnp.zeros_like(low).at[:, axis].set(1)
                (first, slope), (last, end_slope) = (jax.jvp(values, (x,), (along,)) for x in (low, high))
                jumps = jnp.abs(first - last), shape.box.lengths[axis] * jnp.abs(slope - end_slope)
                worst = max(worst, *(float(jnp.max(jump)) for jump in jumps))
            for law, x in zip(pair, (low, high), strict=True):
                if is_value(law):
                    kind = shape.unknowns[part]
                    wall, speed = jax.vmap(lambda y, law=law, kind=kind: first_value(law, y, kind, conditions.times))(x)
                    worst = max(worst, float(jnp.max(jnp.abs(values(x) - wall))))
                    if shape.twice:
                        worst = max(worst, float(jnp.max(jnp.abs(values(x, part + len(shape.own)) - speed))))
    return worst


def check_network(
    network: Callable, shape: Shape, periodic: tuple[bool, ...], dtype, num_parameters: int = 0
) -> tuple[bool, ...]:
    """Which periodic axes to embed: all if the network takes that many numbers, none if it takes the coordinates.

    Raises:
        ShapeError: If the network fits neither, or gives another number of values than the unknown has.
    """
    plain, wanted = shape.num_coordinates + num_parameters, num_real(shape.unknowns)
    choices = [periodic, (False,) * len(periodic)] if any(periodic) else [periodic]
    given = None
    for embedded in choices:
        try:
            given = jax.eval_shape(network, jnp.zeros(plain + sum(embedded), dtype))
        except Exception:
            continue
        if given.size == wanted:
            return embedded
    sizes = " or ".join(str(plain + sum(embedded)) for embedded in choices)
    coordinates = ("t, " if shape.timed else "") + ", ".join(
        [axis_name(i) for i in range(shape.box.dim if shape.box else 0)] + [f"p{i}" for i in range(num_parameters)]
    )
    got = "does not take that many" if given is None else f"gave an array of shape {given.shape}"
    raise ShapeError(
        f"the network must take {sizes} numbers (the coordinates {coordinates.rstrip(', ')}; a periodic axis enters as "
        f"a cosine and a sine) and give {wanted} ({given_by(shape)}), but it {got}: write MLP(in_size="
        f"{plain + sum(periodic)}, out_size={wanted if wanted > 1 else chr(34) + 'scalar' + chr(34)}, ...)."
    )


def given_by(shape: Shape) -> str:
    """What a network must give, in words."""
    more = num_real(shape.potentials)
    return "the numbers of the state" + (f", and {more} for the potential or pressure in the law" if more else "")
