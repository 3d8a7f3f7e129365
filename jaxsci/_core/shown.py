"""How objects that hold a few numbers are printed."""

import dataclasses

import equinox as eqx
import jax


def with_numbers(module) -> str:
    """`Name(coefficient=value, ...)`, numbers as numbers and arrays by their shape."""
    items = ", ".join(f"{item.name}={shown(getattr(module, item.name))}" for item in dataclasses.fields(module))
    return f"{type(module).__name__}({items})"


def shown(value) -> str:
    """A number as it is, an array by its shape, anything else as it prints itself."""
    if not eqx.is_array(value) or isinstance(value, jax.core.Tracer):
        return "traced" if isinstance(value, jax.core.Tracer) else repr(value)
    return f"{value:.6g}" if value.ndim == 0 else f"array of shape {value.shape}"
