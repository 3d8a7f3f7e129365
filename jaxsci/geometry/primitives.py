"""The regions from which others are made: balls, half spaces, blocks and polygons."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._core.errors import ShapeError
from .._core.precision import as_floating
from .box import Box, axis_name
from .regions import Region, fixed, root, rvachev, vector


class Ball(Region):
    """All points within a distance of a centre: an interval, a disk, a ball, ...

    Args:
        center: The centre.
        radius: The radius.
        name: What boundary laws call its wall.

    Raises:
        ShapeError: If the centre is no single point.
        ValueError: If the radius is not positive.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> disk = js.geometry.Ball((0.0, 0.0), 2.0)
        >>> float(disk.distance(jnp.array([0.0, 3.0]))), disk.bounds
        (1.0, Box([-2, 2] x [-2, 2]))
    """

    center: Float[Array, " dim"] = eqx.field(converter=vector)
    radius: Float[Array, ""] = eqx.field(converter=as_floating)
    name: str = eqx.field(static=True, default="ball")

    def __check_init__(self):
        if self.center.ndim != 1:
            raise ShapeError(
                f"Ball needs a centre of shape (dim,), got {self.center.shape}: write Ball((0.0, 0.0), 1.0)."
            )
        if not isinstance(self.radius, jax.core.Tracer) and not np.all(np.asarray(self.radius) > 0):
            raise ValueError(f"Ball got radius={self.radius}: it must be a positive number.")

    @property
    def dim(self) -> int:
        return self.center.shape[0]

    @property
    def extent(self) -> np.ndarray:
        center, radius = fixed("center", self.center), float(fixed("radius", self.radius))
        return np.stack([center - radius, center + radius], axis=1)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def distance(self, x):
        return root(jnp.sum((x - self.center.astype(x.dtype)) ** 2, axis=-1)) - self.radius.astype(x.dtype)

    def approach(self, x, order=2):
        R = self.radius.astype(x.dtype)
        return (R * R - jnp.sum((x - self.center.astype(x.dtype)) ** 2, axis=-1)) / (2 * R)

    def walls(self):
        return (self,)

    def __repr__(self):
        return f"Ball({_shown(self.center)}, {self.radius})"


class HalfSpace(Region):
    """All points on one side of a plane.

    Args:
        point: A point of the plane.
        normal: The direction that points out of the region, of any length.
        name: What boundary laws call its wall.

    Raises:
        ShapeError: If the point and the normal have different shapes.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> left = js.geometry.HalfSpace((0.0, 0.0), normal=(2.0, 0.0))
        >>> float(left.distance(jnp.array([-3.0, 7.0])))
        -3.0
    """

    point: Float[Array, " dim"] = eqx.field(converter=vector)
    normal: Float[Array, " dim"] = eqx.field(converter=vector)
    name: str = eqx.field(static=True, default="half space")
    others: tuple[str, ...] = eqx.field(static=True, default=())

    def __check_init__(self):
        if self.point.ndim != 1 or self.point.shape != self.normal.shape:
            raise ShapeError(
                f"HalfSpace needs a point and a normal of one shape (dim,), got {self.point.shape} and "
                f"{self.normal.shape}: write HalfSpace((0.0, 0.0), normal=(1.0, 0.0))."
            )

    @property
    def dim(self) -> int:
        return self.point.shape[0]

    @property
    def extent(self) -> np.ndarray:
        point, normal = fixed("point", self.point), fixed("normal", self.normal)
        extent = np.array([[-np.inf, np.inf]] * self.dim)
        (axes,) = np.nonzero(normal)
        if len(axes) == 1:
            extent[axes[0], int(normal[axes[0]] > 0)] = point[axes[0]]
        return extent

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.others)

    def distance(self, x):
        normal = self.normal.astype(x.dtype)
        return jnp.sum((x - self.point.astype(x.dtype)) * normal, axis=-1) / jnp.sqrt(jnp.sum(normal**2))

    def approach(self, x, order=2):
        return -self.distance(x)

    def walls(self):
        return (self,)

    def __repr__(self):
        return f"HalfSpace({_shown(self.point)}, {_shown(self.normal)})"


class Block(Region):
    """A box as a region.

    Args:
        box: The box.
        name: What boundary laws call its walls; the faces are `name x-`, `name x+`, ..., without a name `x-`, `x+`, ...

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> corner = js.geometry.Block(js.Box((0.0, 2.0), (0.0, 2.0))) - js.Box((1.0, 3.0), (1.0, 3.0))
        >>> bool(corner.contains(jnp.array([1.5, 0.5]))), bool(corner.contains(jnp.array([1.5, 1.5])))
        (True, False)
    """

    box: Box = eqx.field(static=True)
    name: str = eqx.field(static=True, default="")

    def __check_init__(self):
        if not isinstance(self.box, Box):
            raise ShapeError(f"Block needs a Box, got {self.box!r}: write Block(Box((0.0, 1.0), (0.0, 1.0))).")

    @property
    def dim(self) -> int:
        return self.box.dim

    @property
    def extent(self) -> np.ndarray:
        return np.array(self.box.intervals)

    def distance(self, x):
        low, high = (jnp.asarray(bound, x.dtype) for bound in np.array(self.box.intervals).T)
        q = jnp.maximum(low - x, x - high)
        return root(jnp.sum(jnp.maximum(q, 0.0) ** 2, axis=-1)) + jnp.minimum(jnp.max(q, axis=-1), 0.0)

    def approach(self, x, order=2):
        found = None
        for axis, (low, high) in enumerate(self.box.intervals):
            slab = (x[..., axis] - low) * (high - x[..., axis]) / (high - low)
            found = slab if found is None else rvachev(found, slab, -1.0, order)
        return found

    def walls(self):
        center, faces = [(low + high) / 2 for low, high in self.box.intervals], []
        for axis, interval in enumerate(self.box.intervals):
            for end, bound in enumerate(interval):
                point, normal = np.array(center), np.zeros(self.dim)
                point[axis], normal[axis] = bound, 2.0 * end - 1.0
                whole = f"{self.name} {axis_name(axis)}".strip()
                faces.append(HalfSpace(point, normal, whole + "-+"[end], (whole, self.name or "block")))
        return tuple(faces)

    def factors(self):
        return self.walls()

    def __repr__(self):
        return repr(self.box)


class Polygon(Region):
    """The inside of a closed line in the plane.

    Args:
        vertices: The corners `(n, 2)`, in order round the polygon, each once; the line must not cross itself.
        name: What boundary laws call its wall.

    Raises:
        ShapeError: If there are fewer than three corners, or they are not in the plane.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> triangle = js.geometry.Polygon([(0.0, 0.0), (4.0, 0.0), (0.0, 3.0)])
        >>> round(float(triangle.distance(jnp.array([1.0, 1.0]))), 6), triangle.bounds
        (-1.0, Box([0, 4] x [0, 3]))
    """

    vertices: Float[Array, "n 2"] = eqx.field(converter=vector)
    name: str = eqx.field(static=True)
    convex: bool = eqx.field(static=True)
    clockwise: bool = eqx.field(static=True)

    def __init__(self, vertices, name: str = "polygon"):
        self.vertices, self.name = vector(vertices), name
        if self.vertices.ndim != 2 or self.vertices.shape[0] < 3 or self.vertices.shape[1] != 2:
            raise ShapeError(
                f"Polygon needs vertices of shape (n, 2) with n >= 3, got {self.vertices.shape}: write for example "
                "Polygon([(0, 0), (1, 0), (0, 1)])."
            )
        corners = fixed("vertices", self.vertices)
        e = np.roll(corners, -1, axis=0) - corners
        turns = e[:, 0] * np.roll(e[:, 1], -1) - e[:, 1] * np.roll(e[:, 0], -1)
        area = np.sum(corners[:, 0] * np.roll(corners[:, 1], -1) - corners[:, 1] * np.roll(corners[:, 0], -1))
        self.clockwise, self.convex = bool(area < 0), bool(np.all(turns >= 0) or np.all(turns <= 0))

    @property
    def dim(self) -> int:
        return 2

    @property
    def extent(self) -> np.ndarray:
        corners = fixed("vertices", self.vertices)
        return np.stack([corners.min(axis=0), corners.max(axis=0)], axis=1)

    def _edges(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """Starts and directions of the edges, `x` less the starts, and the sign: -1 inside."""
        a = self.vertices.astype(x.dtype)
        e = jnp.roll(a, -1, axis=0) - a
        w = x[..., None, :] - a
        above, below = w[..., 1] >= 0, w[..., 1] < e[:, 1]
        left = e[:, 0] * w[..., 1] > e[:, 1] * w[..., 0]
        crossing = (above & below & left) | (~above & ~below & ~left)
        return a, e, w, jnp.where(jnp.sum(crossing, axis=-1) % 2 == 1, -1.0, 1.0).astype(x.dtype)

    def distance(self, x):
        _, e, w, sign = self._edges(x)
        s = jnp.clip(jnp.sum(w * e, axis=-1) / jnp.sum(e * e, axis=-1), 0.0, 1.0)
        return sign * root(jnp.min(jnp.sum((w - s[..., None] * e) ** 2, axis=-1), axis=-1))

    def approach(self, x, order=2):
        r"""Each edge by its line and the disk over it, :math:`\varphi^2 = f^2 + (\sqrt{t^2 + f^4} - t)^2 / 4`, and all
        edges by :math:`1 / \varphi^m = \sum_i 1 / \varphi_i^m`.
        """
        a, e, w, sign = self._edges(x)
        length = jnp.sqrt(jnp.sum(e * e, axis=-1))
        f = (w[..., 0] * e[:, 1] - w[..., 1] * e[:, 0]) / length
        t = (length**2 / 4 - jnp.sum((w - e / 2) ** 2, axis=-1)) / length
        phi = root(f**2 + (root(t**2 + f**4) - t) ** 2 / 4)
        phi = jnp.maximum(phi, 1e-30)
        least = jax.lax.stop_gradient(jnp.min(phi, axis=-1))
        return -sign * least / jnp.sum((least[..., None] / phi) ** order, axis=-1) ** (1.0 / order)

    def walls(self):
        e = jnp.roll(self.vertices, -1, axis=0) - self.vertices
        outward = jnp.stack([e[:, 1], -e[:, 0]], axis=1) * (-1.0 if self.clockwise else 1.0)
        return tuple(HalfSpace(point, normal, self.name) for point, normal in zip(self.vertices, outward, strict=True))

    def factors(self):
        return self.walls() if self.convex and self.vertices.shape[0] <= 8 else (self,)

    def __repr__(self):
        return f"Polygon({self.vertices.shape[0]} corners)"


def _shown(point: Array) -> str:
    return "(" + ", ".join(f"{float(value):g}" for value in point) + ")" if _is_plain(point) else "(...)"


def _is_plain(point) -> bool:
    return isinstance(point, (jax.Array, np.ndarray)) and not isinstance(point, jax.core.Tracer)
