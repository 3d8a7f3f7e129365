"""Real trajectories two by two: the real and the imaginary part of one complex field, and half as many transforms.

What is linear with real coefficients treats the two parts alike, so it acts on the coefficients of `u + i v` as they
are; only products have to look at the parts. Transforms of real numbers cost nearly as much as complex ones of the same
length, so two trajectories move at little more than the price of one.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..._core.errors import PrecisionError, UnsupportedError
from ..._core.precision import real_dtype
from ...equations.base import SemilinearEquation
from ...fields import Field, Fourier, is_field
from ...fields.sampling import over_nodes
from ...geometry import Grid
from ...operators import energy_spectrum, inner, integral

MOST_UNEQUAL = 8.0


class Pairs(Fourier):
    """Fields `u + i v` of two real functions, `coef` holding all coefficients of the sum."""

    def is_half(self, coefficients: Array) -> bool:
        return False

    def field(self, source: Callable | Array, dtype=None) -> Field:
        alone = Fourier(self.grid, self.dealias).field(source, dtype)
        return joined(alone, alone)

    def pointwise(self, function: Callable, *fields: Field) -> Field:
        arrays = [field.to("grid").data for field in fields]
        first = over_nodes(function, self.dim, *(a.real for a in arrays))
        second = over_nodes(function, self.dim, *(a.imag for a in arrays))
        return Field(_complex(first, second), self, "grid")

    def constant(self, field: Field, value: Array) -> Field:
        return super().constant(field, _complex(value, value))

    def values(self, field: Field) -> Array:
        raise _unpaired("values")

    def evaluate(self, field: Field, points: Array) -> Array:
        raise _unpaired("values at points")

    def compatible(self, other) -> bool:
        return isinstance(other, Pairs) and (self.grid, self.dealias) == (other.grid, other.dealias)


@integral.register(Pairs)
@energy_spectrum.register(Pairs)
@inner.register(Pairs)
def _(*fields: Field):
    raise _unpaired("integrals")


def _unpaired(what: str) -> UnsupportedError:
    return UnsupportedError(f"a pair of trajectories has no {what}: run the ensemble with paired=False.")


def _complex(first: Array, second: Array) -> Array:
    if jnp.iscomplexobj(first):
        raise PrecisionError("a pair of trajectories holds real functions: run the ensemble with paired=False.")
    return jax.lax.complex(first, second)


def joined(u: Field, v: Field) -> Field:
    """The pair of two real fields."""
    return Field(
        jnp.fft.fftn(_complex(u.values, v.values), axes=_axes(u)), Pairs(u.space.grid, u.space.dealias), "coef"
    )


def parted(pair: Field) -> tuple[Field, Field]:
    """The two real fields of a pair."""
    values = jnp.fft.ifftn(pair.to("coef").data, axes=_axes(pair))
    space = Fourier(pair.space.grid, pair.space.dealias)
    return tuple(Field(jnp.fft.rfftn(part, axes=_axes(pair)), space, "coef") for part in (values.real, values.imag))


def _axes(u: Field) -> tuple[int, ...]:
    return tuple(range(-u.space.dim, 0))


def _fields(tree: PyTree) -> list[Field]:
    return jax.tree.leaves(tree, is_leaf=is_field)


def over_fields(function: Callable, *trees: PyTree) -> PyTree:
    """`function` of each field of a state."""
    return jax.tree.map(function, *trees, is_leaf=is_field)


@eqx.filter_jit
def pair_up(states: PyTree) -> PyTree:
    """Rows `2 i` and `2 i + 1` of an ensemble as pairs; a last one alone is its own partner."""

    def both(u):
        data = jnp.concatenate([u.data, u.data[-1:]]) if len(u.data) % 2 else u.data
        return joined(u.replace(data[::2]), u.replace(data[1::2]))

    return over_fields(both, states)


@eqx.filter_jit
def part(pairs: PyTree, count: int) -> PyTree:
    """The `count` rows that `pair_up` made pairs of."""

    def rows(pair):
        u, v = parted(pair)
        return u.replace(jnp.stack([u.data, v.data], axis=1).reshape(-1, *u.data.shape[1:])[:count])

    return over_fields(rows, pairs)


@eqx.filter_jit
def are_alike(states: PyTree) -> Array:
    """Whether all is finite, and neither partner so much larger than the other that rounding errors of the larger one
    matter to the smaller.
    """

    def size(u):
        power = jnp.abs(u.data.reshape(len(u.data), -1))
        power = jnp.concatenate([power, power[-1:]]) if len(power) % 2 else power
        return jnp.sqrt(jnp.sum(power * power, axis=1)).reshape(-1, 2)

    sizes = jnp.stack([size(u) for u in _fields(states)])
    return jnp.all(jnp.isfinite(sizes)) & jnp.all(jnp.max(sizes, axis=-1) <= MOST_UNEQUAL * jnp.min(sizes, axis=-1))


ASKED: dict = {}
MOST_ASKED = 256


def takes_pairs(equation: Callable, state: PyTree, args: Any = None) -> bool:
    """Whether a law moves a pair as it moves the two real states by themselves, asked once for each kind of law.

    A law may look at more than values at points, at integrals for instance, or hold a field that has no partner.
    """
    dynamic, static = eqx.partition((equation, state, args), eqx.is_array)
    leaves, structure = jax.tree.flatten(dynamic)
    kinds = tuple((leaf.shape, leaf.dtype, leaf.weak_type) for leaf in leaves)
    constants, layout = jax.tree.flatten(static)
    key = (structure, kinds, tuple(constants), layout)
    try:
        known = ASKED.get(key)
    except TypeError:
        return _tried(equation, state, args)
    if known is None:
        if len(ASKED) >= MOST_ASKED:
            ASKED.clear()
        known = ASKED[key] = _tried(equation, state, args)
    return known


def _tried(equation: Callable, state: PyTree, args: Any) -> bool:
    """The law on a small grid, with arbitrary coefficients and states, on a pair and on its parts."""
    if not all(is_field(u) and type(u.space) is Fourier and u.space.is_half(u.to("coef").data) for u in _fields(state)):
        return False
    draw = np.random.default_rng(0)

    def arbitrary(leaf):
        return jnp.asarray(draw.uniform(0.5, 1.5, leaf.shape), leaf.dtype) if eqx.is_inexact_array(leaf) else leaf

    def small(u):
        grid = u.space.grid
        space = Fourier(Grid(grid.box, tuple(min(n, 8) for n in grid.shape)), u.space.dealias)
        values = draw.uniform(0.5, 1.5, (*u.shape, *space.grid.shape))
        return space.field(jnp.asarray(values, real_dtype(u.dtype)))

    first, second = (over_fields(small, state) for _ in range(2))
    try:
        return bool(_agree(*jax.tree.map(arbitrary, (equation, args)), first, second))
    except Exception:
        return False


@eqx.filter_jit
def _agree(equation: Callable, args: Any, first: PyTree, second: PyTree) -> Array:
    """Whether the law, and each of its two parts, gives a pair the rates that it gives the two states."""
    pieces = [lambda u: equation(0.3, u, args)]
    if isinstance(equation, SemilinearEquation):
        pieces += [equation.linear, lambda u: equation.nonlinear(0.3, u, args)]
    checks = []
    for piece in pieces:
        rates = (_fields(piece(u)) for u in (first, second, over_fields(joined, first, second)))
        for u, v, both in zip(*rates, strict=True):
            checks += [_close(*case) for case in zip((u, v), parted(both), strict=True)]
    return jnp.all(jnp.stack(checks))


def _close(wanted: Field, found: Field) -> Array:
    a, b = wanted.to("coef").values, found.values
    return jnp.all(jnp.abs(a - b) <= 1e-4 * jnp.max(jnp.abs(a)) + 1e-6)
