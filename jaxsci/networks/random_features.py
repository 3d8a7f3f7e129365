"""A network that is linear in what it learns: random hidden layers that stay as they are, and a linear read-out."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._core.errors import ShapeError
from .base import Fixed, Network, Size, as_activation, checked_count, checked_point, checked_size, real_type


class RandomFeatures(Network):
    """Random functions of a point with trained coefficients: linear equations then take one least-squares solve.

    $$u(x) = \\sum_j c_j \\varphi_j(x), \\qquad \\varphi_1 = 1, \\quad \\varphi_j(x) = \\sigma(w_j \\cdot (x - a_j))$$

    The centres `a_j` are uniform in the box and the slopes uniform within `scale` per half length of the box along each
    axis, so that every feature bends inside. The error falls exponentially with the number of features while the
    solution is smooth on the scale of a feature, then stops: the matrix is nearly singular, so solve with a QR or SVD
    in float64, where 1e-10 is usual, and never with normal equations. Layers, steep fronts and more than about three
    dimensions need far too many features.

    Args:
        in_size: Number of coordinates of a point.
        out_size: Number of values; `"scalar"` for one number without an axis.
        num_features: Number of features, the constant one included.
        activation: A function of each number.
        depth: Number of random hidden layers; those after the first have Gaussian weights.
        scale: Largest slope, one number or one per axis. Larger ones resolve finer detail and need more features: 1 to
            2 for `jnp.tanh`, 3 to 4 for `jnp.sin`, which is better for smooth functions and forgives a wrong scale.
        bounds: One `(low, high)` pair per axis, or a `Box`; `[-1, 1]` along each axis if left out.
        dtype: Precision; the default one of JAX if left out.
        key: Random key.

    Raises:
        ShapeError: If a size is not a positive whole number, or the bounds do not fit the axes.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> network = js.networks.RandomFeatures(1, "scalar", 20, bounds=[(0.0, 1.0)], key=jax.random.key(0))
        >>> x = jnp.linspace(0.0, 1.0, 50)[:, None]
        >>> matrix = jax.vmap(network.features)(x)
        >>> fitted = network.with_coefficients(jnp.linalg.lstsq(matrix, jnp.exp(x[:, 0]))[0])
        >>> bool(jnp.allclose(fitted(jnp.array([0.3])), jnp.exp(0.3), atol=1e-3))
        True

    References:
        Huang, Zhu and Siew, Extreme learning machine, Neurocomputing 70, 2006; Chen, Chi, E and Yang, Bridging
        traditional and machine learning-based algorithms for solving PDEs: the random feature method, 2022.
    """

    coefficients: Float[Array, "*out num_features"]
    slopes: Fixed
    offsets: Fixed
    hidden: tuple[tuple[Fixed, Fixed], ...]
    activation: Any
    num_features: int = eqx.field(static=True)
    in_size: int = eqx.field(static=True)
    out_size: Size = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        out_size: Size,
        num_features: int,
        activation: Callable = jnp.tanh,
        *,
        depth: int = 1,
        scale: float | Sequence[float] = 1.0,
        bounds: Sequence[tuple[float, float]] | Any = None,
        dtype=None,
        key,
    ):
        self.in_size, self.out_size = checked_count("in_size", in_size), checked_size("out_size", out_size)
        self.num_features, dtype = checked_count("num_features", num_features), real_type(dtype)
        self.activation = as_activation(activation)
        low, half = _intervals(self.in_size, bounds, dtype)
        n, depth = num_features - 1, checked_count("depth", depth)
        key_w, key_a, *keys = jax.random.split(key, depth + 1)
        steepest = _scales(scale, self.in_size, dtype)
        slopes = steepest * jax.random.uniform(key_w, (n, self.in_size), dtype, -1.0, 1.0) / half
        centres = low + 2.0 * half * jax.random.uniform(key_a, (n, self.in_size), dtype)
        self.slopes, self.offsets = Fixed(slopes), Fixed(-jnp.sum(slopes * centres, axis=1))
        self.hidden = tuple(_random_layer(n, jnp.max(steepest), dtype, k) for k in keys)
        self.coefficients = jnp.zeros((*(() if self.out_size == "scalar" else (self.out_size,)), num_features), dtype)

    def evaluate(self, x):
        return self.coefficients @ self._features(x)

    def features(self, x: Float[Array, " in_size"]) -> Float[Array, " num_features"]:
        """`(1, phi_2(x), ..., phi_n(x))` at one point; the network is their sum with the coefficients."""
        return self._features(checked_point(self, x))

    def with_coefficients(self, coefficients: Float[Array, "*out num_features"]) -> "RandomFeatures":
        """The same features with other coefficients, such as those of a least-squares solve."""
        coefficients = jnp.asarray(coefficients)
        if coefficients.shape != self.coefficients.shape:
            raise ShapeError(
                f"coefficients of shape {coefficients.shape} do not fit features that need {self.coefficients.shape}: "
                "components come first, features last (the solution of a least-squares solve with several right-hand "
                "sides has to be transposed)."
            )
        return eqx.tree_at(lambda network: network.coefficients, self, coefficients)

    def _features(self, x: Array) -> Array:
        h = self.activation(self.slopes.value @ x + self.offsets.value)
        for weight, bias in self.hidden:
            h = self.activation(weight.value @ h + bias.value)
        return jnp.concatenate([jnp.ones(1, x.dtype), h])

    def explain(self):
        return f"{self.num_features} fixed features of {self.activation!r}, linear read-out"


def _intervals(dim: int, bounds, dtype) -> tuple[Array, Array]:
    pairs = [(-1.0, 1.0)] * dim if bounds is None else [tuple(pair) for pair in getattr(bounds, "intervals", bounds)]
    if len(pairs) != dim or any(len(pair) != 2 or not pair[0] < pair[1] for pair in pairs):
        raise ShapeError(
            f"RandomFeatures got bounds={bounds!r} for {dim} axes: give one (low, high) pair per axis, for example "
            f"bounds={[(0.0, 1.0)] * dim}."
        )
    low, high = jnp.asarray(pairs, dtype).T
    return low, (high - low) / 2.0


def _scales(scale: float | Sequence[float], dim: int, dtype) -> Array:
    scales = jnp.asarray(scale, dtype)
    if scales.shape not in ((), (dim,)):
        raise ShapeError(f"RandomFeatures got scale={scale!r} for {dim} axes: give one number, or one per axis.")
    return jnp.broadcast_to(scales, (dim,))


def _random_layer(n: int, scale, dtype, key) -> tuple[Fixed, Fixed]:
    key_w, key_b = jax.random.split(key)
    weight = scale / max(n, 1) ** 0.5 * jax.random.normal(key_w, (n, n), dtype)
    return Fixed(weight), Fixed(scale * jax.random.uniform(key_b, (n,), dtype, -1.0, 1.0))
