"""PirateNet: a deep residual network that starts as a linear one and grows deep as it learns."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._core.errors import ShapeError
from .base import Network, Size, as_activation, checked_count, checked_point, checked_size, real_type, shaped, width_of
from .embeddings import FourierFeatures
from .layers import Linear


class PirateNet(Network):
    """A gated residual network whose blocks are the identity at the start.

    $$\\Phi = \\gamma(x), \\qquad U = \\sigma(W_1 \\Phi + b_1), \\qquad V = \\sigma(W_2 \\Phi + b_2)$$
    $$f = \\sigma(W_3 h + b_3), \\quad z = f U + (1 - f) V, \\quad g = \\sigma(W_4 z + b_4), \\quad
    z' = g U + (1 - g) V$$
    $$h \\leftarrow \\alpha \\, \\sigma(W_5 z' + b_5) + (1 - \\alpha) h, \\qquad \\alpha = 0 \\text{ at first}$$

    At the start it is a linear read-out of its embedding, which `start_from` fits to data such as the initial
    condition; the depth comes in as each `alpha` grows. It is made for deep networks and gradient descent over 1e4
    steps or more; with three dense layers and two gates a block, a residual of second order costs about ten times that
    of an `MLP` with as many layers as there are blocks, and small problems do not repay that.

    Args:
        in_size: Number of coordinates of a point.
        out_size: Number of values; `"scalar"` for one number without an axis.
        width: Number of neurons; even, unless an embedding is given.
        depth: Number of residual blocks, of three layers each.
        activation: A function of each number, or a Module with weights of its own.
        scale: Standard deviation of the random frequencies of the embedding, in waves per unit of length.
        embedding: A network from the point to `width` numbers in place of random waves.
        layer: What makes a layer from `(in_size, out_size, *, dtype, key)`: `Linear` or `Factorised`.
        dtype: Precision of the weights; the default one of JAX if left out.
        key: Random key.

    Raises:
        ShapeError: If a size is not a positive whole number, the width is odd, or the embedding does not fit.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> network = js.networks.PirateNet(2, "scalar", width=64, depth=3, key=jax.random.key(0))
        >>> network(jnp.zeros(2)).shape
        ()

    References:
        Wang, Li, Chen and Perdikaris, PirateNets: physics-informed deep learning with residual adaptive networks, JMLR
        25, 2024.
    """

    embedding: Any
    gates: tuple[Any, Any]
    blocks: tuple["PirateBlock", ...]
    readout: Linear
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
        scale: float = 1.0,
        embedding: Network | None = None,
        layer: Callable = Linear,
        dtype=None,
        key,
    ):
        self.in_size, self.out_size = checked_count("in_size", in_size), checked_size("out_size", out_size)
        width, depth, dtype = checked_count("width", width), checked_count("depth", depth), real_type(dtype)
        key_e, key_u, key_v, key_r, *keys = jax.random.split(key, depth + 4)
        if embedding is None:
            if width % 2:
                raise ShapeError(
                    f"PirateNet got width={width}, but its embedding has a cosine and a sine per frequency: write "
                    f"width={width + 1}."
                )
            embedding = FourierFeatures(self.in_size, width // 2, scale, dtype=dtype, key=key_e)
        elif (embedding.in_size, embedding.out_size) != (self.in_size, width):
            raise ShapeError(
                f"PirateNet of {self.in_size} coordinates and width {width} needs an embedding {self.in_size} -> "
                f"{width}, got one {embedding.in_size} -> {embedding.out_size}: write width={embedding.out_size} and "
                f"in_size={embedding.in_size}, or put FourierFeatures behind it with Chain."
            )
        self.embedding = embedding
        self.gates = (layer(width, width, dtype=dtype, key=key_u), layer(width, width, dtype=dtype, key=key_v))
        self.blocks = tuple(PirateBlock(width, layer, dtype=dtype, key=k) for k in keys)
        self.readout = Linear(width, width_of(self.out_size), dtype=dtype, key=key_r)
        self.activation = as_activation(activation)

    def evaluate(self, x):
        h = self.embedding(x)
        U, V = (self.activation(gate(h)) for gate in self.gates)
        for block in self.blocks:
            h = block(h, U, V, self.activation)
        return shaped(self.readout(h), self.out_size)

    def start_from(self, points: Float[Array, "points in_size"], values: Float[Array, "points *out"]) -> "PirateNet":
        """The network with the read-out that fits data best while every block is the identity, in the least squares."""
        embedded = jax.vmap(lambda x: self.embedding(checked_point(self, x)))(jnp.asarray(points))
        matrix = jnp.concatenate([embedded, jnp.ones((len(embedded), 1), embedded.dtype)], axis=1)
        expected = (len(matrix),) if self.out_size == "scalar" else (len(matrix), self.out_size)
        values = jnp.asarray(values)
        if values.shape != expected:
            raise ShapeError(f"start_from got values of shape {values.shape} at {len(matrix)} points: give {expected}.")
        solution = jnp.linalg.lstsq(matrix, values.reshape(len(matrix), -1))[0].T
        return eqx.tree_at(
            lambda network: (network.readout.weight, network.readout.bias), self, (solution[:, :-1], solution[:, -1])
        )

    def explain(self):
        return f"{len(self.blocks)} gated blocks of width {self.readout.in_size}, {self.activation!r}"


class PirateBlock(eqx.Module):
    """One residual block: three layers, two gates, and the share `alpha` that they have in the result."""

    layers: tuple[Any, Any, Any]
    alpha: Array

    def __init__(self, width: int, layer: Callable, *, dtype, key):
        self.layers = tuple(layer(width, width, dtype=dtype, key=k) for k in jax.random.split(key, 3))
        self.alpha = jnp.zeros((), dtype)

    def __call__(self, h: Array, U: Array, V: Array, activation: Callable) -> Array:
        first, second, third = self.layers
        f = activation(first(h))
        g = activation(second(f * U + (1.0 - f) * V))
        return self.alpha * activation(third(g * U + (1.0 - g) * V)) + (1.0 - self.alpha) * h
