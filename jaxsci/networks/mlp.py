"""Networks of dense layers: the multilayer perceptron, and the one with sines."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .base import Fixed, Network, Size, as_activation, checked_count, checked_size, real_type, shaped, width_of
from .layers import Linear


class MLP(Network):
    """A multilayer perceptron: dense layers with an activation between them.

    $$h_0 = x, \\qquad h_{l+1} = \\sigma(W_l h_l + b_l), \\qquad y = W_d h_d + b_d$$

    Smooth activations (`jnp.tanh`, `jnp.sin`) have all derivatives; `jax.nn.relu` has no second one and fails in every
    second-order equation without a word. Inputs of size about one are assumed: scale the domain first. It learns low
    frequencies long before high ones; use `FourierFeatures`, `SIREN` or `MultiScale` for the others.

    Args:
        in_size: Number of coordinates of a point.
        out_size: Number of values; `"scalar"` for one number without an axis.
        width: Number of neurons of each hidden layer.
        depth: Number of hidden layers.
        activation: A function of each number, or a Module with weights of its own.
        layer: What makes a layer from `(in_size, out_size, *, dtype, key)`: `Linear` or `Factorised`.
        dtype: Precision of the weights; the default one of JAX if left out.
        key: Random key.

    Raises:
        ShapeError: If a size is not a positive whole number, or the input has another shape.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> network = js.networks.MLP(2, "scalar", width=32, depth=1, key=jax.random.key(0))
        >>> network(jnp.array([0.5, 0.5])).shape
        ()
        >>> u = js.Neural(js.Box((0.0, 1.0), (0.0, 1.0))).field(network)
        >>> js.laplacian(u)(jnp.array([[0.5, 0.5], [0.2, 0.1]])).shape
        (2,)

    References:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
    """

    layers: tuple[Any, ...]
    activation: Any
    in_size: int = eqx.field(static=True)
    out_size: Size = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        out_size: Size,
        width: int,
        depth: int,
        activation: Callable = jnp.tanh,
        *,
        layer: Callable = Linear,
        dtype=None,
        key,
    ):
        self.in_size, self.out_size = checked_count("in_size", in_size), checked_size("out_size", out_size)
        width, depth = checked_count("width", width), checked_count("depth", depth)
        sizes = [self.in_size, *[width] * depth, width_of(self.out_size)]
        keys = jax.random.split(key, depth + 1)
        pairs = zip(sizes[:-1], sizes[1:], keys, strict=True)
        self.layers = tuple(layer(m, n, dtype=real_type(dtype), key=k) for m, n, k in pairs)
        self.activation = as_activation(activation)

    def evaluate(self, x):
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return shaped(self.layers[-1](x), self.out_size)

    def explain(self):
        widths = " x ".join(str(layer.out_size) for layer in self.layers[:-1])
        return f"hidden {widths}, {self.activation!r}, {type(self.layers[0]).__name__} layers"


class SIREN(Network):
    """A network of sines, for functions with detail at many scales.

    $$h_{l+1} = \\sin(\\omega_0 (W_l h_l + b_l)), \\qquad y = W_d h_d + b_d$$

    Starts so that what enters each sine has nearly the same variance at every depth, for points of `[-1, 1]^d`: the
    first weights are uniform within `1 / in_size`, later ones within `sqrt(6 / width) / omega0`. That variance is 1 at
    the second sine, then goes by `s -> 1 - exp(-2 s)`, down to 0.797 (the approximation of the paper gives 1). The
    biases of hidden layers are divided by `omega0` too; in the authors' code they are not, and add `omega0^2 / (3
    width)`. Derivatives of order n are of the order of `omega0^n` times the values: with the usual 30 the Laplacian of
    a fresh network is a few hundred times its value, and second-order equations can stall, so take 3 to 10 there.

    Args:
        in_size: Number of coordinates of a point.
        out_size: Number of values; `"scalar"` for one number without an axis.
        width: Number of neurons of each hidden layer.
        depth: Number of hidden layers.
        omega0: Frequency of the sines; it is not trained.
        dtype: Precision of the weights; the default one of JAX if left out.
        key: Random key.

    Raises:
        ShapeError: If a size is not a positive whole number, or the input has another shape.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> js.networks.SIREN(2, 3, width=64, depth=3, omega0=10.0, key=jax.random.key(0))(jnp.zeros(2)).shape
        (3,)

    References:
        Sitzmann, Martel, Bergman, Lindell and Wetzstein, Implicit neural representations with periodic activation
        functions, NeurIPS 2020, section 3.2.
    """

    layers: tuple[Linear, ...]
    omega0: Fixed
    in_size: int = eqx.field(static=True)
    out_size: Size = eqx.field(static=True)

    def __init__(self, in_size: int, out_size: Size, width: int, depth: int, omega0=30.0, *, dtype=None, key):
        plain = MLP(in_size, out_size, width, depth, dtype=dtype, key=key)
        self.in_size, self.out_size = plain.in_size, plain.out_size
        self.omega0 = Fixed(jnp.asarray(omega0, plain.layers[0].weight.dtype))
        keys = jax.random.split(key, depth + 1)
        pairs = zip(range(depth + 1), plain.layers, keys, strict=True)
        self.layers = tuple(_with_uniform_weights(layer, number, self.omega0.array, k) for number, layer, k in pairs)

    def evaluate(self, x: Float[Array, " in_size"]):
        for layer in self.layers[:-1]:
            x = jnp.sin(self.omega0.value * layer(x))
        return shaped(self.layers[-1](x), self.out_size)

    def explain(self):
        widths = " x ".join(str(layer.out_size) for layer in self.layers[:-1])
        return f"hidden {widths}, sines"


def _with_uniform_weights(layer: Linear, number: int, omega0: Array, key) -> Linear:
    n, dtype = layer.in_size, layer.weight.dtype
    key_w, key_b = jax.random.split(key)
    limits = (1.0 / n, n**-0.5) if number == 0 else ((6.0 / n) ** 0.5 / omega0, n**-0.5 / omega0)
    weight = limits[0] * jax.random.uniform(key_w, layer.weight.shape, dtype, -1.0, 1.0)
    bias = limits[1] * jax.random.uniform(key_b, layer.bias.shape, dtype, -1.0, 1.0)
    return eqx.tree_at(lambda whole: (whole.weight, whole.bias), layer, (weight, bias))
