"""Draws of any shape as columns with names."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from ..._core.errors import ShapeError
from ...inference.coordinates import unknown_leaves


class Columns(NamedTuple):
    """Numbers to draw: one column for each unknown, one row for each draw.

    Args:
        values: The numbers, (draws, unknowns).
        names: What each column is called.
    """

    values: np.ndarray
    names: tuple[str, ...]

    def only(self, names: Iterable[str] | None) -> "Columns":
        """The named columns, in that order; all of them for None.

        Raises:
            ValueError: If there is no such column.
        """
        if names is None:
            return self
        names = (names,) if isinstance(names, str) else tuple(names)
        if missing := [name for name in names if name not in self.names]:
            raise ValueError(f"there is no unknown called {missing[0]!r}: the draws hold {', '.join(self.names)}.")
        return Columns(self.values[:, [self.names.index(name) for name in names]], names)


def columns(draws: Any) -> Columns:
    """Columns of draws of `js.inference.sample`, of an ensemble, or of any PyTree of arrays with draws first.

    Raises:
        ShapeError: If the arrays have different numbers of draws.
    """
    if hasattr(draws, "values") and hasattr(draws, "r_hat"):
        draws = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), draws.values)
    elif hasattr(draws, "members"):
        draws = draws.members
    leaves = [(name, np.asarray(leaf)) for name, leaf in unknown_leaves(draws)]
    lengths = {leaf.shape[:1] for _, leaf in leaves}
    if len(lengths) != 1 or () in lengths:
        shapes = ", ".join(f"{name}: {leaf.shape}" for name, leaf in leaves)
        raise ShapeError(
            f"arrays of draws need one first axis of the same length, and these have shapes {shapes}: pass the result "
            "of js.inference.sample, or arrays of shape (draws, *shape of the unknown)."
        )
    names = [name for unknown, leaf in leaves for name in names_of(unknown, leaf.shape[1:])]
    return Columns(np.concatenate([leaf.reshape(len(leaf), -1) for _, leaf in leaves], axis=1), tuple(names))


def names_of(unknown: str, shape: tuple[int, ...]) -> list[str]:
    """A name for each element of an unknown: `field[3]`."""
    return [unknown + (f"[{','.join(map(str, index))}]" if shape else "") for index in np.ndindex(shape)]


def flat(tree: PyTree) -> np.ndarray:
    """The numbers of one value of the unknowns, in the order of the columns."""
    return np.concatenate([np.ravel(leaf) for _, leaf in unknown_leaves(tree)])
