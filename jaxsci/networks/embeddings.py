"""Fixed maps in front of a network: random Fourier features, and exact periods."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import ShapeError
from .base import Fixed, Network, checked_count, real_type


class FourierFeatures(Network):
    """Random waves of a point, to put in front of a network with `Chain`.

    $$\\gamma(x) = (\\cos 2\\pi B x, \\; \\sin 2\\pi B x), \\qquad B_{ij} \\sim N(0, \\sigma^2)$$

    The scale `sigma` is the frequency that the network then learns first, in waves per unit of length. Too small a
    scale changes nothing; too large a one fits the points and oscillates between them. `B` is not trained.

    Args:
        in_size: Number of coordinates of a point.
        num_features: Number of random directions; there are twice as many outputs.
        scale: Standard deviation `sigma` of the frequencies: one number, or one for each axis.
        dtype: Precision; the default one of JAX if left out.
        key: Random key.

    Raises:
        ShapeError: If a size is not a positive whole number, or the scales do not fit the axes.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> a, b = jax.random.split(jax.random.key(0))
        >>> waves = js.networks.FourierFeatures(2, 32, scale=3.0, key=a)
        >>> js.networks.Chain(waves, js.networks.MLP(64, "scalar", 64, 2, key=b))(jnp.zeros(2)).shape
        ()

    References:
        Tancik et al., Fourier features let networks learn high frequency functions in low dimensional domains, NeurIPS
        2020.
    """

    frequencies: Fixed
    in_size: int = eqx.field(static=True)
    out_size: int = eqx.field(static=True)

    def __init__(self, in_size: int, num_features: int, scale: float | Sequence[float] = 1.0, *, dtype=None, key):
        self.in_size = checked_count("in_size", in_size)
        self.out_size = 2 * checked_count("num_features", num_features)
        deviations = jnp.asarray(scale, real_type(dtype))
        if deviations.shape not in ((), (self.in_size,)):
            raise ShapeError(
                f"FourierFeatures got scales of shape {deviations.shape} for {self.in_size} axes: give one number, or "
                "one for each axis."
            )
        self.frequencies = Fixed(deviations * jax.random.normal(key, (num_features, self.in_size), deviations.dtype))

    def evaluate(self, x):
        phase = 2 * np.pi * (self.frequencies.value @ x)
        return jnp.concatenate([jnp.cos(phase), jnp.sin(phase)])

    def explain(self):
        return "random waves"


class PeriodicEmbedding(Network):
    """The waves of given periods along chosen axes; what follows it is exactly periodic there, with all derivatives.

    $$x_i \\mapsto \\left(\\cos(2\\pi k x_i / P_i), \\; \\sin(2\\pi k x_i / P_i)\\right)_{k = 1, \\dots, K}$$

    Axes without a period pass unchanged. Several harmonics let a small network reach higher frequencies; one is enough
    in principle, since a function of the first is any periodic function. The periods are not trained. No weights.

    Args:
        periods: One period per axis, None for an axis that is not periodic.
        harmonics: Number `K` of waves per periodic axis.
        dtype: Precision; the default one of JAX if left out.

    Raises:
        ShapeError: If there is no axis, or no period.
        ValueError: If a period is not positive.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> circle = js.networks.PeriodicEmbedding((2.0, None))
        >>> network = js.networks.Chain(circle, js.networks.MLP(3, "scalar", 16, 1, key=jax.random.key(0)))
        >>> bool(jnp.allclose(network(jnp.array([-1.0, 0.3])), network(jnp.array([1.0, 0.3])), atol=1e-6))
        True

    References:
        Dong and Ni, A method for representing periodic functions and enforcing exactly periodic boundary conditions
        with deep neural networks, Journal of Computational Physics 435, 2021.
    """

    frequencies: tuple[Fixed | None, ...]
    harmonics: int = eqx.field(static=True)
    in_size: int = eqx.field(static=True)
    out_size: int = eqx.field(static=True)

    def __init__(self, periods: Sequence[float | None], harmonics: int = 1, *, dtype=None):
        periods, dtype = tuple(periods), real_type(dtype)
        waves = [period for period in periods if period is not None]
        if not waves:
            raise ShapeError(
                f"PeriodicEmbedding got periods={periods}, none of them a number: give one period per axis, for "
                "example (2.0, None) for a function that is periodic along its first axis only."
            )
        for period in waves:
            if not isinstance(period, jax.core.Tracer) and not float(period) > 0:
                raise ValueError(f"a period is a positive length, got {period}: write for example periods=(2.0, None).")
        self.harmonics = checked_count("harmonics", harmonics)
        self.in_size = len(periods)
        self.out_size = self.in_size + (2 * self.harmonics - 1) * len(waves)
        self.frequencies = tuple(None if p is None else Fixed(2 * np.pi / jnp.asarray(p, dtype)) for p in periods)

    def evaluate(self, x):
        return jnp.concatenate([self._waves(x[i], w) for i, w in enumerate(self.frequencies)])

    def _waves(self, x: Array, frequency: Fixed | None) -> Array:
        if frequency is None:
            return x[None]
        phase = jnp.arange(1, self.harmonics + 1, dtype=x.dtype) * (frequency.value * x)
        return jnp.concatenate([jnp.cos(phase), jnp.sin(phase)])

    def explain(self):
        axes = [str(i) for i, w in enumerate(self.frequencies) if w is not None]
        return f"periodic along {'axis' if len(axes) == 1 else 'axes'} {' and '.join(axes)}"
