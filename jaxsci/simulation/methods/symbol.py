"""The linear part of a law as a multiplication, one number or one small matrix per wavenumber.

Nobody writes a symbol down: the linear part is applied to a spectrum of ones, and what comes back is the symbol. Where
it couples several unknowns, each is probed in turn.
"""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..._core.errors import UnsupportedError
from ..._core.precision import multiply, real_dtype
from ...fields import Fourier, is_field, pack, unpack
from ...geometry import Grid
from .phi import matrix_phis, scalar_phis

SMALL_CHANGE = 0.5


class Symbol(eqx.Module):
    """A function of the linear part `L`, as it acts on the coefficients of a state."""

    @abc.abstractmethod
    def apply(self, arrays: PyTree) -> PyTree:
        """Product with the coefficients of a state."""

    @abc.abstractmethod
    def phis(self, count: int) -> tuple["Symbol", ...]:
        """`exp(L), phi_1(L), ..., phi_count(L)`."""

    @abc.abstractmethod
    def exponential(self) -> "Exponential":
        """`exp(L)`."""

    @abc.abstractmethod
    def resolvent(self, scale) -> "Symbol":
        """`(1 - scale L)^-1`."""

    @abc.abstractmethod
    def __mul__(self, scale) -> "Symbol": ...

    @abc.abstractmethod
    def __add__(self, other: "Symbol") -> "Symbol": ...

    @abc.abstractmethod
    def __matmul__(self, other: "Symbol") -> "Symbol": ...

    def __sub__(self, other: "Symbol") -> "Symbol":
        return self + other * -1.0

    def __rmul__(self, scale) -> "Symbol":
        return self * scale


class Exponential(eqx.Module):
    """`exp(L)`: where it changes a state by less than half, `1 + (exp(L) - 1)`.

    A number near one is rounded in the same way at every step, and after a thousand steps the error is a thousand times
    as large; a small change keeps its digits, and what its sum with the state loses differs from step to step.
    """

    kept: PyTree[Array]  # one where a change is added, zero where all is in `change`
    change: Symbol

    def advance(self, arrays: PyTree, increment: PyTree) -> PyTree:
        """`exp(L) arrays + increment`."""
        kept = jax.tree.broadcast(self.kept, arrays)
        change = jax.tree.map(jnp.add, self.change.apply(arrays), increment)
        return jax.tree.map(lambda k, a, b: multiply(k, a) + b, kept, arrays, change)


def _kept(size: Array) -> Array:
    """One where a change is small, else zero."""
    return jnp.where(jax.lax.stop_gradient(size) < SMALL_CHANGE, 1.0, 0.0).astype(size.dtype)


class DiagonalSymbol(Symbol):
    """One number per unknown and wavenumber."""

    factors: PyTree[Array]

    def apply(self, arrays: PyTree) -> PyTree:
        return jax.tree.map(multiply, self.factors, arrays)

    def phis(self, count: int) -> tuple[Symbol, ...]:
        leaves, structure = jax.tree.flatten(self.factors)
        columns = zip(*(scalar_phis(z, count) for z in leaves), strict=True)
        return tuple(DiagonalSymbol(structure.unflatten(column)) for column in columns)

    def exponential(self) -> Exponential:
        exp, phi1 = self.phis(1)
        minus_one = self @ phi1
        kept = jax.tree.map(lambda f: _kept(jnp.abs(f)), minus_one.factors)
        change = jax.tree.map(lambda k, f, e: jnp.where(k > 0, f, e), kept, minus_one.factors, exp.factors)
        return Exponential(kept, DiagonalSymbol(change))

    def resolvent(self, scale) -> Symbol:
        return DiagonalSymbol(
            jax.tree.map(lambda z: 1.0 / (1.0 - multiply(jnp.asarray(scale, real_dtype(z.dtype)), z)), self.factors)
        )

    def __mul__(self, scale) -> Symbol:
        return DiagonalSymbol(
            jax.tree.map(lambda z: multiply(jnp.asarray(scale, real_dtype(z.dtype)), z), self.factors)
        )

    def __add__(self, other: Symbol) -> Symbol:
        return DiagonalSymbol(jax.tree.map(lambda a, b: a + b, self.factors, other.factors))

    def __matmul__(self, other: Symbol) -> Symbol:
        return DiagonalSymbol(jax.tree.map(lambda a, b: a * b, self.factors, other.factors))


class MatrixSymbol(Symbol):
    """One matrix over the unknowns per wavenumber, shape `(*modes, unknowns, unknowns)`."""

    matrix: Array
    dim: int = eqx.field(static=True)

    def apply(self, arrays: PyTree) -> PyTree:
        leaves, structure = jax.tree.flatten(arrays)
        rows = [_unknowns(leaf, self.dim) for leaf in leaves]
        vector = jnp.concatenate(rows)
        total = [
            sum(multiply(self.matrix[..., i, j], vector[j]) for j in range(len(vector))) for i in range(len(vector))
        ]
        out, start = [], 0
        for leaf, row in zip(leaves, rows, strict=True):
            out.append(jnp.stack(total[start : start + len(row)]).reshape(leaf.shape))
            start += len(row)
        return structure.unflatten(out)

    def phis(self, count: int) -> tuple[Symbol, ...]:
        return tuple(MatrixSymbol(matrix, self.dim) for matrix in matrix_phis(self.matrix, count))

    def exponential(self) -> Exponential:
        exp, phi1 = self.phis(1)
        minus_one = self @ phi1
        kept = _kept(jnp.max(jnp.sum(jnp.abs(minus_one.matrix), axis=-1), axis=-1))
        change = jnp.where(kept[..., None, None] > 0, minus_one.matrix, exp.matrix)
        return Exponential(kept, MatrixSymbol(change, self.dim))

    def resolvent(self, scale) -> Symbol:
        one = jnp.eye(self.matrix.shape[-1], dtype=self.matrix.dtype)
        scaled = multiply(jnp.asarray(scale, real_dtype(self.matrix.dtype)), self.matrix)
        return MatrixSymbol(jnp.linalg.inv(one - scaled), self.dim)

    def __mul__(self, scale) -> Symbol:
        return MatrixSymbol(multiply(jnp.asarray(scale, real_dtype(self.matrix.dtype)), self.matrix), self.dim)

    def __add__(self, other: Symbol) -> Symbol:
        return MatrixSymbol(self.matrix + other.matrix, self.dim)

    def __matmul__(self, other: Symbol) -> Symbol:
        return MatrixSymbol(self.matrix @ other.matrix, self.dim)


def check_spectral(equation: Callable, state: PyTree, name: str) -> None:
    """Raise unless the equation has a linear part and every part of the state is a Fourier field."""
    if not (hasattr(equation, "linear") and hasattr(equation, "nonlinear")):
        raise UnsupportedError(
            f"{name} needs a SemilinearEquation with `linear(u)` and `nonlinear(t, u, args)`; "
            f"{getattr(equation, '__name__', type(equation).__name__)} has none: use method=Tsit5() or another "
            "Runge-Kutta method."
        )
    for leaf in jax.tree.leaves(state, is_leaf=is_field):
        if not (is_field(leaf) and isinstance(leaf.space, Fourier)):
            kind = type(leaf.space).__name__ if is_field(leaf) else type(leaf).__name__
            raise UnsupportedError(
                f"{name} exponentiates the linear part mode by mode, so every part of the state must be a Fourier "
                f"field, not {kind}: store the state in js.Fourier(grid), or use an IMEX or Runge-Kutta method."
            )


def symbol_of(equation: Callable, state: PyTree) -> Symbol:
    """The symbol of the linear part of an equation, for a state of Fourier fields."""
    arrays = unpack(state)
    leaves = jax.tree.leaves(arrays)
    dim = jax.tree.leaves(state, is_leaf=is_field)[0].space.dim
    if sum(len(_unknowns(leaf, dim)) for leaf in leaves) == 1 or not _is_coupled(equation, state, arrays, dim):
        ones = jax.tree.map(lambda a: jnp.ones(a.shape, real_dtype(a.dtype)), arrays)
        factors = unpack(equation.linear(pack(state, ones)))
        return DiagonalSymbol(jax.tree.map(lambda z, a: jnp.broadcast_to(z, a.shape), factors, arrays))
    return MatrixSymbol(_probed(equation, state, arrays, dim), dim)


def _unknowns(leaf: Array, dim: int) -> Array:
    """Coefficients with all component axes made one."""
    return leaf.reshape(-1, *leaf.shape[leaf.ndim - dim :])


def _probed(equation: Callable, state: PyTree, arrays: PyTree, dim: int) -> Array:
    leaves, structure = jax.tree.flatten(arrays)
    counts = [len(_unknowns(leaf, dim)) for leaf in leaves]
    columns = []
    for i, leaf in enumerate(leaves):
        for j in range(counts[i]):
            probe = [jnp.zeros(other.shape, real_dtype(other.dtype)) for other in leaves]
            probe[i] = _unknowns(probe[i], dim).at[j].set(1.0).reshape(leaf.shape)
            image = jax.tree.leaves(unpack(equation.linear(pack(state, structure.unflatten(probe)))))
            columns.append([row for out in image for row in _unknowns(out, dim)])
    dtype = np.result_type(*(entry.dtype for column in columns for entry in column))
    rows = [[columns[j][i].astype(dtype) for j in range(len(columns))] for i in range(len(columns))]
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)


def _is_coupled(equation: Callable, state: PyTree, arrays: PyTree, dim: int) -> bool:
    """Whether any unknown enters the equation of another: arbitrary coefficients are tried on a small grid while
    tracing.
    """
    draw = np.random.default_rng(0)

    def arbitrary(leaf):
        if not eqx.is_inexact_array(leaf):
            return leaf
        values = draw.uniform(0.5, 1.5, leaf.shape)
        return jnp.asarray(float(values)) if leaf.weak_type and not leaf.ndim else jnp.asarray(values, leaf.dtype)

    def smaller(field):
        grid = field.space.grid
        space = Fourier(Grid(grid.box, tuple(min(n, 8) for n in grid.shape)), field.space.dealias)
        kind = real_dtype(field.data.dtype) if field.space.is_half(field.data) else field.data.dtype
        return space.field(jnp.zeros((*field.shape, *space.grid.shape), kind))

    with jax.ensure_compile_time_eval():
        trial = jax.tree.map(lambda leaf: arbitrary(leaf) if eqx.is_array(leaf) else leaf, equation)
        small = jax.tree.map(smaller, pack(state, arrays), is_leaf=is_field)
        matrix = np.asarray(_probed(trial, small, unpack(small), dim))
    count = matrix.shape[-1]
    return bool(np.any(matrix[..., ~np.eye(count, dtype=bool)]))
