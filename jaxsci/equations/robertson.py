"""Robertson's reaction: a slow, a fast and a very fast step between three substances, the classic of stiff chemistry.

Formula: `dy1/dt = -k1 y1 + k3 y2 y3`, `dy2/dt = k1 y1 - k3 y2 y3 - k2 y2^2`, `dy3/dt = k2 y2^2`.
Solutions: from `(1, 0, 0)` the catalyst `y2` jumps to 3.6e-5 within milliseconds, then everything turns into `y3` over
eleven decades of time; the total stays. Rounding can push `y2` below zero, after which the reaction explodes: keep
absolute tolerances far below 1e-6. Good values: the defaults; at `t = 1e11`: `(2.083340149701255e-8,
8.333360770334713e-14, 0.9999999791665050)`.

Reference: Hairer & Wanner, Solving Ordinary Differential Equations II, section IV.1, equation 1.4.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._core.precision import as_floating
from .base import Equation
from .coefficients import nonnegative
from .states import entries_of


class Robertson(Equation):
    """Autocatalytic reaction of three substances; the state is the array `(y1, y2, y3)` of concentrations.

    $$\\dot y_1 = -k_1 y_1 + k_3 y_2 y_3, \\qquad \\dot y_3 = k_2 y_2^2, \\qquad \\dot y_2 = -\\dot y_1 - \\dot y_3$$

    Args:
        slow: Rate `k1` at which the first substance turns into the second.
        fast: Rate `k2` at which the second turns into the third.
        back: Rate `k3` at which the second, with the third as catalyst, turns back.

    Raises:
        ValueError: If a rate is negative.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import Robertson
        >>> Robertson(slow=0.5)(0.0, jnp.array([1.0, 0.0, 0.0])).tolist()
        [-0.5, 0.5, 0.0]
    """

    slow: Array = eqx.field(converter=as_floating, default=0.04)
    fast: Array = eqx.field(converter=as_floating, default=3e7)
    back: Array = eqx.field(converter=as_floating, default=1e4)
    entries: ClassVar[tuple[str, ...]] = ("y1", "y2", "y3")
    stiff: ClassVar[bool] = True

    def __check_init__(self):
        for name in ("slow", "fast", "back"):
            nonnegative(name, getattr(self, name))

    def __call__(self, t, u: Inexact[Array, "3 *batch"], args: Any = None) -> Inexact[Array, "3 *batch"]:
        y1, y2, y3 = entries_of(self, u)
        first = self.back * y2 * y3 - self.slow * y1
        third = self.fast * y2 * y2
        return jnp.stack([first, -first - third, third])

    def total(self, state: Inexact[Array, "3 *batch"]) -> Inexact[Array, "*batch"]:
        """`y1 + y2 + y3`, constant."""
        return state.sum(axis=0)
