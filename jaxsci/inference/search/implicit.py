"""How the top of a density moves with the data."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from .derivatives import gradient


def without_derivative(tree: PyTree) -> PyTree:
    """The same numbers, as constants: a search is not differentiated step by step."""
    moving, fixed = eqx.partition(tree, eqx.is_inexact_array)
    return eqx.combine(jax.lax.stop_gradient(moving), fixed)


def is_moving(tree: PyTree) -> bool:
    """Whether a transformation follows some of its numbers."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def moving_top(cost: Callable[[Array], Array], y: Float[Array, " n"], free: Bool[Array, " n"]) -> Float[Array, " n"]:
    r"""The minimum y of a cost c(p, y), with the derivative that the implicit function theorem gives it.

    From :math:`\nabla_y c = 0` follows :math:`dy/dp = -(\nabla_y^2 c)^{-1} \, \partial_p \nabla_y c`, with p all that
    `cost` closes over; unknowns that are not free stay. Values are not changed.
    """
    y = jax.lax.stop_gradient(y)
    slope = gradient(cost, y)

    def solve(linear: Callable, b: Array) -> Array:
        return jnp.linalg.solve(jax.jacobian(linear)(b), b)

    return jax.lax.custom_root(lambda x: jnp.where(free, slope(x), x - y), y, lambda _, guess: guess, solve)
