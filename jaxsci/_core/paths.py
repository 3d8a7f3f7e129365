"""Places inside a tree named by the path that leads to them, and trees with other values there."""

import ast
import re
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from .precision import as_floating

STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[([^\]]+)\]")


class Put(eqx.Module):
    """A tree with some places named: called with a value for each, it gives the tree that has them."""

    tree: PyTree
    paths: tuple[str, ...] = eqx.field(static=True)

    def __call__(self, values: dict[str, PyTree]) -> PyTree:
        if set(values) != set(self.paths):
            raise ValueError(f"values for {sorted(values)} were given, but the chosen paths are {sorted(self.paths)}.")
        return eqx.tree_at(
            lambda tree: [_found(tree, path) for path in self.paths], self.tree, [values[path] for path in self.paths]
        )


def choose(tree: PyTree, *paths: str) -> tuple[dict[str, PyTree], Put]:
    """Pick unknowns inside a law, a state or any other tree by path.

    Args:
        tree: what holds them.
        paths: where they are, as one would write it: `"viscosity"`, `"forcing.amplitude"`, `"layers[0].weight"`.

    Returns:
        The present values, by path, which serve as a guess; and `put`, with `put(values)` the tree that has other ones.

    Raises:
        ValueError: If a path leads nowhere, or to something that is not real numbers.

    Example:
        >>> import jaxsci as js
        >>> values, put = js.inference.choose(js.equations.Burgers(viscosity=0.1), "viscosity")
        >>> round(float(put({"viscosity": values["viscosity"] * 2}).viscosity), 3)
        0.2
    """
    if not paths:
        raise ValueError("no path was given: name at least one unknown, such as choose(equation, 'viscosity').")
    values = {path: _value(tree, path) for path in paths}
    return values, Put(tree, paths)


def _value(tree: PyTree, path: str) -> PyTree:
    value = _found(tree, path)
    value = as_floating(value) if isinstance(value, (int, float)) else value
    if not jax.tree.leaves(eqx.filter(value, eqx.is_inexact_array)):
        raise ValueError(f"{path!r} leads to {value!r}, which holds no real numbers to estimate.")
    return value


def _found(tree: PyTree, path: str) -> Any:
    node, position = tree, 0
    while position < len(path):
        step = STEP.match(path, position)
        if step is None:
            raise ValueError(f"{path!r} is not a path: write names with dots between and indices in brackets.")
        name, index = step.groups()
        try:
            node = getattr(node, name) if name else node[ast.literal_eval(index)]
        except (AttributeError, LookupError, TypeError, ValueError, SyntaxError):
            there = path[:position] or "the top"
            raise ValueError(f"{path!r} leads nowhere: at {there} there are {', '.join(_children(node))}.") from None
        position = step.end()
    return node


def _children(node: Any) -> list[str]:
    """What a path can go on with."""
    if isinstance(node, dict):
        return [f"[{key!r}]" for key in node]
    if isinstance(node, (list, tuple)) and not hasattr(node, "_fields"):
        return [f"[{i}]" for i in range(len(node))]
    names = getattr(node, "_fields", None) or getattr(node, "__dataclass_fields__", {})
    return list(names) or ["only values"]
