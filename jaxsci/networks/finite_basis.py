"""A domain cut into overlapping pieces, with a network of its own for each: finite-basis networks."""

from collections.abc import Callable, Sequence
from itertools import product as grid_of
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._core.errors import ShapeError
from .base import Fixed, Network, Size, checked_count, dtype_of, trained_leaves


class FiniteBasis(Network):
    r"""A sum of small networks, each at home in one piece of `[-1, 1]^d`.

    $$u(x) = \sum_i \omega_i(x) f_i\left(\frac{x - c_i}{h}\right), \qquad \sum_i \omega_i = 1$$

    The windows are products of $\cos^4(\pi \xi / 2)$ along each axis, zero outside of their piece and divided by
    their sum: three continuous derivatives, so laws up to the third order are read everywhere. Each network sees its
    piece as `[-1, 1]^d`, so frequencies look lower by the number of pieces along an axis; networks learn low
    frequencies first. Only the `2^d` networks whose pieces meet at a point are evaluated, so the cost per point does
    not grow with their number. Pieces of RandomFeatures stay linear in what they learn.

    It does not help smooth solutions, and the weights grow with `counts` to the power of the dimension.

    Args:
        make: A network from a random key, called once per piece; all must have the same sizes.
        counts: Number of pieces along each axis.
        overlap: How far a piece reaches into its neighbours, as a fraction of their width, up to 1.
        key: Random key.

    Raises:
        ShapeError: If the networks take another number of coordinates than `counts` has, or differ in size.
        ValueError: If the overlap is not above 0 and at most 1.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> make = lambda key: js.networks.MLP(1, "scalar", 8, 1, key=key)
        >>> network = js.networks.FiniteBasis(make, (10,), key=jax.random.key(0))
        >>> network
        FiniteBasis(1 -> scalar, 10 pieces of MLP, 250 weights, float...)
        >>> index, windows = network.windows(jnp.array([0.05]))
        >>> index.tolist(), bool(jnp.allclose(windows.sum(), 1.0))
        ([4, 5], True)

    References:
        Moseley, Markham and Nissen-Meyer, Finite basis physics-informed neural networks (FBPINNs), Advances in
        Computational Mathematics 49, 2023; Dolean, Heinlein, Mishra and Moseley, CMAME 429, 2024.
    """

    pieces: Any
    overlap: Fixed
    counts: tuple[int, ...] = eqx.field(static=True)
    in_size: int = eqx.field(static=True)
    out_size: Size = eqx.field(static=True)

    def __init__(self, make: Callable, counts: Sequence[int] | int, overlap: float = 1.0, *, key):
        counts = (counts,) if isinstance(counts, (int, np.integer)) else tuple(counts)
        self.counts = tuple(checked_count("counts", count) for count in counts)
        networks = [make(k) for k in jax.random.split(key, int(np.prod(self.counts)))]
        first = networks[0]
        self.in_size, self.out_size = getattr(first, "in_size", None), getattr(first, "out_size", None)
        if self.in_size is None or self.out_size is None:
            raise ShapeError(
                f"FiniteBasis has to know how many numbers {type(first).__name__} takes and gives: let make return a "
                "network of this room, or adapt(model, in_size=...)."
            )
        if self.in_size != len(self.counts):
            raise ShapeError(
                f"FiniteBasis got counts={self.counts}, one per axis, and networks of {self.in_size} coordinates: "
                f"build them with in_size={len(self.counts)}."
            )
        if not 0 < float(overlap) <= 1:
            raise ValueError(f"FiniteBasis got overlap={overlap}: it must be above 0 and at most 1, such as 1.0.")
        if any(not _alike(first, network) for network in networks):
            raise ShapeError("FiniteBasis needs networks of one kind and size: make(key) gave different ones.")
        self.pieces = jax.tree.map(lambda *arrays: jnp.stack(arrays), *networks)
        self.overlap = Fixed(jnp.asarray(overlap, dtype_of(first)))

    def windows(self, x: Float[Array, " in_size"]) -> tuple[Array, Array]:
        """The numbers of the networks that see a point, and their windows there, which sum to one.

        A network may stand there twice, once with the window 0, at the walls of the domain.
        """
        lower, shares, _ = self._along_axes(x)
        return self._joined(lower, shares)

    def _along_axes(self, x: Array) -> tuple[Array, Array, Array]:
        """Per axis: the lower of the two pieces that meet at a point, `(d,)`; windows and coordinates, `(d, 2)`."""
        numbers = jnp.asarray(self.counts, x.dtype)
        place = (x + 1) * (numbers / 2) - 0.5
        lower = jnp.clip(jnp.floor(jax.lax.stop_gradient(place)), -1.0, numbers - 1)
        piece = lower[:, None] + jnp.asarray([0.0, 1.0], x.dtype)
        xi = (place[:, None] - piece) * (2 / (1 + self.overlap.value))
        real = (piece >= 0) & (piece < numbers[:, None])
        bump = jnp.where(real & (jnp.abs(jax.lax.stop_gradient(xi)) < 1), (1 + jnp.cos(jnp.pi * xi)) ** 2, 0.0)
        alone = jnp.sum(real, axis=1, keepdims=True) == 1
        bump = jnp.where(alone, real.astype(x.dtype), bump)
        return lower.astype(int), bump / jnp.sum(bump, axis=1, keepdims=True), xi

    def _joined(self, lower: Array, shares: Array) -> tuple[Array, Array]:
        index, windows = [], []
        for ends in grid_of((0, 1), repeat=self.in_size):
            number, window = jnp.zeros((), int), jnp.ones((), shares.dtype)
            for axis, end in enumerate(ends):
                count = self.counts[axis]
                number = number * count + jnp.clip(lower[axis] + end, 0, count - 1)
                window = window * shares[axis, end]
            index.append(number)
            windows.append(window)
        return jnp.stack(index), jnp.stack(windows)

    def evaluate(self, x):
        lower, shares, xi = self._along_axes(x)
        index, windows = self._joined(lower, shares)
        ends = list(grid_of((0, 1), repeat=self.in_size))
        inputs = jnp.stack([jnp.stack([xi[axis, end] for axis, end in enumerate(one)]) for one in ends])
        near = jax.tree.map(lambda array: array[index], self.pieces)
        values = jax.vmap(lambda network, y: network(y))(near, inputs)
        return jnp.sum(windows.reshape(-1, *(1,) * (values.ndim - 1)) * values, axis=0)

    def explain(self):
        return f"{' x '.join(map(str, self.counts))} pieces of {type(self.pieces).__name__}"


def _alike(first: Any, second: Any) -> bool:
    same = jax.tree.structure(first) == jax.tree.structure(second)
    return same and [a.shape for a in trained_leaves(first)] == [a.shape for a in trained_leaves(second)]
