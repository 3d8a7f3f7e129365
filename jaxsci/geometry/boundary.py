"""Laws that hold at a wall. Their values are leaves: a wall temperature can be differentiated, controlled or mapped."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, PyTree

from .._core.precision import as_floating
from .box import axis_name
from .functions import as_function


def as_wall_value(value: Any) -> Any:
    """A number, numbers, or a function of the wall point, as a leaf or a part of a law."""
    if callable(value):
        return as_function(value)
    return _as_numbers(value, "a wall value is a number, one number per component, or a function of the wall point")


def as_weight(weight: Any) -> Any:
    """The weight of a law: a number, or one per component."""
    return _as_numbers(weight, "the weights of a wall law are numbers, or one number per component")


def _as_numbers(value: Any, wanted: str) -> Any:
    value = as_floating(list(value) if isinstance(value, tuple) else value)
    if not hasattr(value, "dtype") and (callable(value) or not isinstance(value, eqx.Module)):
        raise TypeError(f"{wanted}, got {value!r}: write for example Dirichlet(0.0) or Robin(2.0, 1.0, 0.0).")
    return value


def _as_function_in_time(function: Any) -> Any:
    if not callable(function) and not isinstance(function, eqx.Module):
        raise TypeError(f"InTime got {function!r}, which is no function: write InTime(lambda t, x: ...).")
    return as_function(function)


class InTime(eqx.Module):
    """A wall value that changes with time, to be given to a `Dirichlet`, `Neumann` or `Robin` law.

    Simulations and networks ask it at the time of each evaluation. A field keeps the time of its walls in `t`: that of
    the solution where a simulation has made it.

    Args:
        function: The value, `function(t, x)`, with `x` the wall point, shape `(dim,)`. Numbers in it can be
            differentiated by. A new function is compiled anew: what changes often is a leaf of an `equinox.Module`
            with a `__call__`.
        t: What time it is where nobody says: for a field that was just made.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> tide = js.Dirichlet(js.InTime(lambda t, x: jnp.sin(t)))
        >>> space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (32,)), {"x-": tide, "x+": js.Neumann(0.0)})
        >>> end = js.simulate(js.equations.Heat(1.0), space.field(lambda x: 0.0 * x[0]), t1=1.0).final
        >>> round(float(end.space.sides[0][0].value.t), 3)
        1.0
    """

    function: Callable = eqx.field(converter=_as_function_in_time)
    t: Array = eqx.field(converter=as_floating, default=0.0)

    def __call__(self, x: Array) -> Array:
        function = self.function
        for _ in range(self.t.ndim):
            function = jax.vmap(function, in_axes=(0, None))
        return function(self.t, x.astype(self.t.dtype))


def at_time(tree: PyTree, t: Any) -> PyTree:
    """The same laws, spaces or fields, with wall values that change (`InTime`) at another time.

    Args:
        tree: Laws, spaces, fields, or a container of them.
        t: The time, or a function that gives it from the time that a wall has now.
    """

    if t is None or not moves(tree):
        return tree

    def moved(node):
        return InTime(node.function, t(node.t) if callable(t) else t) if _in_time(node) else node

    return jax.tree.map(moved, tree, is_leaf=_in_time)


def moves(tree: PyTree) -> bool:
    """Whether a wall value among laws, spaces or fields changes with time."""
    return any(map(_in_time, jax.tree.leaves(tree, is_leaf=_in_time)))


def _in_time(node: Any) -> bool:
    return isinstance(node, InTime)


class BoundaryLaw(eqx.Module):
    """What holds at one wall: `weight u + flux_weight du/dn = value`, `n` the outward normal.

    Numbers are leaves. A plain function is none: it counts by identity, and programs are compiled anew for another one;
    what changes often is a leaf of an `equinox.Module` with a `__call__`. So is what is traced: a field whose wall
    function closes over traced values moves in a simulation, but does not pass through `jax.jit`.
    """


class Periodic(BoundaryLaw):
    """The axis closes on itself; both of its sides must be periodic."""


class Free(BoundaryLaw):
    """No law: derivatives at the wall are one-sided. What a derived field (a product, a derivative) has."""


class Dirichlet(BoundaryLaw):
    """The value is given: `u = value`.

    Args:
        value: A number, one number per component, or a function of the wall point `x`, shape `(dim,)`,
            or `InTime`.
    """

    value: Any = eqx.field(converter=as_wall_value, default=0.0)

    @property
    def weights(self):
        """`(1, 0)`."""
        return 1.0, 0.0


class Neumann(BoundaryLaw):
    """The outward normal derivative is given: `du/dn = value`.

    Args:
        value: A number, one number per component, or a function of the wall point `x`, shape `(dim,)`,
            or `InTime`.
    """

    value: Any = eqx.field(converter=as_wall_value, default=0.0)

    @property
    def weights(self):
        """`(0, 1)`."""
        return 0.0, 1.0


class Robin(BoundaryLaw):
    """A weighted sum is given: `weight u + flux_weight du/dn = value`, `n` the outward normal.

    Args:
        weight: Factor of the value `u`, a number or one per component; for a cooling wall, the heat transfer
            coefficient.
        flux_weight: Factor of the outward normal derivative, likewise; the conductivity.
        value: A number, one number per component, or a function of the wall point `x`, shape `(dim,)`,
            or `InTime`.
    """

    weight: Any = eqx.field(converter=as_weight)
    flux_weight: Any = eqx.field(converter=as_weight, default=1.0)
    value: Any = eqx.field(converter=as_wall_value, default=0.0)

    def __check_init__(self):
        weights = self.weight, self.flux_weight
        if all(_is_known(weight) and not np.any(np.asarray(weight)) for weight in weights):
            raise ValueError("Robin(0, 0) says nothing about the function: give a weight that is not zero, or Free().")

    @property
    def weights(self):
        """`(weight, flux_weight)`."""
        return self.weight, self.flux_weight


def _is_known(number: Any) -> bool:
    return isinstance(number, (jax.Array, np.ndarray)) and not isinstance(number, jax.core.Tracer)


Sides = tuple[tuple[BoundaryLaw, BoundaryLaw], ...]


def per_side(boundary: BoundaryLaw | Mapping[str, BoundaryLaw], dim: int) -> Sides:
    """Spell a boundary out as one `(low, high)` pair of laws per axis.

    Args:
        boundary: One law for every wall, or a mapping from sides (`"x-"`, `"x+"`, `"y-"`, ...) or whole axes (`"x"`) to
        laws.
        dim: Number of axes.

    Raises:
        ValueError: If a side is unknown or missing, or an axis is periodic on one side only.
        TypeError: If something is not a boundary law.
    """
    if isinstance(boundary, BoundaryLaw):
        return ((boundary, boundary),) * dim
    if isinstance(boundary, tuple) and len(boundary) == dim and all(map(_is_pair, boundary)):
        return _checked(boundary)
    if not isinstance(boundary, Mapping):
        raise TypeError(
            f"boundary={boundary!r} is not a boundary law: write Periodic(), Dirichlet(value), Neumann(value), "
            'Robin(weight, flux_weight, value), or one law per side as {"x-": ..., "x+": ...}.'
        )
    laws = dict(boundary)
    sides = []
    for name in (axis_name(axis) for axis in range(dim)):
        whole = laws.pop(name, None)
        pair = tuple(laws.pop(name + end, whole) for end in "-+")
        missing = [name + end for end, law in zip("-+", pair, strict=True) if law is None]
        if missing:
            raise ValueError(
                f'boundary has no law for side {missing[0]!r}: add one, for example {{"{missing[0]}": Neumann(0.0)}}.'
            )
        sides.append(pair)
    if laws:
        known = ", ".join(axis_name(axis) + end for axis in range(dim) for end in "-+")
        raise ValueError(f"boundary names the unknown side {next(iter(laws))!r}: the sides of this grid are {known}.")
    return _checked(tuple(sides))


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, tuple) and len(pair) == 2


def _checked(sides: Sides) -> Sides:
    for axis, pair in enumerate(sides):
        for law in pair:
            if not isinstance(law, BoundaryLaw):
                raise TypeError(
                    f"boundary of axis {axis_name(axis)} holds {law!r}: write Dirichlet(value), Neumann(value), ..."
                )
        if isinstance(pair[0], Periodic) != isinstance(pair[1], Periodic):
            raise ValueError(f"axis {axis_name(axis)} is periodic on one side only: make both of its sides Periodic().")
    return sides
