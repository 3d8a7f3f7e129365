"""Transforms that run beside each other, on as many cores of a CPU as there are.

XLA starts an operation as soon as no other writes what it reads or reads where it writes, and shares what is ready
among threads once it is more than eight operations. Left to itself it gives a transform the memory of one before it,
whose end the transform must then wait for; and two that are ready at once are too few to be shared. So a piece keeps
until its end what its transforms read and give, and hands out a few numbers of what each reads: operations of no cost.
"""

import jax
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun
from jaxtyping import Array

from .memory import apart_after
from .settled import number_of, variables

WITNESSES = 4


def beside(program: ClosedJaxpr, *arrays: Array) -> list[Array]:
    """What the program gives for the arrays, in a piece compiled apart, its transforms beside each other."""
    inner = program.jaxpr
    transforms = [equation for equation in inner.eqns if number_of("fft", equation)]
    read = list(dict.fromkeys(v for equation in transforms for v in variables(equation.invars)))
    given = dict.fromkeys(v for equation in transforms for v in equation.outvars)
    kept = [v for v in dict.fromkeys([*read, *given]) if v not in (*inner.invars, *inner.outvars)]
    longer = jaxpr_as_fun(ClosedJaxpr(inner.replace(outvars=[*inner.outvars, *read, *kept]), program.consts))
    count = len(inner.outvars)

    def piece(*arrays: Array) -> list[Array]:
        results = longer(*arrays)
        read_values, kept_values = jax.lax.stop_gradient((results[count:][: len(read)], results[count + len(read) :]))
        return [*results[:count], *kept_values, *(number for array in read_values for number in _witnesses(array))]

    return apart_after(piece, *arrays)[:count]


def _witnesses(array: Array) -> list[Array]:
    """A few single numbers of an array."""
    corner = (0,) * (array.ndim - 1)
    ends = [(1,) * (array.ndim - 1) + (i + 1,) for i in range(min(WITNESSES, array.shape[-1]))]
    return [jax.lax.slice(array, (*corner, i), end) for i, end in enumerate(ends)]
