"""Steps on periodic nodes with a margin: neighbours are copied once for many steps, in place of once for each.

A margin of `h` more nodes at either end of a ring holds what lies at the other end. A step whose stencils reach `c`
nodes gives right values on all but the outer `c` of them, so `k` steps that start with a margin of `k c` end with none,
and every loop between is a plain one over neighbours in memory. The nodes of the margin are worked out twice.

The program of a step is read operation by operation; a program that does more than `windows` knows of is left alone.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal
from jaxtyping import Array, PyTree

from .memory import PIECE, apart, apart_after
from .settled import alone, variables
from .windows import Unfit, Uniform, Wide, Window, applied, around, content, cut, is_wide, known_shape, refilled

Rings = tuple[int | None, ...]
CALLS = set("jit pjit closed_call core_call remat remat2 checkpoint custom_jvp_call custom_vjp_call".split())


def reach(step: Callable, arrays: PyTree, rings: Sequence[Rings], n) -> int | None:
    """How many nodes to either side `step(arrays, n)` reads, None where it cannot be taken with a margin."""
    if not all(any(leaf) for leaf in rings):
        return None
    margin = min(size for leaf in rings for size in leaf if size)
    used: list[int] = []

    def trace(arrays, n):
        after = _evaluated(step, _widened(arrays, rings, margin), n)
        used.extend(margin - _margin(value, leaf) for value, leaf in zip(after, rings, strict=True))

    try:
        jax.eval_shape(trace, arrays, n)
    except Exception:  # Unfit, or an operation that takes other arguments than these rules expect: no run may end here
        return None
    return max(used)


def with_margin(step: Callable, arrays: PyTree, rings: Sequence[Rings], number: int, width: int, first) -> PyTree:
    """`number` steps, `step(arrays, first)` and so on, each of which reads `width` nodes to either side."""
    leaves, structure = jax.tree.flatten(arrays)
    wide = apart(lambda leaves: [value.data for value in _widened(leaves, rings, number * width)], leaves)
    for k in range(number):
        margin = (number - k) * width

        def one(leaves, n, margin=margin):
            values = [_with_windows(leaf, rows, margin) for leaf, rows in zip(leaves, rings, strict=True)]
            after = _evaluated(step, jax.tree.unflatten(structure, values), n)
            return [_trimmed(value, margin - width) for value in after]

        wide = apart_after(one, wide, first + k)
    return jax.tree.unflatten(structure, wide)


def _with_windows(data: Array, rings: Rings, margin: int) -> Wide:
    windows = (None if size is None else Window(size, 0, size, -margin) for size in rings)
    return Wide(data, tuple(windows))


def _widened(arrays: PyTree, rings: Sequence[Rings], margin: int) -> PyTree:
    """The arrays with a margin on every ring."""

    def widen(data, sizes):
        for axis, size in enumerate(sizes):
            if size is not None:
                data = around(data, axis, size, margin, margin)
        return _with_windows(data, sizes, margin)

    leaves, structure = jax.tree.flatten(arrays)
    return jax.tree.unflatten(structure, [widen(*pair) for pair in zip(leaves, rings, strict=True)])


def _margin(value, rings: Rings) -> int:
    """The least margin of a result that lies on these rings."""
    windows = value.windows if is_wide(value) else (None,) * len(rings)
    if [None if w is None else w.size for w in windows] != list(rings):
        raise Unfit
    return min(min(w.ends(n)) for w, n in zip(windows, value.data.shape, strict=True) if w is not None)


def _trimmed(value: Wide, margin: int) -> Array:
    """The data of a result with just this margin on every ring."""
    return cut(value, [None if w is None else (margin, margin) for w in value.windows])


def _evaluated(step: Callable, arrays: PyTree, n) -> list:
    """The leaves of `step(arrays, n)`, some of the arrays wide."""
    leaves, structure = jax.tree.flatten(arrays, is_leaf=is_wide)
    shapes = [jax.ShapeDtypeStruct(known_shape(leaf), content(leaf).dtype) for leaf in leaves]
    closed = jax.make_jaxpr(step)(jax.tree.unflatten(structure, shapes), n)
    return _run(closed.jaxpr, closed.consts, [*leaves, n])


def _run(program, consts: Sequence, arguments: Sequence) -> list:
    """The results of a program, some of its arguments wide."""
    values = dict(zip(program.constvars, consts, strict=True)) | dict(zip(program.invars, arguments, strict=True))

    def read(atom):
        return np.asarray(atom.val, atom.aval.dtype) if isinstance(atom, Literal) else values[atom]

    for equation in _needed(program):
        results = _applied(program, equation, [read(atom) for atom in equation.invars])
        values.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in program.outvars]


def _needed(program) -> list:
    """The operations whose results are asked for."""
    asked, kept = set(variables(program.outvars)), []
    for equation in reversed(program.eqns):
        if equation.effects or not asked.isdisjoint(equation.outvars):
            kept.append(equation)
            asked.update(variables(equation.invars))
    return kept[::-1]


def _applied(program, equation, operands: list) -> list:
    if equation.primitive.name in CALLS and any(map(is_wide, operands)):
        return _called(equation, operands)
    if equation.primitive.name == "optimization_barrier":
        return operands
    if any(map(is_wide, operands)):
        return [applied(equation, operands)]
    if equation.primitive.name == "broadcast_in_dim":
        (number,) = operands
        if isinstance(number, Uniform) or not jnp.ndim(number):
            return [number if isinstance(number, Uniform) else Uniform(number)]
    return _plainly(program, equation, operands)


def _plainly(program, equation, operands: list) -> list:
    """An operation on arrays that lie on no ring."""
    given = {
        atom: jnp.broadcast_to(value.number, atom.aval.shape) if isinstance(value, Uniform) else value
        for atom, value in zip(equation.invars, operands, strict=True)
        if not isinstance(atom, Literal)
    }
    return alone(program, equation, given)


def _called(equation, operands: list) -> list:
    """A program within the program; one that is compiled apart stays so, unless it only moves windows."""
    inner = next(equation.params[name] for name in ("jaxpr", "call_jaxpr", "fun_jaxpr") if name in equation.params)
    program, consts = getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())
    if equation.params.get("name") != PIECE or all(e.primitive.name in ("slice", "concatenate") for e in program.eqns):
        return _run(program, consts, operands)
    results: list = []

    def piece(arrays):
        results[:] = _run(program, consts, [refilled(*pair) for pair in zip(operands, arrays, strict=True)])
        return [content(value) for value in results]

    arrays = apart(piece, [content(value) for value in operands])
    return [refilled(*pair) for pair in zip(results, arrays, strict=True)]
