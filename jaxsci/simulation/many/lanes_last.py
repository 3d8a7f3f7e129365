"""A function of one lane applied to many, the lane axis last in every array, so that vectors run along lanes.

`jax.vmap` moves its axis to the front wherever a value is broadcast, and there a law of few unknowns leaves no loop
long enough to make vectors of.
"""

import itertools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.extend.core import Literal, primitives
from jaxtyping import Array, PyTree

SMALL = 16


def lanes_last(function: Callable, size: int) -> Callable:
    """`function`, mapped over the last axis of every argument and result; all lanes together are `size`."""

    def mapped(*arguments: PyTree) -> PyTree:
        jaxpr, shapes = jax.make_jaxpr(function, return_shape=True)(*_one(arguments))
        results = _evaluate(jaxpr.jaxpr, jaxpr.consts, [(a, True) for a in jax.tree.leaves(arguments)], size)
        return jax.tree.unflatten(jax.tree.structure(shapes), [_spread(a, lanes, size) for a, lanes in results])

    return mapped


def ignores(function: Callable, place: int, *arguments: PyTree) -> bool:
    """Whether the result of `function` for one lane leaves its argument number `place`, an array, unread."""
    jaxpr = jax.make_jaxpr(function)(*_one(arguments)).jaxpr
    argument = jaxpr.invars[len(jax.tree.leaves(arguments[:place]))]
    read = [variable for equation in jaxpr.eqns for variable in equation.invars]
    return not any(variable is argument for variable in (*read, *jaxpr.outvars))


def _one(arguments: PyTree) -> PyTree:
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[:-1], a.dtype), arguments)


def _spread(array, lanes: bool, size: int) -> Array:
    return array if lanes else jnp.broadcast_to(jnp.asarray(array)[..., None], (*jnp.shape(array), size))


def _evaluate(jaxpr, constants, arguments, size: int) -> list[tuple[Array, bool]]:
    """Results of the program, each with whether it has a lane axis."""
    values = dict(zip(jaxpr.constvars, [(c, False) for c in constants], strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))

    def read(variable):
        return (variable.val, False) if isinstance(variable, Literal) else values[variable]

    for equation in jaxpr.eqns:
        inputs = [read(variable) for variable in equation.invars]
        results = _apply(equation.primitive, equation.params, inputs, size)
        values.update(zip(equation.outvars, results, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _apply(primitive, params, inputs, size: int) -> list[tuple[Array, bool]]:
    for name in ("jaxpr", "call_jaxpr"):
        if primitive.name in INLINED and name in params:
            inner = params[name]
            return _evaluate(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), inputs, size)
    arrays, lanes = [a for a, _ in inputs], [lanes for _, lanes in inputs]
    if not any(lanes):
        results = primitive.bind(*arrays, **params)
        return [(a, False) for a in (results if primitive.multiple_results else [results])]
    if primitive.name in ELEMENTWISE:
        return [(primitive.bind(*_pointwise(inputs, size, primitive.name == "select_n"), **params), True)]
    rule = RULES.get(primitive)
    if rule is not None:
        return [(rule(arrays, params, size, inputs), True)]
    results = jax.vmap(
        lambda *a: primitive.bind(*a, **params), in_axes=[-1 if has else None for has in lanes], out_axes=-1
    )(*arrays)
    return [(a, True) for a in (results if primitive.multiple_results else [results])]


def _alike(inputs, size: int) -> list[Array]:
    return [_spread(array, lanes, size) for array, lanes in inputs]


def _pointwise(inputs, size: int, strict: bool) -> list[Array]:
    """Operands of one shape, but for single numbers, which all but `strict` primitives take beside any shape."""
    shape = jnp.broadcast_shapes(*(jnp.shape(array)[: -1 if lanes else None] for array, lanes in inputs))

    def fitted(array, lanes):
        if not lanes and not jnp.ndim(array) and not strict:
            return array
        return jnp.broadcast_to(array if lanes else jnp.asarray(array)[..., None], (*shape, size))

    return [fitted(array, lanes) for array, lanes in inputs]


INLINED = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint"}
# fmt: off
ELEMENTWISE = {
    "neg", "sign", "floor", "ceil", "round", "exp", "exp2", "log", "expm1", "log1p", "tanh", "tan", "sin", "cos",
    "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atan2", "sqrt", "rsqrt", "cbrt", "abs", "integer_pow",
    "pow", "square", "add", "sub", "mul", "div", "rem", "max", "min", "nextafter", "logistic", "erf", "erfc",
    "lgamma", "digamma", "is_finite", "not", "and", "or", "xor", "eq", "ne", "lt", "le", "gt", "ge",
    "convert_element_type", "stop_gradient", "copy", "real", "imag", "conj", "complex", "select_n",
}
# fmt: on


def _broadcast(arrays, params, size, inputs):
    shape = params["shape"]
    return jax.lax.broadcast_in_dim(arrays[0], (*shape, size), (*params["broadcast_dimensions"], len(shape)))


def _sum(arrays, params, size, inputs):
    """The sum over axes of a few numbers is written out: a loop over them would come inside that over the lanes."""
    array, axes = arrays[0], tuple(params["axes"])
    counts = [array.shape[axis] for axis in axes]
    total = None
    if math.prod(counts) <= SMALL:
        for place in itertools.product(*map(range, counts)):
            term = array
            for axis, i in sorted(zip(axes, place, strict=True), reverse=True):
                term = jax.lax.index_in_dim(term, i, axis, keepdims=False)
            total = term if total is None else total + term
    return jnp.sum(array, axis=axes, dtype=array.dtype) if total is None else total


def _slice(arrays, params, size, inputs):
    strides = params["strides"] or (1,) * len(params["start_indices"])
    return jax.lax.slice(arrays[0], (*params["start_indices"], 0), (*params["limit_indices"], size), (*strides, 1))


RULES = {
    primitives.broadcast_in_dim_p: _broadcast,
    primitives.reduce_sum_p: _sum,
    primitives.slice_p: _slice,
    primitives.squeeze_p: lambda arrays, params, size, inputs: jax.lax.squeeze(arrays[0], params["dimensions"]),
    primitives.reshape_p: lambda arrays, params, size, inputs: arrays[0].reshape(*params["new_sizes"], size),
    primitives.transpose_p: lambda arrays, params, size, inputs: jax.lax.transpose(
        arrays[0], (*params["permutation"], len(params["permutation"]))
    ),
    primitives.concatenate_p: lambda arrays, params, size, inputs: jax.lax.concatenate(
        _alike(inputs, size), params["dimension"]
    ),
}
