"""Networks made of networks: one after another, beside the identity, at several scales, with bounded weights."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .._core.errors import ShapeError
from .base import Fixed, Network, Size, dtype_of, weights_in_words
from .layers import Factorised, Linear


class Chain(Network):
    """Networks one after another.

    $$y = f_n(\\cdots f_2(f_1(x)))$$

    Args:
        *parts: Networks, the first of them seeing the point; the sizes between them have to agree.

    Raises:
        ShapeError: If sizes do not agree, or a part does not tell its sizes.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> circle = js.networks.PeriodicEmbedding((1.0,))
        >>> js.networks.Chain(circle, js.networks.MLP(2, 3, 16, 1, key=jax.random.key(0)))(jnp.zeros(1)).shape
        (3,)
    """

    parts: tuple[Any, ...]
    in_size: int = eqx.field(static=True)
    out_size: Size = eqx.field(static=True)

    def __init__(self, *parts: Network):
        if not parts:
            raise ShapeError("Chain needs at least one network, for example Chain(PeriodicEmbedding((1.0,)), network).")
        for part in parts:
            _sized(part, "Chain")
        for before, after in zip(parts[:-1], parts[1:], strict=True):
            if before.out_size != after.in_size:
                raise ShapeError(
                    f"Chain puts {type(after).__name__}, which takes {after.in_size} numbers, behind "
                    f"{type(before).__name__}, which gives {before.out_size}: build the later one with "
                    f"in_size={before.out_size}."
                )
        self.parts, self.in_size, self.out_size = tuple(parts), parts[0].in_size, parts[-1].out_size

    def evaluate(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def explain(self):
        return " then ".join(type(part).__name__ for part in self.parts)


class Residual(Network):
    """The identity and a small correction: one step of a motion.

    $$y = x + h f(x)$$

    It changes little at the start, which lets networks be deep and lets a learned time step begin as no motion.

    Args:
        network: The correction `f`, with as many outputs as inputs.
        step: The factor `h`; it is not trained.

    Raises:
        ShapeError: If the network does not give as many numbers as it takes.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> network = js.networks.Residual(js.networks.MLP(3, 3, 16, 1, key=jax.random.key(0)), step=0.0)
        >>> network(jnp.ones(3)).tolist()
        [1.0, 1.0, 1.0]

    References:
        He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR 2016.
    """

    network: Any
    step: Fixed
    in_size: int = eqx.field(static=True)
    out_size: Size = eqx.field(static=True)

    def __init__(self, network: Network, step=1.0):
        _sized(network, "Residual")
        if network.in_size != network.out_size:
            raise ShapeError(
                f"Residual adds its input to its output, but {type(network).__name__} takes {network.in_size} numbers "
                f"and gives {network.out_size}: build it with out_size={network.in_size}."
            )
        self.network, self.in_size, self.out_size = network, network.in_size, network.out_size
        self.step = Fixed(jnp.asarray(step, dtype_of(network)))

    def evaluate(self, x):
        return x + self.step.value * self.network(x)

    def explain(self):
        return f"x + h {type(self.network).__name__}(x)"


class MultiScale(Network):
    """A sum of networks, each of which sees the point at its own scale.

    $$y = \\sum_i f_i(\\alpha_i x)$$

    Networks learn low frequencies first; a factor `alpha` makes high ones look low. It helps when the scales of the
    solution are known and well apart, and costs as many networks as there are scales.

    Args:
        networks: One network per scale, all with the same sizes.
        scales: The factors `alpha_i`, such as 1, 2, 4, 8; they are not trained.

    Raises:
        ShapeError: If sizes differ, or there is not one network per scale.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> parts = [js.networks.MLP(2, "scalar", 16, 2, key=k) for k in jax.random.split(jax.random.key(0), 3)]
        >>> js.networks.MultiScale(parts, scales=[1.0, 4.0, 16.0])(jnp.ones(2)).shape
        ()

    References:
        Liu, Cai and Xu, Multi-scale deep neural network (MscaleDNN) for solving Poisson-Boltzmann equation in complex
        domains, Communications in Computational Physics 28, 2020.
    """

    networks: tuple[Any, ...]
    scales: Fixed
    in_size: int = eqx.field(static=True)
    out_size: Size = eqx.field(static=True)

    def __init__(self, networks: Sequence[Network], scales: Sequence[float]):
        networks = tuple(networks)
        for network in networks:
            _sized(network, "MultiScale")
        sizes = {(network.in_size, network.out_size) for network in networks}
        if len(sizes) != 1 or len(networks) != len(scales):
            told = ", ".join(f"{a} -> {b}" for a, b in ((n.in_size, n.out_size) for n in networks))
            raise ShapeError(
                f"MultiScale needs one network per scale, all of the same sizes, got networks {told or 'none'} and "
                f"{len(scales)} scales."
            )
        self.networks, ((self.in_size, self.out_size),) = networks, sizes
        self.scales = Fixed(jnp.asarray(scales, dtype_of(networks)))

    def evaluate(self, x):
        scales = self.scales.value
        return sum(network(scales[i] * x) for i, network in enumerate(self.networks))

    def explain(self):
        return f"{len(self.networks)} scales of {type(self.networks[0]).__name__}"


class SpectralNormalised(eqx.Module):
    """A network whose matrices never stretch by more than a bound.

    $$W \\to W \\min\\left(1, \\frac{B}{\\|W\\|_2}\\right)$$

    With activations of slope at most one (`tanh`, `relu`), a network of `n` layers is then Lipschitz with constant
    `B^n`. The norm is exact, from the singular values, where power iteration would only come near from below; that
    costs the cube of the width per evaluation of a batch, so it is made for widths up to a few hundred. It cannot
    represent steeper functions, and the sines of `SIREN` stretch by `omega0` besides.

    Args:
        network: A network with layers `Linear`, `Factorised` or `equinox.nn.Linear` anywhere inside.
        bound: The bound `B` on the spectral norm of each matrix.

    Raises:
        TypeError: If the network has no such layer.
        ValueError: If the bound is not positive.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> network = js.networks.SpectralNormalised(js.networks.MLP(2, 2, 64, 2, key=jax.random.key(0)))
        >>> bool(jnp.linalg.norm(jax.jacobian(network)(jnp.ones(2)), 2) <= 1.0)
        True

    References:
        Miyato, Kataoka, Koyama and Yoshida, Spectral normalization for generative adversarial networks, ICLR 2018.
    """

    network: Any
    bound: Fixed

    def __init__(self, network: Callable, bound=1.0):
        if not any(map(_is_layer, jax.tree.leaves(network, is_leaf=_is_layer))):
            raise TypeError(
                f"SpectralNormalised found no linear layer in {type(network).__name__}: build it from Linear, "
                "Factorised or equinox.nn.Linear layers, as MLP is."
            )
        if not isinstance(bound, jax.core.Tracer) and not float(bound) > 0:
            raise ValueError(
                f"SpectralNormalised got bound={bound}: a norm is bounded by a positive number, such as 1.0."
            )
        self.network, self.bound = network, Fixed(jnp.asarray(bound, dtype_of(network)))

    @property
    def in_size(self) -> int:
        """Number of coordinates of a point."""
        return self.network.in_size

    @property
    def out_size(self) -> Size:
        """Number of values at a point."""
        return self.network.out_size

    @property
    def normalised(self) -> PyTree:
        """The network inside, its matrices within the bound."""
        return jax.tree.map(
            lambda node: _within(node, self.bound.value) if _is_layer(node) else node, self.network, is_leaf=_is_layer
        )

    def __call__(self, x: Array) -> Array:
        """The value at one point."""
        return self.normalised(x)

    def __repr__(self):
        return f"SpectralNormalised({self.network!r}, {weights_in_words(self)})"


def _is_layer(node) -> bool:
    return isinstance(node, (Linear, Factorised, eqx.nn.Linear))


def _within(layer: Any, bound: Array) -> Any:
    matrix = layer.matrix if isinstance(layer, Factorised) else layer.weight
    factor = jnp.minimum(1.0, bound / jnp.linalg.norm(matrix, 2))
    if isinstance(layer, Factorised):
        return eqx.tree_at(lambda node: node.direction, layer, factor * layer.direction)
    return eqx.tree_at(lambda node: node.weight, layer, factor * matrix)


def _sized(network: Any, name: str) -> None:
    if getattr(network, "in_size", None) is None or getattr(network, "out_size", None) is None:
        raise ShapeError(
            f"{name} has to know how many numbers {type(network).__name__} takes and gives: use a network of this "
            "room, or write adapt(model, in_size=...)."
        )
