"""A vector field that neither explodes nor forgets: its matrix is antisymmetric."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .base import Fixed, Network, as_activation, checked_count, name_of, real_type


class Antisymmetric(Network):
    """The right-hand side of a stable differential equation.

    $$\\dot x = \\sigma\\left((W - W^T - \\gamma I) x + b\\right)$$

    For an increasing activation every eigenvalue of its Jacobian has real part zero at `gamma = 0` and below zero with
    damping, so that neither `x` nor a gradient through time grows fast. `Residual` makes a deep network's layer of it
    (a forward Euler step, stable only with a little damping). It cannot represent motions that grow, and without an
    activation it is a rotation.

    Args:
        size: Number of components of the state.
        damping: The damping `gamma`; it is not trained.
        activation: An increasing function of each number; None for the linear field.
        dtype: Precision of the weights; the default one of JAX if left out.
        key: Random key.

    Raises:
        ShapeError: If the size is not a positive whole number, or the state has another shape.
        ValueError: If the damping is negative.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> field = js.networks.Antisymmetric(4, key=jax.random.key(0))
        >>> bool(jnp.allclose(field.matrix, -field.matrix.T))
        True

    References:
        Chang, Chen, Haber and Chi, AntisymmetricRNN: a dynamical system view on recurrent neural networks, ICLR 2019;
        Haber and Ruthotto, Stable architectures for deep neural networks, Inverse Problems 34, 2018.
    """

    weight: Float[Array, "size size"]
    bias: Float[Array, " size"]
    damping: Fixed
    activation: Any
    in_size: int = eqx.field(static=True)
    out_size: int = eqx.field(static=True)

    def __init__(self, size: int, damping=0.0, activation: Callable | None = jnp.tanh, *, dtype=None, key):
        self.in_size = self.out_size = checked_count("size", size)
        if not isinstance(damping, jax.core.Tracer) and not float(damping) >= 0:
            raise ValueError(f"Antisymmetric got damping={damping}, which makes states grow: take zero or more.")
        dtype = real_type(dtype)
        self.weight = jax.random.normal(key, (size, size), dtype) / (2 * size) ** 0.5
        self.bias = jnp.zeros(size, dtype)
        self.damping = Fixed(jnp.asarray(damping, dtype))
        self.activation = None if activation is None else as_activation(activation)

    @property
    def matrix(self) -> Float[Array, "size size"]:
        """`W - W^T - gamma I`."""
        return self.weight - self.weight.T - self.damping.value * jnp.eye(self.in_size, dtype=self.weight.dtype)

    def evaluate(self, x):
        y = self.matrix @ x + self.bias
        return y if self.activation is None else self.activation(y)

    def explain(self):
        return "linear" if self.activation is None else name_of(getattr(self.activation, "function", self.activation))
