"""A box: the product of one interval per axis."""

import math

import jax

AXIS_NAMES = "xyz"


class Box:
    """An axis-parallel box `[low_1, high_1] x ... x [low_d, high_d]`.

    Bounds are plain numbers, fixed when a program is compiled.

    Args:
        *intervals: One `(low, high)` pair per axis.

    Raises:
        ValueError: If an interval is not a pair of finite numbers with `low < high`.

    Example:
        >>> import jaxsci as js
        >>> js.Box((0.0, 1.0), (0.0, 2.0))
        Box([0, 1] x [0, 2])
    """

    def __init__(self, *intervals: tuple[float, float]):
        if not intervals:
            raise ValueError("Box needs one (low, high) pair per axis, for example Box((0.0, 1.0), (0.0, 2.0)).")
        self.intervals = tuple(_checked(axis, interval) for axis, interval in enumerate(intervals))

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.intervals)

    @property
    def lows(self) -> tuple[float, ...]:
        """Lower bound of each axis."""
        return tuple(low for low, _ in self.intervals)

    @property
    def lengths(self) -> tuple[float, ...]:
        """Length of each axis."""
        return tuple(high - low for low, high in self.intervals)

    @property
    def volume(self) -> float:
        """Product of the lengths."""
        return math.prod(self.lengths)

    def distance(self, x):
        """Signed distance of points `(..., dim)` to the wall, negative inside; `Block` is the box as a region."""
        return self._block().distance(x)

    def _block(self):
        from .primitives import Block

        return Block(self)

    def __or__(self, other):
        return self._block() | other

    def __and__(self, other):
        return self._block() & other

    def __sub__(self, other):
        return self._block() - other

    def __eq__(self, other):
        return isinstance(other, Box) and self.intervals == other.intervals

    def __hash__(self):
        return hash(self.intervals)

    def __repr__(self):
        return f"Box({' x '.join(f'[{low:.6g}, {high:.6g}]' for low, high in self.intervals)})"


def _checked(axis: int, interval) -> tuple[float, float]:
    try:
        low, high = (float(bound) for bound in interval)
    except jax.errors.ConcretizationTypeError:
        raise TypeError(
            f"Box got a traced bound for axis {axis}: bounds are fixed when a program is compiled, so build the box "
            "outside of jit, grad and vmap; to vary a length, write the law in coordinates that are scaled by it."
        ) from None
    except (TypeError, ValueError):
        raise ValueError(
            f"Box got {interval!r} for axis {axis}: each axis is a (low, high) pair, for example Box((0.0, 1.0))."
        ) from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"Box got the interval ({low}, {high}) for axis {axis}: low must be below high, both finite.")
    return low, high


def axis_name(axis: int) -> str:
    """Name of an axis: x, y, z, then x3, x4, ..."""
    return AXIS_NAMES[axis] if axis < len(AXIS_NAMES) else f"x{axis}"
