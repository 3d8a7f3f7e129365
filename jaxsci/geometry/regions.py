"""Regions of space from signed distances, joined by "or", "and" and "without".

Reference: Rvachev & Sheiko, Appl. Mech. Rev. 48 (1995) 151; Sukumar & Srivastava, CMAME 389 (2022) 114333.
"""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._core.errors import ShapeError
from .box import Box, axis_name


class Region(eqx.Module):
    """A set of points: `a | b` is in one or both, `a & b` in both, `a - b` in the first only, `~a` outside.

    Primitives take a `name`, by which boundary laws find their walls; without one they are called by their kind
    ("ball", "polygon", "half space"; the faces of a block are "x-", "x+", "y-", ...). A Box joins in as a Block.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> ring = js.geometry.Ball((0.0, 0.0), 1.0) - js.geometry.Ball((0.0, 0.0), 0.5, name="hole")
        >>> bool(ring.contains(jnp.array([0.7, 0.0]))), bool(ring.contains(jnp.array([0.1, 0.0])))
        (True, False)
        >>> round(float(ring.distance(jnp.array([0.7, 0.0]))), 6)
        -0.2
    """

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Number of coordinates of a point."""

    @property
    @abc.abstractmethod
    def extent(self) -> np.ndarray:
        """One `(low, high)` row per axis that encloses the region; infinite where it has no end."""

    @abc.abstractmethod
    def distance(self, x: Float[Array, "*points dim"]) -> Float[Array, "*points"]:
        """Signed distance to the wall, negative inside.

        Exact for primitives; for a union the least of both (exact outside, too small inside), for an intersection the
        largest (exact where one wall is the nearest, too small in front of a corner).
        """

    @abc.abstractmethod
    def approach(self, x: Float[Array, "*points dim"], order: int = 2) -> Float[Array, "*points"]:
        r"""A smooth stand-in for the distance: zero on the wall, positive inside, inward normal derivative 1.

        Distances have kinks where two walls are equally near, where no Laplacian exists. This is Rvachev's: for "and"
        :math:`a + b - (a^m + b^m)^{1/m}`, for "or" with a plus, m the order; it differs from the distance
        by the order m of it. Smooth everywhere but in corners, where its second derivatives grow as 1/r.

        Args:
            x: Points.
            order: The even number m.
        """

    @abc.abstractmethod
    def walls(self) -> tuple["Region", ...]:
        """The smooth pieces whose walls make up the wall of the region, each with the region on its inside."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names to which the walls of the region answer, the most special first."""
        return tuple(dict.fromkeys(name for wall in self.walls() for name in wall.names))

    def factors(self) -> tuple["Region", ...]:
        """Regions whose intersection this is."""
        return (self,)

    def window(self, x: Float[Array, "*points dim"]) -> Float[Array, "*points"]:
        """Zero on the wall and positive inside as `approach`, without its kink at convex corners and without its slope.

        The product of the parts of an intersection: a smooth function that vanishes on two walls that meet in a corner
        is a multiple of it, and the other factor is smooth.
        """
        parts = self.factors()
        if len(parts) == 1:
            return parts[0].approach(x)
        product = parts[0].window(x)
        for part in parts[1:]:
            product = product * part.window(x)
        return product

    def contains(self, x: Float[Array, "*points dim"]) -> Array:
        """Whether points lie in the region or on its wall."""
        return self.distance(x) <= 0

    @property
    def bounds(self) -> Box:
        """The smallest known box around the region.

        Raises:
            ValueError: If the region is unbounded, or empty.
        """
        extent = self.extent
        if not np.all(np.isfinite(extent)):
            axis = axis_name(int(np.argmin(np.all(np.isfinite(extent), axis=1))))
            raise ValueError(f"{self!r} has no end along {axis}: cut it to size, for example `region & js.Box(...)`.")
        if np.any(extent[:, 0] >= extent[:, 1]):
            raise ValueError(f"{self!r} is empty: the boxes around its parts do not meet. Move or enlarge one of them.")
        return Box(*map(tuple, extent.tolist()))

    @staticmethod
    def of(function: Callable, bounds: Box, name: str = "wall") -> "Region":
        """A region given by its own function of one point.

        Args:
            function: The signed distance, negative inside. Anything smooth will do that is zero on the wall only and
                has slope 1 there; `distance` is as exact as the function.
            bounds: A box around the region.
            name: What boundary laws call its wall.

        Example:
            >>> import jax.numpy as jnp, jaxsci as js
            >>> box = js.Box((-2.0, 2.0), (-1.0, 1.0))
            >>> ellipse = js.geometry.Region.of(lambda x: jnp.hypot(x[0] / 2, x[1]) - 1, box)
            >>> bool(ellipse.contains(jnp.array([1.5, 0.0])))
            True
        """
        if not callable(function) or not isinstance(bounds, Box):
            raise TypeError("Region.of takes a function of one point and a Box around the region, in this order.")
        return Given(function, bounds, name)

    def __or__(self, other):
        return Joined(self, as_region(self, other), "or")

    def __and__(self, other):
        return Joined(self, as_region(self, other), "and")

    def __sub__(self, other):
        return Joined(self, ~as_region(self, other), "and")

    def __ror__(self, other):
        return as_region(self, other) | self

    def __rand__(self, other):
        return as_region(self, other) & self

    def __rsub__(self, other):
        return as_region(self, other) - self

    def __invert__(self):
        return Outside(self)


def as_region(first: Region, other: Any) -> Region:
    """A Box as a Block, a Region as it is, of as many coordinates as the first."""
    from .primitives import Block

    other = Block(other) if isinstance(other, Box) else other
    if not isinstance(other, Region):
        raise TypeError(f"a region was joined with {other!r}: both sides must be a Region or a Box.")
    if other.dim != first.dim:
        raise ShapeError(f"a region of {first.dim} coordinates was joined with one of {other.dim}: {other!r}.")
    return other


class Joined(Region):
    """Two regions in one: their union or their intersection."""

    first: Region
    second: Region
    kind: str = eqx.field(static=True)

    @property
    def dim(self) -> int:
        return self.first.dim

    @property
    def extent(self) -> np.ndarray:
        a, b = self.first.extent, self.second.extent
        low, high = (np.minimum, np.maximum) if self.kind == "or" else (np.maximum, np.minimum)
        return np.stack([low(a[:, 0], b[:, 0]), high(a[:, 1], b[:, 1])], axis=1)

    def distance(self, x):
        least = jnp.minimum if self.kind == "or" else jnp.maximum
        return least(self.first.distance(x), self.second.distance(x))

    def approach(self, x, order=2):
        sign = 1.0 if self.kind == "or" else -1.0
        return rvachev(self.first.approach(x, order), self.second.approach(x, order), sign, order)

    def walls(self):
        return self.first.walls() + self.second.walls()

    def factors(self):
        return self.first.factors() + self.second.factors() if self.kind == "and" else (self,)

    def __repr__(self):
        if isinstance(self.second, Outside) and self.kind == "and":
            return f"({self.first!r} - {self.second.region!r})"
        return f"({self.first!r} {'|' if self.kind == 'or' else '&'} {self.second!r})"


class Outside(Region):
    """All points that are not in a region."""

    region: Region

    @property
    def dim(self) -> int:
        return self.region.dim

    @property
    def extent(self) -> np.ndarray:
        if isinstance(self.region, Outside):
            return self.region.region.extent
        return np.array([[-np.inf, np.inf]] * self.dim)

    @property
    def names(self) -> tuple[str, ...]:
        return self.region.names

    def distance(self, x):
        return -self.region.distance(x)

    def approach(self, x, order=2):
        return -self.region.approach(x, order)

    def walls(self):
        return tuple(self if wall is self.region else Outside(wall) for wall in self.region.walls())

    def factors(self):
        inner = self.region
        if isinstance(inner, Joined) and inner.kind == "or":
            return Outside(inner.first).factors() + Outside(inner.second).factors()
        return inner.region.factors() if isinstance(inner, Outside) else (self,)

    def __invert__(self):
        return self.region

    def __repr__(self):
        return f"~{self.region!r}"


class Given(Region):
    """A region by a function of one point."""

    function: Callable = eqx.field(static=True)
    box: Box = eqx.field(static=True)
    name: str = eqx.field(static=True)

    @property
    def dim(self) -> int:
        return self.box.dim

    @property
    def extent(self) -> np.ndarray:
        return np.array(self.box.intervals)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def distance(self, x):
        mapped = self.function
        for _ in range(x.ndim - 1):
            mapped = jax.vmap(mapped)
        return mapped(x)

    def approach(self, x, order=2):
        return -self.distance(x)

    def walls(self):
        return (self,)

    def __repr__(self):
        return f"Region.of({getattr(self.function, '__name__', 'function')}, {self.box!r})"


def rvachev(a: Array, b: Array, sign: float, order: int) -> Array:
    """`a + b +- (a^m + b^m)^(1/m)`: positive where one (plus) or both (minus) are."""
    return a + b + sign * root(a**order + b**order, order)


def root(s: Array, order: int = 2) -> Array:
    """The root of a number that is not negative, with derivative zero at zero."""
    positive = s > 0
    safe = jnp.where(positive, s, 1.0)
    return jnp.where(positive, jnp.sqrt(safe) if order == 2 else safe ** (1.0 / order), 0.0)


def vector(values: Any) -> Array:
    """A point or a direction as an array of floating-point numbers."""
    values = jnp.asarray(values) if isinstance(values, (jax.Array, np.ndarray)) else jnp.asarray(values, float)
    return values if jnp.issubdtype(values.dtype, jnp.floating) else values.astype(float)


def fixed(name: str, values: Sequence[Any] | Array) -> np.ndarray:
    """The numbers behind an array, which must not be traced."""
    if isinstance(values, jax.core.Tracer):
        raise TypeError(f"the bounds of a region need its {name} as plain numbers: take them outside of jit and grad.")
    return np.asarray(values, float)
