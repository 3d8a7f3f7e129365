"""How objects that hold a few numbers are printed."""

import dataclasses

import equinox as eqx
import jax


def with_numbers(module) -> str:
    """`Name(coefficient=value, ...)`, numbers as numbers and arrays by their shape."""
    items = ", ".join(f"{item.name}={_shown(getattr(module, item.name))}" for item in dataclasses.fields(module))
    return f"{type(module).__name__}({items})"


def _shown(value) -> str:
    if not eqx.is_array(value) or isinstance(value, jax.core.Tracer):
        return "traced" if isinstance(value, jax.core.Tracer) else repr(value)
    return f"{value:.6g}" if value.ndim == 0 else f"array of shape {value.shape}"
