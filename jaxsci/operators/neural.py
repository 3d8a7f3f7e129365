"""Operators on functions: exact differentiation in forward mode."""

from ..fields import Field, Neural
from ..fields.neural import Derivative
from .calculus import derivative


@derivative.register(Neural)
def _(field: Field, axis: int = 0, order: int = 1) -> Field:
    return field.replace(Derivative(field.data, int(axis), int(order)))
