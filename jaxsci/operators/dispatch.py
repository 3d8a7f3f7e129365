"""Operators are tables: one row per storage. A missing row raises by name and says which storages have one."""

from collections.abc import Callable
from functools import update_wrapper

from .._core.errors import UnsupportedError
from ..fields import Field, Space


class Operator:
    """A map from fields to fields with one implementation per storage.

    The implementation is chosen by the space of the first argument; register one for your own space with
    `@operator.register(MySpace)`. The body of the contract checks the arguments for all of them.
    """

    def __init__(self, contract: Callable, advice: str = ""):
        update_wrapper(self, contract)
        self.contract = contract
        self.advice = advice
        self.rows: dict[type[Space], Callable] = {}

    def register(self, *spaces: type[Space]) -> Callable:
        """Add the implementation for one or more storages."""

        def add(implementation: Callable) -> Callable:
            self.rows.update(dict.fromkeys(spaces, implementation))
            return implementation

        return add

    def __call__(self, field: Field, *args, **kwargs):
        if not isinstance(field, Field):
            raise TypeError(
                f"{self.__name__} needs a Field, got {type(field).__name__}: build one with space.field(...)."
            )
        self.contract(field, *args, **kwargs)
        for kind in type(field.space).__mro__:
            if kind in self.rows:
                return self.rows[kind](field, *args, **kwargs)
        storages = ", ".join(kind.__name__ for kind in self.rows)
        raise UnsupportedError(
            f"{self.__name__} is not defined for {type(field.space).__name__} fields. {self.advice}"
            f"It is defined for: {storages}; bring the field there with `space.project(field)`."
        )

    def __repr__(self):
        return f"Operator({self.__name__}: {', '.join(kind.__name__ for kind in self.rows)})"


def operator(advice: str = "") -> Callable:
    """Turn a signature with a docstring into an Operator."""
    return lambda contract: Operator(contract, advice)
