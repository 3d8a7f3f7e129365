"""Manufactured solutions: any smooth function solves any law, once the right source is added.

The source `d_t u* - F(t, u*)` is found by evaluating the law itself on `u*` as a function, with exact derivatives, so
nothing is derived by hand: what a solver then returns must converge to `u*` at its order. Laws that need the whole
function at once (a Poisson solve, a projection) cannot be evaluated on a function; they carry exact solutions instead.

Reference: Roache, J. Fluids Eng. 124 (2002) 4.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .._core.precision import complex_dtype
from ..fields import Field, Neural, is_field
from ..geometry import Box
from .base import Equation, Example, SemilinearEquation


class Part(eqx.Module):
    """One leaf of a state-valued function `solution(t, x)` at a fixed time, or its time derivative."""

    solution: Callable
    t: Any
    index: int = eqx.field(static=True)
    differentiated: bool = eqx.field(static=True, default=False)

    def __call__(self, x):
        def at(t):
            return jnp.asarray(jax.tree.leaves(self.solution(t, x))[self.index])

        t = jnp.asarray(self.t, x.dtype)
        return jax.jvp(at, (t,), (jnp.ones_like(t),))[1] if self.differentiated else at(t)


class Manufactured(Equation):
    """A law with the source that makes a chosen function solve it.

    $$u_t = F(t, u) + \\left[\\partial_t u^* - F(t, u^*)\\right]$$

    Args:
        equation: The law `F`, whose state is a Field or a PyTree of Fields.
        solution: The function `u*(t, x)` of time and one point, with the structure of the state.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> law = js.equations.Manufactured(js.equations.Burgers(0.1), lambda t, x: jnp.sin(x[0] - t))
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi)), (16,))).field(lambda x: jnp.sin(x[0]))
        >>> round(float(law(0.0, u)(jnp.array([0.0]))), 4)
        -1.0
    """

    equation: Equation
    solution: Callable

    def check_state(self, u: PyTree) -> None:
        self.equation.check_state(u)

    def check_start(self, u: PyTree) -> None:
        self.equation.check_start(u)

    def __call__(self, t, u: PyTree, args: Any = None) -> PyTree:
        return _added(self.equation(t, u, args), self.source(t, u, args))

    def source(self, t, u: PyTree, args: Any = None) -> PyTree:
        """`d_t u* - F(t, u*)`, in the spaces of the fields of `u`."""
        likes, structure = jax.tree.flatten(u, is_leaf=is_field)
        space = Neural(Box(*((0.0, 1.0),) * likes[0].space.dim))
        star = structure.unflatten([space.field(Part(self.solution, t, i)) for i in range(len(likes))])
        rates = jax.tree.leaves(self.equation(t, star, args), is_leaf=is_field)
        sources = [
            _sampled(space.field(Part(self.solution, t, i, True)) - rate, like)
            for i, (rate, like) in enumerate(zip(rates, likes, strict=True))
        ]
        return structure.unflatten(sources)


class ManufacturedSemilinear(Manufactured, SemilinearEquation):
    """`Manufactured` for a semilinear law: the source joins its nonlinear part.

    Args:
        equation: The law, whose state is a Field or a PyTree of Fields.
        solution: The function `u*(t, x)` of time and one point, with the structure of the state.
    """

    equation: SemilinearEquation

    def linear(self, u: PyTree) -> PyTree:
        return self.equation.linear(u)

    def nonlinear(self, t, u: PyTree, args: Any = None) -> PyTree:
        return _added(self.equation.nonlinear(t, u, args), self.source(t, u, args))


def manufactured(equation: Equation | Example, solution: Callable | None = None) -> Equation:
    """The law that `solution` solves, under the contract of `equation`: semilinear laws stay semilinear.

    Args:
        equation: A law, or an Example (which comes back unchanged if its solution is exact).
        solution: The function `u*(t, x)` of time and one point; for an Example, its own.
    """
    if isinstance(equation, Example):
        return equation.equation if equation.exact else manufactured(equation.equation, equation.solution)
    if solution is None:
        raise ValueError("manufactured needs the solution that the law shall have: pass solution=lambda t, x: ...")
    kind = ManufacturedSemilinear if isinstance(equation, SemilinearEquation) else Manufactured
    return kind(equation, solution)


def _added(left: PyTree, right: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: a + b, left, right, is_leaf=is_field)


def _sampled(source: Field, like: Field) -> Field:
    """A source on the nodes of `like`, in its precision and kind of numbers."""
    if isinstance(like.space, Neural):
        return Field(source.data, like.space, source.layout)
    is_complex = jnp.issubdtype(jax.eval_shape(lambda field: field.values, like).dtype, jnp.complexfloating)

    def at(x):
        value = source.data(x.astype(like.dtype))
        return value.astype(complex_dtype(like.dtype)) if is_complex else value

    return like.space.field(at)
