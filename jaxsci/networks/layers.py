"""Affine layers: a plain one, and one whose weights are factorised."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .base import Network, checked_count, real_type


class Linear(Network):
    """An affine map.

    $$y = W x + b$$

    Starts with Glorot's normal weights, of variance `2 / (in_size + out_size)`, which keep both signals and gradients
    of a tanh layer at the same size, and with `b = 0`. Alone it can only be a linear function.

    Args:
        in_size: Number of inputs.
        out_size: Number of outputs.
        dtype: Precision of the weights; the default one of JAX if left out.
        key: Random key.

    Raises:
        ShapeError: If a size is not a positive whole number, or the input has another shape.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> js.networks.Linear(2, 3, key=jax.random.key(0))(jnp.zeros(2)).tolist()
        [0.0, 0.0, 0.0]

    References:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
    """

    weight: Float[Array, "out_size in_size"]
    bias: Float[Array, " out_size"]
    in_size: int = eqx.field(static=True)
    out_size: int = eqx.field(static=True)

    def __init__(self, in_size: int, out_size: int, *, dtype=None, key):
        self.in_size, self.out_size = checked_count("in_size", in_size), checked_count("out_size", out_size)
        self.weight = glorot(self.in_size, self.out_size, real_type(dtype), key)
        self.bias = jnp.zeros(self.out_size, self.weight.dtype)

    def evaluate(self, x):
        return self.weight @ x + self.bias

    @property
    def matrix(self) -> Float[Array, "out_size in_size"]:
        """`W`."""
        return self.weight


class Factorised(Network):
    """An affine map whose weights are a scale per output times a direction, both trained.

    $$y = \\operatorname{diag}(e^s) V x + b, \\qquad s_i \\sim N(\\mu, \\sigma^2), \\quad
    \\operatorname{diag}(e^s) V = W_0$$

    At the start it is the plain layer `Linear` of the same key. It changes the geometry of the loss, not the functions
    that can be represented: gradient descent then moves each neuron at its own rate. It gains little with
    Gauss-Newton methods, which do not care about such scales, and adds `out_size` weights.

    Args:
        in_size: Number of inputs.
        out_size: Number of outputs.
        mean: Mean `mu` of the logarithm of the scales; 0.5 to 1 are usual.
        deviation: Standard deviation `sigma` of that logarithm.
        dtype: Precision of the weights; the default one of JAX if left out.
        key: Random key.

    Raises:
        ShapeError: If a size is not a positive whole number, or the input has another shape.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> key = jax.random.key(0)
        >>> plain, factorised = js.networks.Linear(2, 3, key=key), js.networks.Factorised(2, 3, key=key)
        >>> bool(jnp.allclose(plain.matrix, factorised.matrix))
        True

    References:
        Wang, Wang, Seidman and Perdikaris, Random weight factorization improves the training of continuous neural
        representations, 2022.
    """

    log_scale: Float[Array, " out_size"]
    direction: Float[Array, "out_size in_size"]
    bias: Float[Array, " out_size"]
    in_size: int = eqx.field(static=True)
    out_size: int = eqx.field(static=True)

    def __init__(self, in_size: int, out_size: int, mean=1.0, deviation=0.1, *, dtype=None, key):
        plain = Linear(in_size, out_size, dtype=dtype, key=key)
        self.in_size, self.out_size = plain.in_size, plain.out_size
        noise = jax.random.normal(jax.random.fold_in(key, 1), (self.out_size,), plain.weight.dtype)
        self.log_scale = mean + deviation * noise
        self.direction = plain.weight / jnp.exp(self.log_scale)[:, None]
        self.bias = plain.bias

    def evaluate(self, x):
        return jnp.exp(self.log_scale) * (self.direction @ x) + self.bias

    @property
    def matrix(self) -> Float[Array, "out_size in_size"]:
        """`diag(e^s) V`."""
        return jnp.exp(self.log_scale)[:, None] * self.direction


def glorot(in_size: int, out_size: int, dtype, key) -> Array:
    """Normal weights of variance `2 / (in_size + out_size)`."""
    return (2.0 / (in_size + out_size)) ** 0.5 * jax.random.normal(key, (out_size, in_size), dtype)
