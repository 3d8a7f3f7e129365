"""Families of problems: laws, starts and wall values that depend on parameters, which enter as further coordinates."""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ...geometry import BoundaryLaw, InTime


class Parameters(eqx.Module):
    """Stands in a problem where the parameters of a member belong."""


class OfMember(eqx.Module):
    """A function whose last argument is the parameters."""

    function: Callable


class Bound(eqx.Module):
    """A function with the parameters of one member."""

    function: Callable
    p: Array

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments, self.p)


def bound(tree: PyTree, p: Array) -> PyTree:
    """The problem, or a part of it, for the parameters p."""

    def bind(leaf):
        if isinstance(leaf, Parameters):
            return p
        return Bound(leaf.function, p) if isinstance(leaf, OfMember) else leaf

    return jax.tree.map(bind, tree, is_leaf=lambda leaf: isinstance(leaf, (Parameters, OfMember)))


def of_member(function: Any, number: int) -> Any:
    """The function, marked if it takes the parameters after `number` other arguments."""
    return OfMember(function) if callable(function) and _takes(function, number + 1) else function


def marked(laws: PyTree) -> PyTree:
    """Boundary laws whose values are marked where they depend on parameters."""

    def mark(law):
        if not callable(getattr(law, "value", None)):
            return law
        if isinstance(law.value, InTime):
            value = InTime(of_member(law.value.function, 2), law.value.t)
        else:
            value = of_member(law.value, 1)
        return eqx.tree_at(lambda law: law.value, law, value)

    return jax.tree.map(mark, laws, is_leaf=lambda law: isinstance(law, BoundaryLaw))


def _takes(function: Callable, number: int) -> bool:
    """Whether a function takes so many arguments; one that takes any number does not count."""
    if isinstance(function, eqx.Partial):
        return _takes(function.func, number + len(function.args))
    try:
        signature = inspect.signature(function)
        signature.bind(*range(number))
    except (TypeError, ValueError):
        return False
    return not any(parameter.kind is parameter.VAR_POSITIONAL for parameter in signature.parameters.values())


class Member(eqx.Module):
    """The trial function of a family for one member: a function of time and space."""

    family: Callable
    p: Array

    def __call__(self, z: Array) -> Array:
        return self.family(jnp.concatenate([z, self.p.astype(z.dtype)]))

    @property
    def conditions(self) -> Any:
        """What this member obeys by construction."""
        return self.family.conditions.member(self.p)

    @property
    def unknowns(self) -> Any:
        """The values that are learned with the network."""
        return self.family.unknowns

    @property
    def network(self) -> Callable:
        """The network of the family."""
        return self.family.network


class EachMember(eqx.Module):
    """A residual, or a function of `z = (t, x)`, made one of `(t, x, p)`."""

    one: Callable
    num_parameters: int = eqx.field(static=True)

    def __call__(self, *trial_and_point: Any) -> Array:
        *trials, z = trial_and_point
        n = z.shape[0] - self.num_parameters
        y, p = z[:n], z[n:]
        return bound(self.one, p)(*(Member(trial, p) for trial in trials), y)
