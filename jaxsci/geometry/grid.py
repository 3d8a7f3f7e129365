"""A uniform grid: a box and the number of nodes along each axis."""

from .._core.precision import whole
from .box import Box, axis_name


class Grid:
    """A box with `shape[i]` nodes along axis `i`.

    A grid counts nodes; the space built on it places them, because a periodic function has no separate end point:
    `Fourier` and periodic finite differences put node `j` at `low + j h`, axes with walls at `low + (j + 1/2) h`, with
    `h = length / shape[i]` in both cases.

    Args:
        box: The domain.
        shape: Number of nodes per axis.

    Raises:
        ValueError: If `shape` does not give one positive number per axis.

    Example:
        >>> import jaxsci as js
        >>> js.Grid(js.Box((0.0, 1.0), (0.0, 2.0)), (64, 128))
        Grid(64 x 128 nodes on [0, 1] x [0, 2])
    """

    def __init__(self, box: Box, shape: tuple[int, ...]):
        if not isinstance(box, Box):
            raise ValueError(
                f"Grid needs a Box as its first argument, got {box!r}: write Grid(Box((0.0, 1.0)), (64,))."
            )
        try:
            numbers = tuple(whole(n) or 0 for n in shape)
        except TypeError:
            numbers = (whole(shape) or 0,)
        if len(numbers) != box.dim or min(numbers) < 1:
            raise ValueError(
                f"Grid got shape {shape!r} for a box with {box.dim} axes: give one positive number of nodes per axis, "
                f"for example {(64,) * box.dim}."
            )
        self.box = box
        self.shape = numbers

    @property
    def dim(self) -> int:
        """Number of axes."""
        return self.box.dim

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance `h` between neighbouring nodes along each axis."""
        return tuple(length / n for length, n in zip(self.box.lengths, self.shape, strict=True))

    @property
    def axis_names(self) -> tuple[str, ...]:
        """Name of each axis."""
        return tuple(axis_name(axis) for axis in range(self.dim))

    def __eq__(self, other):
        return isinstance(other, Grid) and (self.box, self.shape) == (other.box, other.shape)

    def __hash__(self):
        return hash((self.box, self.shape))

    def __repr__(self):
        box = repr(self.box).removeprefix("Box(").removesuffix(")")
        return f"Grid({' x '.join(map(str, self.shape))} nodes on {box})"
