"""Programs read operation by operation: what does not depend on the arguments is worked out before the rest."""

from collections.abc import Callable, Sequence

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxpr_as_fun, jaxprs_in_params
from jaxtyping import Array, PyTree

SPREADING = {"broadcast_in_dim", "iota", "reshape", "squeeze", "convert_element_type", "copy"}


def settled(function: Callable, *arrays: PyTree) -> tuple[Callable, list[Array]]:
    """`(rest, known)` with `rest(known, *arrays) = function(*arrays)`: all that can be done without the arrays is done.

    A piece that is compiled apart is closed to the compiler, which would move such work out of a loop. What only
    spreads few numbers over an array stays in the piece.
    """
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arrays)
    program = closed.jaxpr
    before, after = _divided(program)
    made = {v for equation in after for v in equation.outvars} | set(program.invars)
    handed = [v for v in dict.fromkeys(_read(after) + variables(program.outvars)) if v not in made]
    first = program.replace(eqns=before, invars=[], outvars=handed)
    second = program.replace(eqns=after, constvars=[], invars=[*handed, *program.invars])

    def rest(known: list[Array], *arrays: PyTree) -> PyTree:
        results = jaxpr_as_fun(ClosedJaxpr(second, []))(*known, *jax.tree.leaves(arrays))
        return jax.tree.unflatten(jax.tree.structure(shapes), results)

    return rest, jaxpr_as_fun(ClosedJaxpr(first, closed.consts))()


def opened(function: Callable, primitive: str) -> Callable:
    """The same function of arrays, written out where it calls another in which the primitive stands."""

    def run(program: Jaxpr, consts: Sequence, arrays: Sequence) -> list[Array]:
        values = dict(zip([*program.constvars, *program.invars], [*consts, *arrays], strict=True))

        def read(atom):
            return atom.val if isinstance(atom, Literal) else values[atom]

        for equation in program.eqns:
            if equation.primitive.name == "jit" and number_of(primitive, equation):
                inner = equation.params["jaxpr"]
                results = run(inner.jaxpr, inner.consts, [read(atom) for atom in equation.invars])
            else:
                results = alone(program, equation, {v: values[v] for v in variables(equation.invars)})
            values.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in program.outvars]

    def written_out(*arrays: Array) -> list[Array]:
        closed = jax.make_jaxpr(function)(*arrays)
        return run(closed.jaxpr, closed.consts, arrays)

    return written_out


def alone(program: Jaxpr, equation, values: dict) -> list[Array]:
    """The results of one operation of a program, from the values of the variables that it reads."""
    one = program.replace(eqns=[equation], constvars=[], invars=list(values), outvars=equation.outvars)
    return jaxpr_as_fun(ClosedJaxpr(one, []))(*values.values())


def number_of(primitive: str, equation) -> int:
    """How often a primitive stands in an operation of a program, in the functions that it calls too."""
    inside = (number_of(primitive, e) for part in jaxprs_in_params(equation.params) for e in part.eqns)
    return (equation.primitive.name == primitive) + sum(inside)


def _divided(program) -> tuple[list, list]:
    """The equations that do not wait for the arguments, and those that do, in order."""
    waiting, before, after = set(program.invars), [], []
    for equation in program.eqns:
        waits = bool(equation.effects) or not waiting.isdisjoint(variables(equation.invars))
        (after if waits else before).append(equation)
        if waits:
            waiting.update(equation.outvars)
    needed, read, kept, spread = set(_read(after)), set(), [], []
    for equation in reversed(before):
        spreads = equation.primitive.name in SPREADING and not needed.isdisjoint(equation.outvars)
        if spreads:
            spread.append(equation)
            needed.update(variables(equation.invars))
        if not spreads or not read.isdisjoint(equation.outvars):
            kept.append(equation)
            read.update(variables(equation.invars))
    return kept[::-1], spread[::-1] + after


def _read(equations) -> list:
    return [v for equation in equations for v in variables(equation.invars)]


def variables(atoms) -> list:
    """What of the operands of an operation is not a number."""
    return [v for v in atoms if not isinstance(v, Literal)]
