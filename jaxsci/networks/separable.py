"""Separable networks: one network per axis, multiplied and summed."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._core.errors import PrecisionError, ShapeError
from .base import Network, Size, checked_count, checked_size, dtype_of, shaped, width_of
from .mlp import MLP


class Separable(Network):
    """A sum of products of functions of one coordinate each.

    $$u(x) = \\sum_{r=1}^R \\prod_{i=1}^d f_r^{(i)}(x_i)$$

    On a tensor grid of `n^d` points the networks see `n d` numbers only (`on_grid`), which is what makes it fast:
    `64^3` points in about 1/150 of the time of an `MLP`. At scattered points it is dearer than one network. Solutions
    that are not short sums of products, such as fronts that are oblique to the axes, need a large rank.

    Args:
        in_size: Number of coordinates of a point.
        out_size: Number of values; `"scalar"` for one number without an axis.
        width: Number of neurons of each hidden layer of each network.
        depth: Number of hidden layers of each network.
        rank: Number `R` of products per value.
        activation: A function of each number, or a Module with weights of its own.
        networks: Networks in place of those: one per axis, from 1 coordinate to `rank` numbers per value.
        dtype: Precision of the weights; the default one of JAX if left out.
        key: Random key.

    Raises:
        ShapeError: If a size is not a positive whole number, or a network of an axis does not fit.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> network = js.networks.Separable(3, "scalar", width=16, depth=2, rank=8, key=jax.random.key(0))
        >>> axes = [jnp.linspace(0.0, 1.0, n) for n in (4, 5, 6)]
        >>> network.on_grid(axes).shape
        (4, 5, 6)

    References:
        Cho, Nam, Yang, Yun, Hong and Park, Separable physics-informed neural networks, NeurIPS 2023.
    """

    networks: tuple[Any, ...]
    rank: int = eqx.field(static=True)
    in_size: int = eqx.field(static=True)
    out_size: Size = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        out_size: Size,
        width: int,
        depth: int,
        rank: int,
        activation: Callable = jnp.tanh,
        *,
        networks: Sequence[Network] | None = None,
        dtype=None,
        key,
    ):
        self.in_size, self.out_size = checked_count("in_size", in_size), checked_size("out_size", out_size)
        self.rank = checked_count("rank", rank)
        n = self.rank * width_of(self.out_size)
        if networks is None:
            keys = jax.random.split(key, self.in_size)
            networks = [MLP(1, n, width, depth, activation, dtype=dtype, key=k) for k in keys]
        sizes = [(network.in_size, network.out_size) for network in networks]
        if sizes != [(1, n)] * self.in_size:
            raise ShapeError(
                f"Separable of rank {self.rank} needs {self.in_size} networks 1 -> {n}, one per axis, got "
                f"{', '.join(f'{a} -> {b}' for a, b in sizes)}."
            )
        self.networks = tuple(networks)

    def evaluate(self, x):
        product = jnp.asarray(1.0, x.dtype)
        for i, network in enumerate(self.networks):
            product = product * network(x[i : i + 1])
        return shaped(jnp.sum(product.reshape(-1, self.rank), axis=-1), self.out_size)

    def on_grid(self, axes: Sequence[Float[Array, " nodes"]]) -> Float[Array, "..."]:
        """Values at all points of a tensor grid, from one evaluation per coordinate of each axis.

        Args:
            axes: Coordinates along each axis.
        """
        axes, wanted = [jnp.asarray(axis) for axis in axes], dtype_of(self)
        if len(axes) != self.in_size or any(axis.ndim != 1 for axis in axes):
            shapes = [axis.shape for axis in axes]
            raise ShapeError(
                f"on_grid needs {self.in_size} axes of coordinates, got shapes {shapes}: give one per axis."
            )
        if any(jnp.issubdtype(axis.dtype, jnp.floating) and axis.dtype != wanted for axis in axes):
            raise PrecisionError(
                f"Separable has weights of type {wanted}: write axis.astype(jnp.{wanted}) for each axis."
            )
        pairs = zip(self.networks, axes, strict=True)
        factors = [jax.vmap(network)(axis.astype(wanted)[:, None]) for network, axis in pairs]
        factors = [factor.reshape(len(factor), -1, self.rank) for factor in factors]
        grid = factors[0]
        for factor in factors[1:-1]:
            grid = grid[..., None, :, :] * factor
        values = jnp.einsum("...cr,ncr->...nc", grid, factors[-1]) if len(factors) > 1 else jnp.sum(grid, axis=-1)
        return shaped(values, self.out_size)

    def explain(self):
        return f"rank {self.rank}, one {type(self.networks[0]).__name__} per axis"
