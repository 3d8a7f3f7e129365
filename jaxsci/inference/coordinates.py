"""Unknowns as one flat vector: of physical values, or of numbers on the real line that searches and chains move."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .._core.errors import ShapeError, UnsupportedError
from .._core.precision import as_floating
from ..fields import Field
from .distributions import Distribution, Flat


def is_stored(node: Any) -> bool:
    """Whether a node is a Field whose unknowns are its values at nodes, as opposed to a network."""
    return isinstance(node, Field) and eqx.is_array_like(node.data)


def as_unknowns(tree: PyTree) -> PyTree:
    """The tree with numbers as arrays, so that they can be differentiated by; Modules and Fields as they are."""

    def convert(node):
        is_number = isinstance(node, (int, float, complex, np.ndarray, np.generic)) and not isinstance(node, bool)
        return as_floating(node) if is_number else node

    return jax.tree.map(convert, tree, is_leaf=lambda node: isinstance(node, eqx.Module))


def as_arrays(tree: PyTree) -> PyTree:
    """Fields as arrays of their values, and numbers as arrays; the rest as it is."""
    return jax.tree.map(lambda node: node.values if is_stored(node) else node, as_unknowns(tree), is_leaf=is_stored)


def unknown_leaves(tree: PyTree) -> list[tuple[str, Array]]:
    """Name and array of every unknown, Fields as their values.

    Raises:
        TypeError: If there is no unknown.
        UnsupportedError: If one is complex.
    """
    paths = jax.tree_util.tree_leaves_with_path(eqx.filter(as_arrays(tree), eqx.is_inexact_array))
    leaves = [(jax.tree_util.keystr(path, simple=True, separator=".") or "unknown", leaf) for path, leaf in paths]
    if not leaves:
        raise TypeError("there is no unknown: the guess holds no real array or number.")
    for name, leaf in leaves:
        if jnp.iscomplexobj(leaf):
            raise UnsupportedError(
                f"the unknown {name!r} is complex: let its real and imaginary parts be the unknowns, and put them "
                "together in `predict`."
            )
    return leaves


def one_each(prior: PyTree, unknowns: PyTree) -> tuple[Distribution, ...]:
    """The distribution of every unknown, in the order of `unknown_leaves`; flat where there is none."""
    arrays = eqx.filter(as_arrays(unknowns), eqx.is_inexact_array)

    def is_prior(node):
        return node is None or isinstance(node, Distribution)

    def spread(distribution, branch):
        return jax.tree.map(lambda _: Flat() if distribution is None else distribution, branch)

    try:
        spread_out = jax.tree.map(spread, prior, arrays, is_leaf=is_prior)
    except ValueError as error:
        wanted = ", ".join(name for name, _ in unknown_leaves(unknowns))
        raise ValueError(
            f"the prior does not fit the unknowns {wanted}: give one distribution for each in the same containers, "
            f"None where nothing is known, or one for all ({error})."
        ) from None
    return tuple(jax.tree.leaves(spread_out, is_leaf=lambda node: isinstance(node, Distribution)))


def check_prior(prior: PyTree) -> None:
    """Raise `TypeError` if a prior holds anything but distributions."""
    for leaf in jax.tree.leaves(prior, is_leaf=lambda node: isinstance(node, Distribution)):
        if not isinstance(leaf, Distribution):
            raise TypeError(f"a prior is a distribution, such as js.inference.Normal(0.0, 1.0), not {leaf!r}.")


class Coordinates(eqx.Module):
    """A flat vector for the unknowns of a posterior, and the way back.

    `vector` and `tree` keep physical values; `to_unconstrained` and `to_physical` go to the real line and back by the
    transform of each prior. Made by `posterior.flatten(guess)`.

    Example:
        >>> import jaxsci as js
        >>> rate = {"rate": js.inference.LogNormal(0.0, 1.0)}
        >>> posterior = js.inference.Posterior(lambda u: u["rate"] * jnp.ones(3), [1.0, 2.0, 1.5], 0.1, rate)
        >>> flat = posterior.flatten({"rate": 1.0})
        >>> flat.names, flat.to_unconstrained({"rate": 1.0}).tolist()
        (['rate'], [0.0])
    """

    template: PyTree
    priors: tuple[Distribution, ...]

    @property
    def leaves(self) -> list[tuple[str, Array]]:
        """Name and array of every unknown of the guess."""
        return unknown_leaves(self.template)

    @property
    def size(self) -> int:
        """How many numbers are unknown."""
        return sum(leaf.size for _, leaf in self.leaves)

    @property
    def dtype(self) -> np.dtype:
        """The precision of the vector: that of the unknowns, the higher one if they differ."""
        strong = [leaf.dtype for _, leaf in self.leaves if not leaf.weak_type]
        return max(strong, key=lambda dtype: dtype.itemsize) if strong else jnp.zeros(()).dtype

    @property
    def names(self) -> list[str]:
        """One name for each number, such as `"alpha"`, `"field[3]"` or `"rates.beta"`."""
        return [
            name + (f"[{','.join(map(str, index))}]" if leaf.ndim else "")
            for name, leaf in self.leaves
            for index in np.ndindex(leaf.shape)
        ]

    @property
    def lower(self) -> Float[Array, " n"]:
        """The least physical value of each number, where the prior density does not vanish there."""
        return self._ends(0)

    @property
    def upper(self) -> Float[Array, " n"]:
        """The largest physical value of each number, where the prior density does not vanish there."""
        return self._ends(1)

    def vector(self, unknowns: PyTree) -> Float[Array, " n"]:
        """Physical values in one vector."""
        return self.join([leaf for _, leaf in self._matched(unknowns)])

    def tree(self, vector: Float[Array, " n"]) -> PyTree:
        """The unknowns of a vector of physical values."""
        return self.rebuild(self.split(vector))

    def to_unconstrained(self, unknowns: PyTree) -> Float[Array, " n"]:
        """Numbers z on the real line.

        Raises:
            ValueError: If an unknown lies outside the support of its prior, or on its edge.
        """
        parts = []
        for (name, leaf), prior in zip(self._matched(unknowns), self.priors, strict=True):
            z = prior.transform.inverse(leaf)
            if not isinstance(z, jax.core.Tracer) and not bool(jnp.isfinite(z).all()):
                raise ValueError(
                    f"the value {leaf} of {name!r} is not inside the support of its prior, {prior}: choose a "
                    "value inside, or another prior."
                )
            parts.append(z)
        return self.join(parts)

    def to_physical(self, z: Float[Array, " n"]) -> PyTree:
        """The unknowns of numbers on the real line."""
        parts = self.split(z)
        return self.rebuild([prior.transform.forward(x) for prior, x in zip(self.priors, parts, strict=True)])

    def log_jacobian(self, z: Float[Array, " n"]) -> Float[Array, ""]:
        """`log |d physical / dz|`: what the log density gains when it is seen as one of z."""
        parts = self.split(z)
        return sum(
            (prior.transform.log_jacobian(x).astype(z.dtype) for prior, x in zip(self.priors, parts, strict=True)),
            start=jnp.zeros((), z.dtype),
        )

    def _matched(self, unknowns: PyTree) -> list[tuple[str, Array]]:
        found, expected = unknown_leaves(unknowns), self.leaves
        if [(name, leaf.shape) for name, leaf in found] != [(name, leaf.shape) for name, leaf in expected]:
            raise ShapeError(
                f"unknowns {[(name, leaf.shape) for name, leaf in found]} do not have the containers and shapes of the "
                f"guess, {[(name, leaf.shape) for name, leaf in expected]}."
            )
        return found

    def join(self, leaves: list[Array]) -> Float[Array, " n"]:
        """One vector of the arrays, one for each unknown."""
        return jnp.concatenate([leaf.ravel().astype(self.dtype) for leaf in leaves])

    def split(self, vector: Float[Array, " n"]) -> list[Array]:
        """The arrays of a vector, one for each unknown."""
        if vector.shape != (self.size,):
            raise ShapeError(f"a vector of shape {vector.shape} was given for {self.size} unknown numbers.")
        parts, start = [], 0
        for _, leaf in self.leaves:
            part = vector[start : start + leaf.size].reshape(leaf.shape)
            parts.append(part if leaf.weak_type else part.astype(leaf.dtype))
            start += leaf.size
        return parts

    def rebuild(self, parts: list[Array]) -> PyTree:
        """The unknowns of their arrays."""
        arrays = as_arrays(self.template)
        moving, fixed = eqx.partition(arrays, eqx.is_inexact_array)
        filled = eqx.combine(jax.tree.unflatten(jax.tree.structure(moving), parts), fixed)
        return jax.tree.map(_restored, self.template, filled, is_leaf=is_stored)

    def _ends(self, which: int) -> Array:
        parts = []
        for (_, leaf), prior in zip(self.leaves, self.priors, strict=True):
            end = prior.support[which] if prior.closed else (-np.inf, np.inf)[which]
            parts.append(jnp.broadcast_to(jnp.asarray(end).astype(self.dtype), leaf.shape))
        return self.join(parts)


def _restored(like: Any, value: Any) -> Any:
    """The Field of an array of values; anything else as it is."""
    return like.space.field(value, like.dtype).to(like.layout) if is_stored(like) else value
