"""Unknowns of a law: numbers, arrays and networks inside it that are learned together with its solution."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..._core.errors import UnsupportedError
from ..._core.paths import Put, choose
from ...fields import Neural, is_field
from ...geometry import Box
from ..residuals.residual import Residual


class Exponential(eqx.Module):
    """The exponential of a function: a positive one."""

    function: Callable

    def __call__(self, x: Array) -> Array:
        return jnp.exp(self.function(x))


class Unknowns(eqx.Module):
    """Places in a law whose values are learned.

    Numbers are learned in units of their guess, or by their logarithm if they must stay positive; a positive function
    is the exponential of a network.

    Args:
        law: Puts values into the law.
        args: Puts values into its arguments.
        guesses: The values that the user gave.
        positive: Paths of values that stay positive.
    """

    law: Put | None
    args: Put | None
    guesses: dict[str, PyTree]
    positive: tuple[str, ...] = eqx.field(static=True)

    @property
    def start(self) -> dict[str, PyTree]:
        """What the optimiser moves, at the guess."""

        def coordinate(path, guess):
            content = _content(guess)
            if _is_function(content):
                return content
            if path in self.positive:
                return jax.tree.map(jnp.log, content)
            return jax.tree.map(lambda a: a / _unit(a), content)

        return {path: coordinate(path, guess) for path, guess in self.guesses.items()}

    def values(self, moved: dict[str, PyTree]) -> dict[str, PyTree]:
        """The values in the law, given what the optimiser moves."""

        def value(path, guess):
            content, z = _content(guess), moved[path]
            if _is_function(content):
                found = Exponential(z) if path in self.positive else z
            elif path in self.positive:
                found = jax.tree.map(jnp.exp, z)
            else:
                found = jax.tree.map(lambda a, b: a * _unit(b), z, content)
            return guess.replace(found) if is_field(guess) else found

        return {path: value(path, guess) for path, guess in self.guesses.items()}

    def put(self, law: Residual, moved: dict[str, PyTree]) -> Residual:
        """The law with these values."""
        values = self.values(moved)
        equation, args = law.equation, law.args
        if self.law is not None:
            equation = self.law({path: values[path] for path in self.law.paths})
        if self.args is not None:
            args = self.args({path: values["args" + path] for path in self.args.paths})
        return Residual(equation, law.shape, args)

    def shown(self, moved: dict[str, PyTree], box: Box | None) -> dict[str, PyTree]:
        """The values, functions of a point as fields."""
        return {path: _as_field(value, box) for path, value in self.values(moved).items()}

    @property
    def scalars(self) -> tuple[str, ...]:
        """Paths of what consists of numbers, not of functions."""
        return tuple(path for path, guess in self.guesses.items() if not callable(guess))


class LawOfUnknowns(eqx.Module):
    """The residual of a law with the values that the trial function carries."""

    law: Residual
    unknowns: Unknowns

    def __call__(self, trial: Callable, z: Array) -> Array:
        return self.unknowns.put(self.law, trial.unknowns)(trial, z)


def unknowns_of(law: Residual, paths: Sequence[str], positive: Sequence[str], dtype) -> Unknowns:
    """Find the unknowns in a law and its arguments.

    Raises:
        ValueError: If a path leads nowhere, is named twice, or a positive guess is not positive.
        UnsupportedError: If an unknown is complex.
    """
    paths, positive = (tuple([given] if isinstance(given, str) else given) for given in (paths, positive))
    if len(set(paths)) < len(paths):
        raise ValueError(f"unknowns={paths} names a place twice: name each once.")
    if not set(positive) <= set(paths):
        stranger = next(path for path in positive if path not in paths)
        raise ValueError(f"positive={positive} names {stranger!r}, which is not among unknowns={paths}: add it there.")
    inner = [path[4:] for path in paths if _in_args(path)]
    outer = [path for path in paths if not _in_args(path)]
    in_law, put_law = choose(law.equation, *outer) if outer else ({}, None)
    try:
        in_args, put_args = choose(law.args, *inner) if inner else ({}, None)
    except ValueError as error:
        raise ValueError(f"in args: {error}") from None
    found = in_law | {"args" + path: value for path, value in in_args.items()}
    guesses = {path: _checked(path, found[path], path in positive, dtype) for path in paths}
    return Unknowns(put_law, put_args, guesses, positive)


def _in_args(path: str) -> bool:
    return path == "args" or path.startswith(("args.", "args["))


def _checked(path: str, guess: PyTree, positive: bool, dtype) -> PyTree:
    content = _content(guess)
    if any(jnp.iscomplexobj(a) for a in jax.tree.leaves(eqx.filter(content, eqx.is_inexact_array))):
        raise UnsupportedError(f"the unknown {path!r} is complex: name its real and its imaginary part as two numbers.")
    if _is_function(content):
        return guess
    content = jax.tree.map(lambda a: jnp.asarray(a).astype(dtype), content)
    if positive and not all(bool(jnp.all(a > 0)) for a in jax.tree.leaves(content)):
        raise ValueError(f"the guess {guess} of {path!r} is not positive, but positive= names it: give a positive one.")
    return guess.replace(content) if is_field(guess) else content


def _content(value: PyTree) -> PyTree:
    """The data of a field, and everything else as it is."""
    return value.data if is_field(value) else value


def _is_function(content: PyTree) -> bool:
    return callable(content)


def _unit(guess: Array) -> Array:
    """The scale of each number: its guess, or the largest one where that is zero."""
    size = jnp.abs(guess)
    largest = jnp.max(size)
    return jnp.where(size > 0, size, jnp.where(largest > 0, largest, 1.0))


def _as_field(value: PyTree, box: Box | None) -> PyTree:
    if is_field(value) or not callable(value) or box is None:
        return value
    try:
        jax.eval_shape(value, jnp.zeros(box.dim))
    except Exception:
        return value
    return Neural(box).field(value)
