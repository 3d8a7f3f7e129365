"""What a fixed-step method is: coefficients computed once per run, and a pure step of the arrays of a state."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ..._core.errors import PrecisionError, ShapeError, UnsupportedError
from ..._core.precision import multiply, real_dtype
from ...equations.base import is_algebraic
from ...fields import evaluated, pack, unpack


class Method(eqx.Module):
    """A one-step method with a fixed step. It moves `arrays = unpack(state)`; the spaces stay in the template.

    `check` runs outside the trace and names the missing contract; `prepare` runs inside it, once per run, so that what
    it computes stays differentiable in the coefficients of the equation; `step` may be called any number of times.
    """

    reversible: ClassVar[bool] = False

    @property
    @abc.abstractmethod
    def order(self) -> int:
        """The order of accuracy on smooth solutions."""

    def check(self, equation: Callable, state: PyTree) -> None:
        """Raise `UnsupportedError` naming the contract that the equation, or the storage of the state, lacks."""

    def prepare(self, equation: Callable, state: PyTree, dt, args: Any = None) -> PyTree:
        """Coefficients of the method for this equation, storage and step."""
        return None

    @abc.abstractmethod
    def step(
        self, prepared: PyTree, equation: Callable, template: PyTree, t, arrays: PyTree, dt, args: Any = None
    ) -> PyTree:
        """The arrays at `t + dt`."""


def vector_field(equation: Callable, template: PyTree, args: Any = None) -> Callable:
    """The time derivative `f(t, arrays)` of the arrays of a state, in the home layout of every field.

    A slope that is `kept` for several uses is written to memory where the storage makes the law dear.
    """

    def slope(t, arrays):
        return unpack(equation(t, pack(template, arrays, t), args))

    def f(t, arrays, kept=False):
        return evaluated(template, slope, t, arrays) if kept else slope(t, arrays)

    return f


def time_dtype(arrays: PyTree) -> np.dtype:
    """The real type in which time is counted: the widest precision among the arrays of a state."""
    return max((real_dtype(leaf.dtype) for leaf in jax.tree.leaves(arrays)), key=lambda dtype: dtype.itemsize)


def weighted_sum(weights: tuple[float, ...], slopes: list[PyTree]) -> PyTree:
    """`sum_j w_j k_j` over the nonzero weights."""
    terms = [(w, k) for w, k in zip(weights, slopes, strict=False) if w != 0]
    return jax.tree.map(
        lambda *leaves: sum(w * k for (w, _), k in zip(terms, leaves, strict=True)), *(k for _, k in terms)
    )


def times(h, slope: PyTree) -> PyTree:
    """`h k`, each leaf in its own precision."""
    return jax.tree.map(lambda k: multiply(jnp.asarray(h, real_dtype(k.dtype)), k), slope)


def move(arrays: PyTree, h, slope: PyTree) -> PyTree:
    """`y + h k`, each leaf in its own precision."""
    return jax.tree.map(jnp.add, arrays, times(h, slope))


def check_derivative(equation: Callable, state: PyTree, t, args: Any = None) -> None:
    """Raise, before anything runs, when the time derivative does not have the structure, shapes and types of the
    state.
    """
    arrays = unpack(state)
    slope = eqx.filter_eval_shape(lambda t, y, s, e, a: vector_field(e, s, a)(t, y), t, arrays, state, equation, args)
    name = getattr(equation, "__name__", type(equation).__name__)
    if any(map(is_algebraic, jax.tree.leaves(slope, is_leaf=is_algebraic))):
        raise UnsupportedError(
            f"{name} holds an Algebraic part, a condition in place of a rate, which time steppers cannot move: solve "
            "it with js.learning.solve_pinn, or write a law whose rates keep the condition, as "
            "js.equations.NavierStokes does by its projection."
        )
    if jax.tree.structure(slope) != jax.tree.structure(arrays):
        raise ShapeError(
            f"{name} returned a time derivative of structure {jax.tree.structure(slope)} for a state of structure "
            f"{jax.tree.structure(arrays)}: return one derivative for each part of the state, in the same containers."
        )
    for (path, y), k in zip(jax.tree_util.tree_leaves_with_path(arrays), jax.tree.leaves(slope), strict=True):
        where = f"state{jax.tree_util.keystr(path)}"
        if y.shape != k.shape:
            raise ShapeError(
                f"{name} returned a derivative of shape {k.shape} for {where} of shape {y.shape}: they must be equal; "
                "look for a broadcast or a sum over the wrong axis in the equation."
            )
        if jnp.issubdtype(k.dtype, jnp.complexfloating) and not jnp.issubdtype(y.dtype, jnp.complexfloating):
            raise PrecisionError(
                f"{name} returned complex numbers for the real {where}: start from a complex state, "
                "for example `state.astype(complex)` or a field of a complex function, or return the real part."
            )
        if real_dtype(k.dtype) != real_dtype(y.dtype):
            raise PrecisionError(
                f"{name} returned {k.dtype} for {where} of {y.dtype}: make coefficients and state one precision; "
                "enable jax_enable_x64 before any array is made, or cast with `.astype`."
            )
