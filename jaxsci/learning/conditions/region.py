"""Conditions on a region that is no box: values built in with smooth distances, other laws in the loss.

With windows `w_i` that vanish on the wall i only, the trial function is `g + w_1 ... w_n N`, and the value
`g = sum_i g_i v_i / sum_i v_i` with `v_i` the product of all windows but the i-th, which has every wall's own value.

Reference: Rvachev, Sheiko, Shapiro & Tsukanov, Transfinite interpolation over implicitly defined sets, CAGD 18 (2001);
Sukumar & Srivastava, CMAME 389 (2022) 114333.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...geometry import BoundaryLaw, Free, Periodic, Region
from ..problems.problem import Term
from ..residuals.local import complex_parts
from ..residuals.residual import Shape
from ..residuals.taylor import derivatives
from ..sampling.inside import inside, on_walls
from .built_in import Conditions, first_value, is_value, missed, wall_value
from .soft import start_terms

WALL_POINTS = {False: 512, True: 1024}


class Piece(eqx.Module):
    """A factor of the region, the laws on its wall (one per unknown part), and the size of its window."""

    region: Region
    laws: tuple[BoundaryLaw, ...]
    size: Array


class RegionConditions(Conditions):
    """Conditions on a region: `pieces` are those whose values are built in.

    Args:
        region: The region.
        pieces: For each unknown part, the factors of the region whose value is built in.
        single: For each unknown part, whether these share one law.
    """

    region: Any = None
    pieces: tuple[tuple[Piece, ...], ...] = ()
    single: tuple[bool, ...] = eqx.field(static=True, default=())

    def _window(self, part, x):
        total = jnp.ones((), x.dtype)
        for piece in self.pieces[part]:
            total = total * _window(piece, x)
        return total

    def _lift(self, part, x):
        kind, pieces = self.shape.unknowns[part], self.pieces[part]
        if not pieces:
            return jnp.zeros(kind.shape, kind.dtype)
        values = [wall_value(piece.laws[part], x, kind) for piece in pieces]
        if self.single[part]:
            return values[0]
        windows = [_window(piece, x) for piece in pieces]
        shares = []
        for i in range(len(pieces)):
            share = jnp.ones((), x.dtype)
            for j, window in enumerate(windows):
                share = share if i == j else share * window
            shares.append(share)
        whole = sum(shares)
        return sum((share / whole).astype(kind.dtype) * value for share, value in zip(shares, values, strict=True))


def _window(piece: Piece, x: Array) -> Array:
    return piece.region.window(x) / piece.size.astype(x.dtype)


def laws_on(region: Region, boundary: Any, shape: Shape) -> list[tuple[Region, tuple[BoundaryLaw, ...]]]:
    """The walls of a region, and the law of each unknown part there.

    Raises:
        ValueError: If a wall has no law, or a law names no wall.
        TypeError: If something is no boundary law, or is periodic.
    """
    count = len(shape.unknowns)
    parts = isinstance(boundary, tuple) and len(boundary) == len(shape.parts)
    given = boundary[:count] if parts else (boundary,) * count
    walls = region.walls()
    columns = [_laws(region, walls, Free() if one is None else one) for one in given]
    return [(wall, tuple(column[i] for column in columns)) for i, wall in enumerate(walls)]


def _laws(region: Region, walls: tuple[Region, ...], boundary: Any) -> list[BoundaryLaw]:
    laws = boundary if isinstance(boundary, Mapping) else {"": boundary}
    for law in laws.values():
        if not isinstance(law, BoundaryLaw) or isinstance(law, Periodic):
            raise TypeError(
                f"boundary holds {law!r}: a region takes Dirichlet(value), Neumann(value) or Robin(weight, "
                f"flux_weight, value), for all of its wall or one per name of {', '.join(region.names)}."
            )
    if not isinstance(boundary, Mapping):
        return [boundary] * len(walls)
    unknown = [name for name in laws if name not in region.names]
    if unknown:
        raise ValueError(
            f"boundary names the unknown wall {unknown[0]!r}: the walls here are {', '.join(region.names)}."
        )
    found = []
    for wall in walls:
        own = [name for name in wall.names if name in laws]
        if not own:
            raise ValueError(
                f"boundary has no law for the wall {wall.names[0]!r}: add one, for example "
                f'{{"{wall.names[0]}": Neumann(0.0)}}.'
            )
        found.append(laws[own[0]])
    return found


def region_conditions(
    region: Region, boundary: Any, shape: Shape, start: Any, times: Any, dtype
) -> tuple[RegionConditions, list]:
    """Conditions with all values built in that can be, and the walls with their laws.

    A value is built in on smooth walls and convex corners. It joins the loss where walls with different values meet,
    and on walls with reentrant corners: a function that vanishes there behaves as the distance to the corner, which the
    network would have to undo (an L with 400 random features: error 1e-2 if built in, 1e-10 in the loss).
    """
    laws = laws_on(region, boundary, shape)
    bare = tuple(((Free(), Free()),) * shape.box.dim for _ in shape.unknowns)
    samples = inside(256, region, np.zeros((0, 2)), dtype=dtype, key=jax.random.key(0))
    chosen, at = [[] for _ in shape.unknowns], 0
    for factor in region.factors():
        own = laws[at : at + len(factor.walls())]
        at += len(own)
        size = jnp.max(jnp.abs(jax.vmap(factor.window)(samples)))
        for part in range(len(shape.unknowns)):
            kinds = [pair[1][part] for pair in own]
            if len(own) == 1 and is_value(kinds[0]):
                chosen[part].append(Piece(factor, own[0][1], size))
    pieces = tuple(tuple(_apart(own, part, region, dtype)) for part, own in enumerate(chosen))
    single = tuple(_share(own, part) for part, own in enumerate(pieces))
    embedded = (False,) * shape.box.dim
    return RegionConditions(
        shape, bare, start, times, embedded, shape.timed, region=region, pieces=pieces, single=single
    ), laws


def _share(pieces: Any, part: int) -> bool:
    return all(alike(piece.laws[part], pieces[0].laws[part]) for piece in pieces)


def _apart(pieces: list[Piece], part: int, region: Region, dtype) -> list[Piece]:
    """The pieces whose walls meet no other with another value."""
    if _share(pieces, part):
        return pieces
    meeting = set()
    for i, piece in enumerate(pieces):
        sampled = on_walls(
            256, region, list(piece.region.walls()), np.zeros((0, 2)), dtype=dtype, key=jax.random.key(i)
        )
        x = jnp.concatenate(sampled)
        for j, other in enumerate(pieces):
            least = float(jnp.min(jax.vmap(other.region.window)(x)) / other.size)
            if not alike(other.laws[part], piece.laws[part]) and least < 0.02:
                meeting |= {i, j}
    return [piece for i, piece in enumerate(pieces) if i not in meeting]


def region_start_mismatch(conditions: RegionConditions, dtype) -> float:
    """By how much the start misses the values at the walls, at most."""
    shape, worst = conditions.shape, 0.0
    if conditions.start is None:
        return worst
    for part, pieces in enumerate(conditions.pieces):
        for piece in () if shape.algebraic[part] else pieces:
            walls = list(piece.region.walls())
            sampled = on_walls(64, conditions.region, walls, np.zeros((0, 2)), dtype=dtype, key=jax.random.key(1))
            x = jnp.concatenate(sampled)

            def gap(y, part=part, piece=piece):
                kind, begin = shape.unknowns[part], conditions.begin(y, dtype)
                value, speed = first_value(piece.laws[part], y, kind, conditions.times)
                own = jnp.max(jnp.abs(begin[part] - value))
                if not shape.twice:
                    return own
                return jnp.maximum(own, jnp.max(jnp.abs(begin[part + len(shape.unknowns)] - speed)))

            worst = max(worst, float(jnp.max(jax.vmap(gap)(x))))
    return worst


def region_terms(conditions, laws, times, gap, weight, dtype, key) -> tuple[list[Term], list[str], list[str]]:
    """Terms for what is not built in on a region, and both kinds in words."""
    shape, region = conditions.shape, conditions.region
    each = jnp.asarray(weight, dtype)

    def first_points():
        x = inside(1024, region, np.zeros((0, 2)), dtype=dtype, key=key)
        return jnp.concatenate([jnp.full((len(x), 1), times[0, 0], dtype), x], axis=1)

    terms, built_in, soft = start_terms(conditions, gap, each, first_points)
    exact = [[wall for piece in pieces for wall in piece.region.walls()] for pieces in conditions.pieces]
    walls = [wall for wall, _ in laws]
    points = None
    for index, (wall, own) in enumerate(laws):
        held = [any(alike(wall, other) for other in exact[part]) for part in range(len(own))]
        name = wall.names[0]
        if any(held) and f"value at {name}" not in built_in:
            built_in.append(f"value at {name}")
        left = tuple(Free() if ok else law for ok, law in zip(held, own, strict=True))
        if all(isinstance(law, Free) for law in left):
            continue
        if points is None:
            points = on_walls(WALL_POINTS[shape.timed], region, walls, times, dtype=dtype, key=key)
        if len(points[index]) == 0:
            continue
        same = sum(len(z) for z, other in zip(points, walls, strict=True) if other.names[0] == name)
        share = each * (len(points[index]) / same)
        terms.append(Term(f"law at {name}", OnWall(shape, left, wall), points[index], share))
        soft.append(f"law at {name}")
    return _merged(terms), built_in, list(dict.fromkeys(soft))


def alike(first: Any, second: Any) -> bool:
    """Whether two regions or two laws are the same, number by number."""
    return first is second or bool(eqx.tree_equal(first, second))


def _merged(terms: list[Term]) -> list[Term]:
    """Names made different where several walls share one."""
    seen: dict[str, int] = {}
    found = []
    for term in terms:
        seen[term.name] = seen.get(term.name, 0) + 1
        number = seen[term.name]
        name = term.name if number == 1 else f"{term.name} ({number})"
        found.append(dataclasses.replace(term, name=name))
    return found


class OnWall(eqx.Module):
    """`weight u + flux_weight du/dn - value` on the wall of a piece, for the parts whose law there is not built in."""

    shape: Shape
    laws: tuple
    wall: Region

    def __call__(self, trial: Callable, z: Array) -> Array:
        shape = self.shape
        none = (0,) * z.size
        x = z[shape.timed :]
        slope = jax.grad(self.wall.distance)(x)
        normal = slope / jnp.sqrt(jnp.sum(slope**2))
        units = [tuple(int(i == axis + shape.timed) for i in range(z.size)) for axis in range(x.size)]
        sloped = any(not is_value(law) and not isinstance(law, Free) for law in self.laws)
        found = derivatives(trial, z, [none, *units] if sloped else [none])
        values = complex_parts(found[none], shape.unknowns)
        slopes = values
        if sloped:
            slopes = complex_parts(sum(n * found[unit] for n, unit in zip(normal, units, strict=True)), shape.unknowns)
        return missed(self.laws, values, slopes, z, shape)
