"""What a law asks of the state that it is given: its kind and shape, and the numbers of a start."""

from collections.abc import Callable
from typing import Any

from .._core.errors import ShapeError
from .._core.tracing import is_traced
from ..fields import is_field


def check_field(law: Any, u: Any) -> None:
    """Raise `TypeError` unless the state of a law is one field."""
    if not is_field(u):
        raise TypeError(f"{_name(law)} moves a Field, got {kind_of(u)}: build one with space.field(lambda x: ...).")


def check_fields(law: Any, u: Any, kind: type) -> None:
    """Raise `TypeError` unless the state of a law is a named tuple of the given kind, of fields."""
    wanted = f"{kind.__name__}({', '.join(kind._fields)})"
    if not isinstance(u, kind):
        raise TypeError(f"{_name(law)} moves the fields of a {wanted}, got {kind_of(u)}: write js.equations.{wanted}.")
    for name, part in zip(kind._fields, u, strict=True):
        if not is_field(part):
            raise TypeError(
                f"{_name(law)} moves fields, got {kind_of(part)} for {name} of {wanted}: build it with "
                "space.field(lambda x: ...)."
            )


def entries_of(law: Any, u: Any) -> Any:
    """The array that is the state of an ordinary law, after checking that it has the `entries` of the law."""
    names = law.entries
    if is_field(u) or not hasattr(u, "shape") or u.shape[:1] != (len(names),):
        raise ShapeError(
            f"{_name(law)} moves an array of {len(names)} entries along its first axis, got {kind_of(u)}: write "
            f"jnp.stack([{', '.join(names)}])."
        )
    return u


def share_lost(squares: Callable, u: Any) -> float:
    """How much of a state a law cannot keep, as a share of its root mean square; zero where it is traced.

    `squares(u)` gives the mean squares of what is lost and of the whole.
    """
    if is_traced(u):
        return 0.0
    lost, whole = map(float, squares(u))
    return (lost / whole) ** 0.5 if whole else 0.0


def _name(law: Any) -> str:
    return type(law).__name__


def kind_of(u: Any) -> str:
    """What a state is, in words."""
    if is_field(u):
        return f"a Field of value shape {u.shape}"
    return f"an array of shape {u.shape}" if hasattr(u, "shape") else f"a {type(u).__name__}"
