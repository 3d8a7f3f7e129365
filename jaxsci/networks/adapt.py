"""Networks of other libraries: flax models (nnx, linen), Equinox modules, apply functions, plain callables."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .base import Fixed, Network, Size, checked_count, checked_point, dtype_of, name_of, real_type, weights_in_words


class Adapted(eqx.Module):
    """A model of another library as a PyTree of weights that is called with one point; `adapt` makes it.

    Args:
        weights: What training moves.
        rest: State that is not trained, such as running averages.
        apply: How the model is called: `apply(weights, rest, x)`.
        name: What it was made from.
        in_size: Number of coordinates of a point, where it was told.
        out_size: Number of values at a point, where it is known.
    """

    weights: PyTree
    rest: PyTree
    apply: Callable = eqx.field(static=True)
    name: str = eqx.field(static=True)
    in_size: int | None = eqx.field(static=True, default=None)
    out_size: Size | None = eqx.field(static=True, default=None)

    def __call__(self, x: Array) -> Array:
        """The value at one point."""
        x = jnp.asarray(x) if self.in_size is None else checked_point(self, x)
        rest = jax.tree.map(lambda leaf: leaf.value if _is_fixed(leaf) else leaf, self.rest, is_leaf=_is_fixed)
        return jnp.asarray(self.apply(self.weights, rest, x))

    def __repr__(self):
        sizes = "" if self.in_size is None else f"{self.in_size} -> {self.out_size}, "
        return f"Adapted({self.name}, {sizes}{weights_in_words(self)})"


def adapt(model: Any, variables: PyTree = None, *, in_size: int | None = None) -> Network | Adapted:
    """Any model as a PyTree of weights that is called with one point, like the networks of this room.

    Takes flax nnx models, flax linen models with their variables, Equinox modules, functions `apply(variables, x)` of
    any other library with their variables, and plain functions of one point, which have no weights. The model is called
    in the mode that it is in: set dropout and batch normalisation to evaluation first, since changes that a call makes
    to the model's own state are dropped. A function that closes over weights hides them from training: give them as
    `variables`.

    Args:
        model: The model or function; networks of this room come back as they are.
        variables: Its weights, where the model does not hold them: `model.init(key, x)` for linen.
        in_size: Number of coordinates of a point. Needed to combine the result with other networks, and then checked at
            every call.

    Raises:
        TypeError: If the model cannot be called, or its variables are missing or superfluous.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> apply = lambda variables, x: variables["a"] * jnp.sum(x)
        >>> network = js.networks.adapt(apply, {"a": jnp.array(2.0, jnp.float32)}, in_size=3)
        >>> network
        Adapted(<lambda>, 3 -> scalar, 1 weight, float32)
        >>> float(network(jnp.ones(3, jnp.float32)))
        6.0
    """
    if isinstance(model, (Network, Adapted)) and variables is None:
        return model
    if not callable(model):
        raise TypeError(f"adapt needs a model or a function of one point, got {model!r}.")
    adapted = _adapter(model, variables)(model, variables)
    if in_size is None:
        return adapted
    in_size = checked_count("in_size", in_size)
    point = jax.ShapeDtypeStruct((in_size,), dtype_of(adapted.weights) or real_type(None))
    shape = eqx.filter_eval_shape(adapted, point).shape
    out_size = "scalar" if shape == () else shape[0] if len(shape) == 1 else None
    return Adapted(adapted.weights, adapted.rest, adapted.apply, adapted.name, in_size, out_size)


@dataclass(frozen=True)
class NnxCall:
    """How a flax nnx model is called."""

    graph: Any

    def __call__(self, weights: PyTree, rest: PyTree, x: Array) -> Array:
        return _loaded("flax.nnx").merge(self.graph, weights, rest, copy=True)(x)


@dataclass(frozen=True)
class LinenCall:
    """How a flax linen model is called."""

    model: Any

    def __call__(self, weights: PyTree, rest: PyTree, x: Array) -> Array:
        return self.model.apply({"params": weights, **rest}, x)


@dataclass(frozen=True)
class EquinoxCall:
    """How an Equinox module is called, of which only the arrays are leaves."""

    static: Any

    def __call__(self, weights: PyTree, rest: PyTree, x: Array) -> Array:
        return eqx.combine(weights, rest, self.static)(x)


@dataclass(frozen=True)
class ApplyCall:
    """How a function of variables and a point is called."""

    function: Callable

    def __call__(self, weights: PyTree, rest: PyTree, x: Array) -> Array:
        return self.function(weights, x)


@dataclass(frozen=True)
class PlainCall:
    """How a function of a point is called."""

    function: Callable

    def __call__(self, weights: PyTree, rest: PyTree, x: Array) -> Array:
        return self.function(x)


def _adapter(model: Any, variables: PyTree) -> Callable:
    nnx, linen = _loaded("flax.nnx"), _loaded("flax.linen")
    if linen is not None and isinstance(model, linen.Module):
        return _from_linen
    if nnx is not None and isinstance(model, nnx.Module):
        return _from_nnx
    if isinstance(model, eqx.Module) and variables is None:
        return _from_equinox
    return _from_function


def _from_nnx(model: Any, variables: PyTree) -> Adapted:
    if variables is not None:
        raise TypeError(f"{_name(model)} is an nnx model and holds its own weights: write adapt(model).")
    nnx = _loaded("flax.nnx")
    graph, weights, rest = nnx.split(model, nnx.Param, ...)
    return Adapted(weights, _fixed(rest), NnxCall(graph), f"flax nnx {_name(model)}")


def _from_linen(model: Any, variables: PyTree) -> Adapted:
    if variables is None or "params" not in variables:
        raise TypeError(
            f"{_name(model)} is a linen model, which holds no weights: write adapt(model, model.init(key, x)) with one "
            'point x, or adapt(model, {"params": weights}).'
        )
    rest = {name: _fixed(part) for name, part in variables.items() if name != "params"}
    return Adapted(variables["params"], rest, LinenCall(model), f"flax linen {_name(model)}")


def _from_equinox(model: eqx.Module, variables: PyTree) -> Adapted:
    weights, others = eqx.partition(model, eqx.is_inexact_array)
    rest, static = eqx.partition(others, eqx.is_array)
    return Adapted(weights, rest, EquinoxCall(static), f"Equinox {_name(model)}")


def _from_function(model: Callable, variables: PyTree) -> Adapted:
    call = PlainCall(model) if variables is None else ApplyCall(model)
    return Adapted(() if variables is None else variables, (), call, name_of(model))


def _fixed(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: Fixed(leaf) if eqx.is_inexact_array(leaf) else leaf, tree)


def _is_fixed(node: Any) -> bool:
    return isinstance(node, Fixed)


def _loaded(name: str) -> Any:
    """A module if somebody imported it: a model of a library exists only after that."""
    return sys.modules.get(name)


def _name(model: Any) -> str:
    return type(model).__name__
