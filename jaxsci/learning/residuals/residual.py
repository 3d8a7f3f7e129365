"""The residual of a law: what is left of it when a function is put in for its unknown."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..._core.errors import ShapeError, UnsupportedError
from ..._core.precision import complex_dtype
from ...equations.base import is_algebraic
from ...fields import is_field
from ...geometry import Box
from .local import (
    Local,
    Reading,
    Table,
    Unknown,
    complex_parts,
    difference,
    localised,
    num_real,
    real_parts,
)
from .taylor import derivatives


class Shape(eqx.Module):
    """What the unknown of a law looks like: its parts, how they make a state, and the coordinates it depends on.

    `twice` says that the state is a pair `(u, u_t)` of which only `u` is unknown. `potentials` are further unknowns,
    which stand for the inverse Laplacians in the law. `algebraic` says which parts have a condition in place of a rate.
    """

    structure: Any = eqx.field(static=True)
    parts: tuple[jax.ShapeDtypeStruct, ...] = eqx.field(static=True)
    box: Box | None = eqx.field(static=True)
    timed: bool = eqx.field(static=True)
    twice: bool = eqx.field(static=True, default=False)
    potentials: tuple[jax.ShapeDtypeStruct, ...] = eqx.field(static=True, default=())
    algebraic: tuple[bool, ...] = eqx.field(static=True, default=(), kw_only=True)

    @property
    def num_coordinates(self) -> int:
        """Time, if any, and the coordinates of space."""
        return self.timed + (self.box.dim if self.box else 0)

    @property
    def own(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        """The parts of the state that a network must give."""
        return self.parts[: len(self.parts) // 2] if self.twice else self.parts

    @property
    def unknowns(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        """All that a network must give: parts of the state, then potentials."""
        return self.own + self.potentials

    @property
    def begun(self) -> np.ndarray:
        """Which real numbers of the state have a start: those of parts with a rate."""
        flags = self.algebraic[: len(self.own)]
        return np.repeat([not (self.timed and flag) for flag in flags], [num_real((part,)) for part in self.own])

    def of_rates(self, numbers: Array) -> Array:
        """Of the real numbers that a network gives, along the last axis, those of parts of the state with a rate."""
        return numbers[..., np.flatnonzero(self.begun)] if self.potentials or not self.begun.all() else numbers


def shape_of(value: PyTree, box: Box | None, timed: bool, dtype, twice: bool = False) -> Shape:
    """The shape of an unknown from its value at one point, arrays or what `eval_shape` gives for them."""
    leaves, structure = jax.tree.flatten(value)
    real = jnp.dtype(dtype)
    kinds = [complex_dtype(real) if jnp.issubdtype(a.dtype, jnp.complexfloating) else real for a in leaves]
    parts = tuple(jax.ShapeDtypeStruct(a.shape, kind) for a, kind in zip(leaves, kinds, strict=True))
    return Shape(structure, parts, box, timed, twice, algebraic=(False,) * len(parts))


def shape_for(shape: Shape, equation: Callable, args: Any, dtype) -> Shape:
    """The shape with as many potentials as a law asks for, and which of its parts have no rate."""
    table = Table(shape.own)
    z = jnp.zeros(shape.num_coordinates, dtype)
    jax.eval_shape(lambda: Residual(equation, shape, args)._formula(table, z))
    return dataclasses.replace(shape, potentials=tuple(table.parts[len(shape.own) :]), algebraic=tuple(table.algebraic))


def state_at(trial: Callable[[Array], Array], shape: Shape, z: Array) -> PyTree:
    """The state that a trial function gives at one point of time and space."""
    if not shape.twice:
        return shape.structure.unflatten(complex_parts(trial(z), shape.own))
    values, rates = jax.jvp(trial, (z,), (jnp.zeros_like(z).at[0].set(1),))
    return shape.structure.unflatten(complex_parts(values, shape.own) + complex_parts(rates, shape.own))


class Residual(eqx.Module):
    """`u_t - F(t, u)` at one point of space and time, or `F(0, u)` for a law at rest, as a vector of real numbers.

    Each potential of the law adds what its own equation leaves, `lap phi - f`.

    Args:
        equation: The law, as `simulate` takes it.
        shape: What its unknown looks like.
        args: Handed to the law.
    """

    equation: Callable
    shape: Shape
    args: Any = None

    def __call__(self, trial: Callable[[Array], Array], z: Array) -> Array:
        """The residual of a function of `z = (t, x)` that gives the real numbers of the unknown, at one point."""
        shape = self.shape
        table = Table(shape.unknowns)
        jax.eval_shape(lambda: self._formula(table, z))
        found = derivatives(trial, z, table.asked)
        table.found = {index: complex_parts(vector, shape.unknowns) for index, vector in found.items()}
        return self._formula(table, z)

    def _formula(self, table: Table, z: Array) -> Array:
        shape, n = self.shape, len(self.shape.own)
        t, x = (z[0], z[1:]) if shape.timed else (jnp.zeros((), z.dtype), z)
        none = (0,) * shape.num_coordinates
        parts = [Unknown(jnp.zeros((0,), z.dtype), table, i, none) for i in range(n)]
        slopes = [part.along(0) for part in parts] if shape.timed else []
        if shape.twice:
            parts, slopes = parts + slopes, [part.along(0) for part in slopes]
        reading = Reading(table, n, none)
        rates = self._rates(parts, t, reading)
        table.algebraic = [is_algebraic(rate) for rate in rates]
        rates = [_value(reading, rate.left if is_algebraic(rate) else rate, x) for rate in rates]
        also = [_value(reading, left, x) for left in reading.equations]
        if not shape.timed:
            return real_parts([*rates, *also])
        each = list(zip(table.algebraic, rates, strict=True))[n if shape.twice else 0 :]
        pairs = zip(each, slopes, strict=True)
        return real_parts([*(rate if flag else difference(rate, slope(x)) for (flag, rate), slope in pairs), *also])

    def _rates(self, parts: list, t: Array, reading: Reading) -> list:
        shape = self.shape
        if shape.box is None:
            state = shape.structure.unflatten([part(t[None]) for part in parts])
            rates = self.equation(t, state, self.args)
        else:
            space = Local(shape.box, reading)
            state = shape.structure.unflatten([space.field(part) for part in parts])
            equation, args = localised((self.equation, self.args), space)
            try:
                rates = equation(t, state, args)
            except UnsupportedError as error:
                raise UnsupportedError(
                    f"{_name(self.equation)} cannot be the residual of a network: {error} A law that needs the whole "
                    "function at once has no residual at a point."
                ) from error
        leaves = jax.tree.leaves(rates, is_leaf=lambda leaf: is_algebraic(leaf) or hasattr(leaf, "space"))
        if len(leaves) != len(shape.parts):
            raise ShapeError(
                f"{_name(self.equation)} gave {len(leaves)} rates for a state of {len(shape.parts)} parts: pass an "
                "`initial` of the structure that the law takes."
            )
        return leaves


def _value(reading: Reading, rate: Any, x: Array) -> Array:
    """The value at one point of a field that a law returned, or of an array."""
    return reading.value(rate.data, x) if is_field(rate) else jnp.asarray(rate)


def _name(equation: Any) -> str:
    return getattr(equation, "__name__", type(equation).__name__)


class FromState(eqx.Module):
    """A function `solution(t, x)` that gives a state, as one of `z = (t, x)` that gives its real numbers.

    Args:
        solution: The function; of `t` alone for ordinary laws, and with `t = 0` for laws at rest.
        shape: What the state looks like.
        potentials: A function `(t, x)` that gives the potentials of the law; without it they are left out.
    """

    solution: Callable
    shape: Shape
    potentials: Callable | None = None

    def __call__(self, z: Array) -> Array:
        timed, box = self.shape.timed, self.shape.box
        t, x = (z[0], z[1:]) if timed else (jnp.zeros((), z.dtype), z)
        leaves = jax.tree.leaves(self.solution(t, x) if box else self.solution(t))
        leaves = [jnp.asarray(a).astype(part.dtype) for a, part in zip(leaves, self.shape.parts, strict=True)]
        also = [] if self.potentials is None else jax.tree.leaves(self.potentials(t, x))
        return real_parts([*leaves[: len(self.shape.own)], *map(jnp.asarray, also)])


def residual(
    equation: Callable,
    solution: Callable,
    points: Array,
    *,
    domain: Box | None = None,
    args: Any = None,
    potentials: Callable | None = None,
) -> Array:
    r"""What is left of a law when a function is put in for its unknown.

    :math:`u_t - F(t, u)` at points of space and time; zero for a solution. The law is the object that `simulate`
    takes; its derivatives are exact, by Taylor series.

    Args:
        equation: The law.
        solution: A function `u(t, x)` of time and one point with the structure of the state; `u(t)` for ordinary laws.
        points: Points `(..., 1 + dim)`, the time first.
        domain: The box of a law for fields; None for an ordinary law.
        args: Handed to the law.
        potentials: A function `(t, x)` that gives, for each Poisson solve or projection in the law, the function whose
            Laplacian is prescribed there: the stream function of a vorticity, the pressure of a velocity.

    Returns:
        An array `(..., n)` with the n real numbers of the state, then those of the potentials.

    Raises:
        ShapeError: If the points have another width, or the law has another number of potentials.
        UnsupportedError: If the law cannot be read at a point.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> heat, box = js.equations.Heat(1.0), js.Box((0.0, jnp.pi))
        >>> r = residual(heat, lambda t, x: jnp.exp(-t) * jnp.sin(x[0]), jnp.array([[0.5, 1.0]]), domain=box)
        >>> bool(jnp.all(jnp.abs(r) < 1e-6))
        True
    """
    points = jnp.asarray(points)
    width = 1 + (domain.dim if domain else 0)
    if points.shape[-1] != width:
        raise ShapeError(f"points of shape {points.shape} for a residual: the last axis is (t, x), of length {width}.")
    t, x = points.reshape(-1, width)[0, 0], points.reshape(-1, width)[0, 1:]
    value = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, solution(t, x) if domain else solution(t)))
    shape = shape_for(shape_of(value, domain, True, points.dtype), equation, args, points.dtype)
    given = [] if potentials is None else jax.tree.leaves(jax.eval_shape(potentials, t, x))
    if [a.shape for a in given] != [a.shape for a in shape.potentials]:
        raise ShapeError(
            f"{_name(equation)} asks for {len(shape.potentials)} potentials of shapes "
            f"{[a.shape for a in shape.potentials]}, one for each Poisson solve or projection, and {len(given)} were "
            "given: pass potentials=lambda t, x: (...)."
        )
    law, trial = Residual(equation, shape, args), FromState(solution, shape, potentials)
    values = jax.vmap(lambda z: law(trial, z))(points.reshape(-1, width))
    return values.reshape(*points.shape[:-1], -1)


def is_second_order(equation: Callable, shape: Shape, args: Any, dtype) -> bool:
    """Whether the first half of the rates of a law is the second half of the state, as for a pair `(u, u_t)`."""
    n = len(shape.parts) // 2
    if any(shape.algebraic):
        return False
    if [p.shape for p in shape.parts[:n]] != [p.shape for p in shape.parts[n:]]:
        return False
    law, table = Residual(equation, shape, args), Table(shape.parts)
    z = jnp.full(shape.num_coordinates, 0.37, dtype)
    jax.eval_shape(lambda: law._formula(table, z))
    keys = iter(jax.random.split(jax.random.key(0), len(table.asked)))
    numbers = {index: jax.random.normal(next(keys), (num_real(table.parts),), dtype) for index in table.asked}
    table.found = {index: complex_parts(vector, table.parts) for index, vector in numbers.items()}
    none = (0,) * shape.num_coordinates
    parts = [Unknown(jnp.zeros((0,), dtype), table, i, none) for i in range(2 * n)]
    reading = Reading(table, 2 * n, none)
    rates = law._rates(parts, z[0], reading)[:n]
    pairs = zip(rates, parts[n:], strict=True)
    return all(bool(jnp.allclose(_value(reading, rate, z[1:]), part(z[1:]), rtol=1e-6)) for rate, part in pairs)
