"""What every network is: a Module of weights, called with one point, that knows how many numbers go in and come out."""

import abc
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .._core.errors import PrecisionError, ShapeError

Size = int | Literal["scalar"]


class Fixed(eqx.Module):
    """An array that belongs to a network but is not trained: a random projection, a frequency, a period."""

    array: Array

    @property
    def value(self) -> Array:
        """The array, seen as constant by every derivative."""
        return jax.lax.stop_gradient(self.array)


class Activation(eqx.Module):
    """A plain function applied to each number; it holds no leaf, so that a network is a PyTree of arrays only."""

    function: Callable = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        return self.function(x)

    def __repr__(self):
        return name_of(self.function)


class Network(eqx.Module):
    """A function of one point `x` with weights; `jax.vmap` makes it one of many points.

    Every leaf is an array, so `jax.grad`, `jax.jit` and optimisers take a network as it is; `split` tells the weights
    that training moves from the arrays that it must leave alone. Write `js.Neural(box).field(network)` to differentiate
    it as a field.

    Args:
        in_size: Number of coordinates of a point.
        out_size: Number of values at a point; `"scalar"` for one number without an axis.
    """

    in_size: eqx.AbstractVar[int]
    out_size: eqx.AbstractVar[Size]

    def __call__(self, x: Float[Array, " in_size"]) -> Float[Array, "..."]:
        """The value at one point."""
        return self.evaluate(checked_point(self, x))

    @abc.abstractmethod
    def evaluate(self, x: Float[Array, " in_size"]) -> Float[Array, "..."]:
        """The value at a point whose shape and precision were checked."""

    def explain(self) -> str:
        """What lies between input and output, in a few words."""
        return ""

    def __repr__(self):
        sizes = f"{self.in_size} -> {self.out_size}"
        words = [sizes, self.explain(), weights_in_words(self)]
        return f"{type(self).__name__}({', '.join(word for word in words if word)})"


def split(network: PyTree) -> tuple[PyTree, PyTree]:
    """The weights that training moves, and the rest; `eqx.combine(weights, rest)` is the network again.

    Random projections, frequencies and periods belong to the rest. A loss that is a function of all arrays of a network
    sees zero gradients for them, which makes a dense Jacobian singular: differentiate by the first part.

    Args:
        network: A network, or any PyTree that holds networks.

    Example:
        >>> import jax, jaxsci as js
        >>> network = js.networks.RandomFeatures(2, "scalar", 50, key=jax.random.key(0))
        >>> weights, rest = js.networks.split(network)
        >>> [leaf.shape for leaf in jax.tree.leaves(weights)]
        [(50,)]
    """
    trained = jax.tree.map(_is_trained, network, is_leaf=_is_fixed)
    return eqx.partition(network, trained)


def num_weights(network: PyTree) -> int:
    """How many numbers of a network training can move.

    Args:
        network: A network, or any PyTree that holds networks.

    Example:
        >>> import jax, jaxsci as js
        >>> js.networks.num_weights(js.networks.MLP(2, "scalar", 32, 1, key=jax.random.key(0)))
        129
    """
    return sum(leaf.size for leaf in trained_leaves(network))


def trained_leaves(network: PyTree) -> list:
    """The arrays that training moves; arrays that are only described by shape and type count too."""
    return [leaf for leaf in jax.tree.leaves(network, is_leaf=_is_fixed) if _is_trained(leaf)]


def dtype_of(network: PyTree) -> np.dtype | None:
    """Precision of the first real array, or None where there is none."""
    return next((leaf.dtype for leaf in jax.tree.leaves(network) if _has_real_type(leaf)), None)


def checked_point(network: Network, x) -> Array:
    """A point as an array, in the precision of the network."""
    n, name = network.in_size, type(network).__name__
    x = jnp.asarray(x)
    if x.shape != (n,):
        axes = "coordinate" if n == 1 else "coordinates"
        many = x.ndim > 1 and x.shape[-1] == n
        fix = "map it over points with jax.vmap(network)(points)" if many else f"give it an array of shape ({n},)"
        if not many and x.ndim:
            fix += f", or build the network with in_size={x.shape[-1]}"
        raise ShapeError(f"{name} is a function of one point with {n} {axes}, but got shape {x.shape}: {fix}.")
    wanted = dtype_of(network)
    if wanted is None or x.dtype == wanted:
        return x
    if not jnp.issubdtype(x.dtype, jnp.floating) or x.weak_type:
        if jnp.iscomplexobj(x):
            raise PrecisionError(f"{name} is a function of real points, but got {x.dtype}: write x.real or x.imag.")
        return x.astype(wanted)
    raise PrecisionError(
        f"{name} has weights of type {wanted}, but the point is {x.dtype}, and two precisions never mix silently: "
        f"write x.astype(jnp.{wanted}), or build the network with dtype=jnp.{x.dtype}."
    )


def checked_size(name: str, size) -> Size:
    """A size: a positive whole number, or "scalar", which `()` means too."""
    if isinstance(size, str) and size == "scalar" or isinstance(size, tuple) and size == ():
        return "scalar"
    return checked_count(name, size, ' (or "scalar" for one number without an axis)' if name == "out_size" else "")


def checked_count(name: str, number, more: str = "") -> int:
    """A positive whole number."""
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
        raise ShapeError(f"{name} must be a positive whole number{more}, got {number!r}: write for example {name}=2.")
    return int(number)


def width_of(size: Size) -> int:
    """Length of the array that stands behind an output of that size."""
    return 1 if size == "scalar" else size


def shaped(values: Array, size: Size) -> Array:
    """Values `(..., width)` as an output of that size."""
    return values[..., 0] if size == "scalar" else values


def real_type(dtype) -> np.dtype:
    """The type asked for, or the default one, which is float64 in x64 mode."""
    dtype = np.dtype(jnp.zeros(()).dtype if dtype is None else dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise PrecisionError(f"weights are real numbers, got dtype={dtype}: write dtype=jnp.float32 or jnp.float64.")
    if dtype == np.float64 and not jax.config.jax_enable_x64:
        raise PrecisionError(
            'weights in float64 need JAX in double precision: write jax.config.update("jax_enable_x64", True) before '
            "anything else, or leave dtype out."
        )
    return dtype


def as_activation(function: Callable) -> Any:
    """An activation as a part of a network: a Module keeps its weights, a plain function holds none."""
    if not callable(function):
        raise TypeError(f"an activation is a function of one number, got {function!r}: write activation=jnp.tanh.")
    return function if isinstance(function, eqx.Module) else Activation(function)


def name_of(function: Callable) -> str:
    """The name of a function, for a reader."""
    return getattr(function, "__name__", type(function).__name__)


def weights_in_words(network: PyTree) -> str:
    """How many weights, and of which precision."""
    leaves = trained_leaves(network)
    if not leaves:
        return "no weights"
    types = sorted({str(leaf.dtype) for leaf in leaves})
    count = sum(leaf.size for leaf in leaves)
    return f"{count} weight{'' if count == 1 else 's'}, {' and '.join(types)}"


def _is_fixed(node) -> bool:
    return isinstance(node, Fixed)


def _has_real_type(leaf) -> bool:
    return hasattr(leaf, "dtype") and hasattr(leaf, "size") and jnp.issubdtype(leaf.dtype, jnp.floating)


def _is_trained(leaf) -> bool:
    return not _is_fixed(leaf) and hasattr(leaf, "shape") and _inexact(leaf)


def _inexact(leaf) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.inexact)
