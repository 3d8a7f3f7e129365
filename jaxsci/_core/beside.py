"""Transforms that run beside each other, on as many cores of a CPU as there are.

XLA starts an operation as soon as no other writes what it reads or reads where it writes, and shares what is ready
among threads once it is more than eight operations. Left to itself it gives a transform the memory of one before it,
whose end the transform must then wait for; and two that are ready at once are too few to be shared. So a piece keeps
until its end what its transforms read and give, and hands out a few numbers of what each reads: operations of no cost.

A piece is one operation of a program, so that its derivatives are such pieces, too: one for the values and what their
tangents need, one for the tangents, and for cotangents its transpose. What nobody reads of a piece is taken out of it.
"""

from collections.abc import Callable

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir, partial_eval as pe
from jaxtyping import Array

from .memory import apart, keeps_apart
from .settled import number_of, opened, settled, variables

WITNESSES = 4


def beside(function: Callable, *arrays: Array) -> list[Array]:
    """The list of arrays `function(*arrays)`, from a piece compiled apart, its transforms beside each other.

    What can be done without the arrays is done before, which a loop around the piece then does once.
    """
    if not keeps_apart():
        return function(*arrays)
    rest, known = settled(opened(function, "fft"), *arrays)
    count = len(known)
    inner = jax.make_jaxpr(lambda *both: rest(both[:count], *both[count:]))(*known, *arrays).jaxpr
    read = dict(zip(inner.invars, [*known, *arrays], strict=True))
    made = list(dict.fromkeys(v for v in variables(inner.outvars) if v not in read))
    results = piece_p.bind(*read.values(), program=inner.replace(outvars=made)) if made else []
    found = read | dict(zip(made, results, strict=True))
    return [v.val if isinstance(v, Literal) else found[v] for v in inner.outvars]


piece_p = Primitive("piece")
piece_p.multiple_results = True


def _function(program: Jaxpr) -> Callable:
    return jaxpr_as_fun(ClosedJaxpr(program, []))


@piece_p.def_impl
def _values(*arrays: Array, program: Jaxpr) -> list[Array]:
    return _function(program)(*arrays)


@piece_p.def_abstract_eval
def _shapes(*_, program: Jaxpr) -> list:
    return [v.aval for v in program.outvars]


def _kept(*arrays: Array, program: Jaxpr) -> list[Array]:
    """The results of a program compiled apart, which keeps until its end what its transforms read and give."""
    transforms = [equation for equation in program.eqns if number_of("fft", equation)]
    read = list(dict.fromkeys(v for equation in transforms for v in variables(equation.invars)))
    given = dict.fromkeys(v for equation in transforms for v in equation.outvars)
    kept = [v for v in dict.fromkeys([*read, *given]) if v not in (*program.invars, *program.outvars)]
    count, longer = len(program.outvars), _function(program.replace(outvars=[*program.outvars, *kept, *read]))

    def piece(*arrays: Array) -> list[Array]:
        results = longer(*arrays)
        witnesses = [number for array in results[count + len(kept) :] for number in _witnesses(array)]
        return [*results[: count + len(kept)], *witnesses]

    return apart(piece, *arrays)[:count]


mlir.register_lowering(piece_p, mlir.lower_fun(_kept))


def _witnesses(array: Array) -> list[Array]:
    """A few single numbers of an array."""
    corner = (0,) * (array.ndim - 1)
    ends = [(1,) * (array.ndim - 1) + (i + 1,) for i in range(min(WITNESSES, array.shape[-1]))]
    return [jax.lax.slice(array, (*corner, i), end) for i, end in enumerate(ends)]


def _of_some(program: Jaxpr, arrays, free: list[bool]) -> Callable:
    """The program as a function of the arrays that are free, the others as they are given."""

    def function(*moving: Array) -> list[Array]:
        given = iter(moving)
        return _function(program)(*(next(given) if yes else a for a, yes in zip(arrays, free, strict=True)))

    return function


def _tangents(primals, tangents, *, program: Jaxpr):
    """The results and their tangents: what the linear map of the tangents reads comes from the piece of the values."""
    moves = [not isinstance(tangent, ad.Zero) for tangent in tangents]
    rule = None

    def values(*moving: Array) -> list[Array]:
        nonlocal rule
        results, linear = jax.linearize(_of_some(program, primals, moves), *moving)
        numbers, rule = jax.tree.flatten(linear)
        return [*results, *numbers]

    results = beside(values, *(primal for primal, yes in zip(primals, moves, strict=True) if yes))
    count = len(program.outvars)
    linear = jax.tree.unflatten(rule, results[count:])
    return results[:count], beside(linear, *(tangent for tangent, yes in zip(tangents, moves, strict=True) if yes))


ad.primitive_jvps[piece_p] = _tangents


def _cotangents(given, *arrays, program: Jaxpr) -> list[Array | None]:
    """The cotangents of the arrays in which a piece is linear."""
    free = [ad.is_undefined_primal(array) for array in arrays]
    asked = [not isinstance(cotangent, ad.Zero) for cotangent in given]
    shapes = [jax.ShapeDtypeStruct(a.aval.shape, a.aval.dtype) for a, yes in zip(arrays, free, strict=True) if yes]
    some = program.replace(outvars=[v for v, yes in zip(program.outvars, asked, strict=True) if yes])

    def back(*cotangents: Array) -> list[Array]:
        return list(jax.linear_transpose(_of_some(some, arrays, free), *shapes)(list(cotangents)))

    found = iter(beside(back, *(cotangent for cotangent, yes in zip(given, asked, strict=True) if yes)))
    return [next(found) if yes else None for yes in free]


ad.primitive_transposes[piece_p] = _cotangents


def _many(arrays, axes, *, program: Jaxpr) -> tuple[list[Array], list[int]]:
    """A piece of many at once, counted by the leading axis of its results."""
    results = beside(jax.vmap(_function(program), in_axes=axes), *arrays)
    return results, [0] * len(results)


batching.primitive_batchers[piece_p] = _many


def _without_unread(read: list[bool], *rest):
    """Which operands are needed, and the piece, where only some results are read."""
    equation = rest[-1]  # jax 0.12 says before it which operands are read later
    if not any(read):
        return [False] * len(equation.invars), None
    program, needs = pe.dce_jaxpr(equation.params["program"], used_outputs=read)
    return needs, equation.replace(
        invars=[v for v, yes in zip(equation.invars, needs, strict=True) if yes],
        outvars=[v for v, yes in zip(equation.outvars, read, strict=True) if yes],
        params={"program": program},
    )


pe.dce_rules[piece_p] = _without_unread
