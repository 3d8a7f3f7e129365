"""Derivatives of any order by truncated Taylor series in several variables, carried once through a function.

A value is the sum of `c_a (z - z0)^a` over a set of multi-indices `a` that holds every part of its members, so that
sums and products close in it. Linear operations act on each coefficient, products convolve them, and a function of one
number is composed by its own derivatives. Only coefficients that are asked for, or lead to those, are ever computed:
`u, u_x, u_xx, u_t` cost four of them, and no derivative is taken of a derivative. A Laplacian is one coefficient more
than the gradient, since its rule `lap(fg) = f lap g + 2 grad f . grad g + g lap f` needs no second derivative alone.

References: Griewank & Walther, Evaluating Derivatives (2008), chapter 13; Li et al., Nature Machine Intelligence 6
(2024) 209, for the forward Laplacian.
"""

import math
from collections.abc import Callable, Iterable
from functools import reduce
from itertools import product as grid_of
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core
from jaxtyping import Array

Index = tuple[int, ...]
Series = dict[Index, Array]
SUMMED = -1


def derivatives(function: Callable[[Array], Array], z: Array, indices: Iterable[Index]) -> Series:
    """The partial derivatives `D^a f(z)` for several multi-indices `a`, in one pass.

    Args:
        function: A function of one point.
        z: The point.
        indices: Which derivatives: one order per coordinate; `SUMMED` for those of a Laplacian, with order zero for the
            others.

    Example:
        >>> import jax.numpy as jnp
        >>> found = derivatives(lambda z: jnp.sin(z[0]) * z[1] ** 2, jnp.array([0.0, 3.0]), [(1, 0), (1, 1)])
        >>> float(found[1, 0]), float(found[1, 1])
        (9.0, 6.0)
    """
    asked = list(dict.fromkeys(indices))
    known = _closed([a for a in asked if SUMMED not in a])
    split = [a for a in asked if SUMMED in a and all(b in known for b in terms_of(a))]
    found = _derivatives(function, z, [a for a in asked if a not in split] + [b for a in split for b in terms_of(a)])
    return {a: sum(found[b] for b in terms_of(a)) if a in split else found[a] for a in asked}


def terms_of(index: Index) -> list[Index]:
    """The derivatives whose sum an index stands for: one, or the second ones of a Laplacian."""
    axes = [i for i, order in enumerate(index) if order == SUMMED]
    return [tuple(2 * (i == axis) for i in range(len(index))) for axis in axes] or [index]


def _derivatives(function: Callable, z: Array, indices: list[Index]) -> Series:
    try:
        series = Algebra(indices, z.shape[0]).through(function, z)
    except Unlisted:
        return {index: sum(_nested(function, z, a) for a in terms_of(index)) for index in indices}
    zero = jax.eval_shape(function, z)
    return {a: _factor(a) * series[a] if a in series else jnp.zeros(zero.shape, zero.dtype) for a in indices}


def _factor(index: Index) -> int:
    """The derivative over its coefficient; half the sum of second derivatives is carried for a Laplacian."""
    return 2 if SUMMED in index else math.prod(map(math.factorial, index))


def _closed(indices: Iterable[Index]) -> set[Index]:
    """The indices with all parts of their members; a Laplacian needs the slopes along its axes."""
    plain = [a for a in indices if SUMMED not in a]
    halves = [tuple(order // 2 for order in b) for a in indices if SUMMED in a for b in terms_of(a)]
    return {b for a in plain + halves for b in grid_of(*(range(order + 1) for order in a))}


def _order(index: Index) -> int:
    return 2 if SUMMED in index else sum(index)


class Unlisted(Exception):
    """A primitive without a rule for series."""


def _nested(function: Callable, z: Array, index: Index) -> Array:
    for axis, order in enumerate(index):
        for _ in range(order):
            function = _along(function, jnp.zeros_like(z).at[axis].set(1))
    return function(z)


def _along(function: Callable, direction: Array) -> Callable:
    return lambda y: jax.jvp(function, (y,), (direction,))[1]


class Algebra:
    """Truncated series in the multi-indices below the given ones, and in Laplacians."""

    def __init__(self, indices: Iterable[Index], dim: int):
        indices = list(indices)
        self.zero = (0,) * dim
        self.known = _closed(indices) | {self.zero}
        self.summed = {a: {tuple(n // 2 for n in b) for b in terms_of(a)} for a in indices if SUMMED in a}
        self.indices = sorted(self.known | set(self.summed), key=lambda a: (_order(a), a))
        self.order = max(map(_order, self.indices))

    def through(self, function: Callable, z: Array) -> Series:
        """The series of a function at a point."""
        closed = jax.make_jaxpr(function)(z)
        seed = {self.zero: z}
        for axis in range(len(self.zero)):
            unit = tuple(int(i == axis) for i in range(len(self.zero)))
            if unit in self.known:
                seed[unit] = jnp.zeros_like(z).at[axis].set(1)
        (result,) = self.run(closed.jaxpr, closed.consts, [seed])
        return result if isinstance(result, dict) else {self.zero: result}

    def run(self, jaxpr: Any, consts: Iterable, arguments: Iterable) -> list:
        """Evaluate a traced program on series; values that are no dicts are constants."""
        values: dict = dict(zip(jaxpr.constvars, consts, strict=True)) | dict(zip(jaxpr.invars, arguments, strict=True))

        def read(atom):
            return atom.val if isinstance(atom, core.Literal) else values[atom]

        for equation in jaxpr.eqns:
            results = self.apply(equation, [read(atom) for atom in equation.invars])
            values.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def apply(self, equation: Any, inputs: list) -> list:
        primitive, name, params = equation.primitive, equation.primitive.name, equation.params

        def bind(*operands):
            found = primitive.bind(*operands, **params)
            return list(found) if primitive.multiple_results else [found]

        inner = params.get("jaxpr", params.get("call_jaxpr")) if name in CALLS else None
        if not any(isinstance(a, dict) for a in inputs):
            return self.run(*_opened(inner), inputs) if inner is not None else bind(*inputs)
        if inner is not None:
            return self.run(*_opened(inner), inputs)
        if name in LINEAR or (name in FIRST_LINEAR and not any(isinstance(a, dict) for a in inputs[1:])):
            return self.linear(bind, inputs)
        if name in PLACING and not any(isinstance(a, dict) for a in inputs[1::2]):
            return self.linear(lambda whole, part: bind(whole, inputs[1], part), inputs[::2])
        if name == "select_n":
            which, *cases = (a[self.zero] if i == 0 and isinstance(a, dict) else a for i, a in enumerate(inputs))
            return self.linear(lambda *operands: bind(which, *operands), cases)
        if name in BILINEAR:
            return [self.product(*inputs, lambda a, b: bind(a, b)[0])]
        if name == "reduce_prod":
            return [self.multiplied(inputs[0], params["axes"])]
        if name == "square":
            return [self.product(*inputs, *inputs, jnp.multiply)]
        if name == "div":
            return [self.product(inputs[0], self.composed(jnp.reciprocal, inputs[1]), jnp.multiply)]
        if name in ("max", "min"):
            return [self.chosen(name, *inputs)]
        if name in FLAT:
            return bind(*(a[self.zero] if isinstance(a, dict) else a for a in inputs))
        if name in ELEMENTWISE and isinstance(inputs[0], dict) and not any(isinstance(a, dict) for a in inputs[1:]):
            return [self.composed(lambda a: bind(a, *inputs[1:])[0], inputs[0], name)]
        raise Unlisted(name)

    def linear(self, bind: Callable, inputs: list) -> list:
        """An operation that is linear in its operands together."""
        shapes = [a[self.zero] if isinstance(a, dict) else a for a in inputs]
        outputs = [{} for _ in bind(*shapes)] if len(self.indices) else []
        for index in self.indices:
            parts = [a.get(index) if isinstance(a, dict) else (a if index == self.zero else None) for a in inputs]
            if all(part is None for part in parts):
                continue
            whole = [jnp.zeros_like(like) if part is None else part for part, like in zip(parts, shapes, strict=True)]
            for output, value in zip(outputs, bind(*whole), strict=True):
                output[index] = value
        return outputs

    def product(self, left, right, multiply: Callable):
        """Series times series, by any bilinear operation."""
        if not isinstance(left, dict) and not isinstance(right, dict):
            return multiply(left, right)
        if not isinstance(left, dict):
            return {a: multiply(left, c) for a, c in right.items()}
        if not isinstance(right, dict):
            return {a: multiply(c, right) for a, c in left.items()}
        total: Series = {}
        for a, c in left.items():
            for b, d in right.items():
                for index in self.meeting(a, b):
                    term = multiply(c, d)
                    total[index] = total[index] + term if index in total else term
        return total

    def multiplied(self, a: Series, axes: Iterable[int]) -> Series:
        """The product of all entries along some axes."""
        for axis in sorted(axes, reverse=True):
            entries = [
                {index: jax.lax.index_in_dim(c, k, axis, keepdims=False) for index, c in a.items()}
                for k in range(a[self.zero].shape[axis])
            ]
            a = reduce(lambda left, right: self.product(left, right, jnp.multiply), entries)
        return a

    def meeting(self, a: Index, b: Index) -> list[Index]:
        """The coefficients of a product to which those of two indices contribute."""
        if a in self.summed or b in self.summed:
            return [max(a, b, key=_order)] if self.zero in (a, b) else []
        index = tuple(i + j for i, j in zip(a, b, strict=True))
        found = [index] if index in self.known else []
        return found + [one for one, slopes in self.summed.items() if a == b and a in slopes]

    def composed(self, function: Callable, a, name: str = ""):
        """A function of one number: `f(a0 + d) = sum_k f^(k)(a0) d^k / k!`."""
        if not isinstance(a, dict):
            return function(a)
        rest = {index: c for index, c in a.items() if index != self.zero}
        slopes = _slopes(function, a[self.zero], self.order if rest else 0, name)
        total, power = {self.zero: slopes[0]}, None
        for k in range(1, len(slopes)):
            power = rest if power is None else self.product(power, rest, jnp.multiply)
            for index, c in power.items():
                term = slopes[k] * c if k == 1 else slopes[k] * c / math.factorial(k)
                total[index] = total[index] + term if index in total else term
            if not power:
                break
        return total

    def chosen(self, name: str, left, right):
        a, b = (c if isinstance(c, dict) else {self.zero: c} for c in (left, right))
        first = a[self.zero] > b[self.zero] if name == "max" else a[self.zero] < b[self.zero]
        return {
            i: jnp.where(first, a.get(i, jnp.zeros_like(a[self.zero])), b.get(i, jnp.zeros_like(b[self.zero])))
            for i in self.indices
            if i in a or i in b
        }


def _opened(program: Any) -> tuple:
    return (program.jaxpr, program.consts) if hasattr(program, "consts") else (program, ())


def _slopes(function: Callable, x: Array, order: int, name: str) -> list[Array]:
    """`f(x), f'(x), ...` up to an order."""
    y = function(x)
    if name == "tanh":
        return [y] + [_polynomial(p, y) for p in _tanh_polynomials(order)]
    if name == "exp":
        return [y] * (order + 1)
    if name in ("sin", "cos"):
        other = (jnp.cos if name == "sin" else jnp.sin)(x) if order else y
        cycle = (y, other, -y, -other) if name == "sin" else (y, -other, -y, other)
        return [cycle[k % 4] for k in range(order + 1)]
    found = [y]
    for _ in range(order):
        function = _along_ones(function)
        found.append(function(x))
    return found


def _along_ones(function: Callable) -> Callable:
    return lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))[1]


def _tanh_polynomials(order: int) -> list[list[int]]:
    """The derivatives of `y = tanh x` as polynomials in y, lowest power first: `p' (1 - y^2)` of the one before."""
    found, p = [], [0, 1]
    for _ in range(order):
        slope = [k * c for k, c in enumerate(p)][1:]
        p = [a - b for a, b in zip(slope + [0, 0], [0, 0] + slope, strict=True)]
        found.append(p)
    return found


def _polynomial(coefficients: list[int], y: Array) -> Array:
    """An odd or even polynomial by Horner's rule in `y^2`."""
    parity = next(k for k, c in enumerate(coefficients) if c) % 2
    *rest, last = [float(c) for c in coefficients[parity::2]]
    total, square = jnp.full_like(y, last), y * y
    for c in reversed(rest):
        total = total * square + c
    return total * y if parity else total


CALLS = "jit pjit closed_call core_call custom_jvp_call custom_vjp_call custom_vjp_call_jaxpr checkpoint remat2".split()
LINEAR = (
    "add sub add_any neg reshape broadcast_in_dim squeeze expand_dims slice transpose reduce_sum concatenate "
    "convert_element_type real imag complex conj copy copy_p rev pad split cumsum reduce_precision stack tile"
).split()
FIRST_LINEAR = "dynamic_slice gather".split()
PLACING = "scatter scatter-add".split()
BILINEAR = "mul dot_general conv_general_dilated".split()
FLAT = "sign floor ceil round eq ne lt le gt ge is_finite and or not stop_gradient argmax argmin".split()
ELEMENTWISE = (
    "exp exp2 log log1p expm1 tanh sin cos tan asin acos atan sinh cosh asinh acosh atanh logistic erf erfc erf_inv "
    "sqrt rsqrt cbrt integer_pow pow abs lgamma digamma"
).split()
