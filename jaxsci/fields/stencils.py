"""Finite-difference weights, and the polynomial that continues a function beyond a wall.

Lengths are in units of the spacing `h` and measured from the wall into the domain, so node `i` sits at `s_i = i + 1/2`
and ghost `j` at `-(j + 1/2)`. All weights are computed in float64 when a program is traced.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np


@lru_cache
def weights(nodes: tuple[float, ...], order: int, at: float = 0.0) -> np.ndarray:
    """Weights `w` with `sum_i w_i f(s_i) = f^(order)(at)` for every polynomial of degree below `len(nodes)`.

    References:
        Fornberg, Mathematics of Computation 51 (1988) 699.
    """
    s = np.asarray(nodes, float) - at
    scale = np.max(np.abs(s)) or 1.0
    powers = (s / scale) ** np.arange(len(s))[:, None]
    moments = np.zeros(len(s))
    moments[order] = np.prod(np.arange(1.0, order + 1)) / scale**order
    return np.linalg.solve(powers, moments)


def central(derivative: int, order: int) -> tuple[int, np.ndarray]:
    """Radius and weights of the central stencil of the given derivative and even order of accuracy."""
    radius = (order + derivative - 1) // 2
    w = weights(tuple(float(i) for i in range(-radius, radius + 1)), derivative)
    return radius, np.where(np.abs(w) < 1e-13, 0.0, w)


class Continuation(NamedTuple):
    """Ghost `j` is `nodes[j] . u + lift[j] c`, where `c` makes the wall law hold.

    `value . u + value_lift c` is the function at the wall, `slope . u + slope_lift c` its inward derivative times `h`.
    """

    nodes: np.ndarray
    lift: np.ndarray
    value: np.ndarray
    value_lift: float
    slope: np.ndarray
    slope_lift: float


@lru_cache
def continuation(num_ghosts: int, num_nodes: int) -> Continuation:
    """The polynomial through the first `num_nodes` nodes plus a multiple of the one that vanishes there."""
    s = tuple(i + 0.5 for i in range(num_nodes))
    ghosts = [-(j + 0.5) for j in range(num_ghosts)]
    scale = float(np.prod(s))
    vanishing = np.poly1d(np.poly(s) / scale)
    return Continuation(
        nodes=np.stack([weights(s, 0, ghost) for ghost in ghosts]),
        lift=np.array([vanishing(ghost) for ghost in ghosts]),
        value=weights(s, 0),
        value_lift=float(vanishing(0.0)),
        slope=weights(s, 1) if num_nodes > 1 else np.zeros(1),
        slope_lift=float(vanishing.deriv()(0.0)),
    )
