"""Numbers to draw from fields of any storage."""

import numpy as np

from .._core.errors import ShapeError
from ..fields import Field, Neural
from ..geometry import Grid

FINE = {1: 401, 2: 129, 3: 49}


def drawable(field: Field) -> Field:
    """The field on nodes: a function on a box is sampled finely."""
    if field.space.dim not in FINE:
        raise ShapeError(
            f"a field of {field.space.dim} coordinates cannot be drawn: draw a slice of it, on a grid of at most three."
        )
    if isinstance(field.space, Neural) and not isinstance(field.space.domain, Grid):
        grid = Grid(field.space.domain, (FINE[field.space.dim],) * field.space.dim)
        return Field(field.data, Neural(grid), field.layout)
    return field


def values_of(field: Field) -> np.ndarray:
    """Function values at the nodes, components first."""
    return np.asarray(field.values)


def modulus(values: np.ndarray) -> np.ndarray:
    """Real values as they are, complex ones by their absolute value."""
    return np.abs(values) if np.iscomplexobj(values) else values


def colored(values: np.ndarray, dim: int) -> np.ndarray:
    """What the colour of an image of a field shows: values or their modulus; of a vector its length."""
    if values.ndim > dim:
        return np.sqrt(np.sum(modulus(values) ** 2, axis=tuple(range(values.ndim - dim))))
    return modulus(values)


def modulus_name(name: str, values: np.ndarray) -> str:
    """What `modulus(values)` is called."""
    return f"|{name}|" if np.iscomplexobj(values) else name


def edges(nodes: np.ndarray) -> tuple[float, float]:
    """Ends of an axis whose nodes are the centres of cells."""
    half = (nodes[-1] - nodes[0]) / max(1, len(nodes) - 1) / 2
    return float(nodes[0] - half), float(nodes[-1] + half)
