"""Exponential decay: `du/dt = -k u`, the law of radioactivity, of cooling and of every order test.

Solutions: `u(t) = u(0) exp(-k t)`. Good values: `k = 1`; `k = 1e6` with steps near 1 asks whether a method is stiffly
stable.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .._core.precision import as_floating
from ..fields import is_field
from .base import Equation, Example


class ExponentialDecay(Equation):
    """Exponential decay of every part of a state.

    $$\\dot u = -k u$$

    Args:
        rate: The decay rate `k`; a negative or complex one gives growth or rotation.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxsci.equations import ExponentialDecay
        >>> ExponentialDecay(rate=2.0)(0.0, jnp.array([1.0, 3.0])).tolist()
        [-2.0, -6.0]
    """

    rate: Array = eqx.field(converter=as_floating, default=1.0)

    def __call__(self, t, u: PyTree, args: Any = None) -> PyTree:
        return jax.tree.map(lambda leaf: -(leaf * self.rate), u, is_leaf=is_field)

    @classmethod
    def example(cls) -> Example:
        """Decay of two amounts at rate 1."""
        law = cls()
        return Example(law, lambda t: jnp.exp(-law.rate * t) * jnp.array([1.0, 0.5]))
