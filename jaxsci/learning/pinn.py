"""Solving a law with a network: the equation that `simulate` integrates is the residual that training lowers."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import UnsupportedError
from ..geometry import BoundaryLaw, Box, Region
from .assembly import set_up
from .optimisers import SOAP, Broyden, LeastSquares, LevenbergMarquardt, Optimiser
from .problem import Problem
from .reports.comparison import compared
from .reports.report import reported
from .solution import PinnSolution
from .training import train

MOST_JACOBIAN = 2 * 1024**3
MOST_NEWTON, MOST_QUASI_NEWTON = 2_000, 8_000


def solve_pinn(
    equation: Callable,
    domain: Box | Region | None,
    network: Callable,
    *,
    initial: Any = None,
    boundary: BoundaryLaw | Mapping[str, BoundaryLaw] | tuple | None = None,
    t0: float = 0.0,
    t1: float | None = None,
    args: Any = None,
    exact: Callable | None = None,
    optimiser: Optimiser | None = None,
    points: int | Sequence[int] | Array = 2500,
    weight: float = 10.0,
    compare: int | None = None,
    store: str | None = None,
    save_every: float = 60.0,
    progress: bool = False,
    key: Array,
) -> PinnSolution:
    r"""Solve a law with a network as its unknown.

    Lowers :math:`\int |u_t - F(t, u)|^2`, or :math:`\int |F(0, u)|^2` for a law at rest, F the object that `simulate`
    takes. On a box, the start, given wall values and periods hold exactly; other laws at walls join the loss. If the
    residual is linear in the weights one least-squares solve finds them; else Levenberg-Marquardt up to two thousand
    weights, self-scaled Broyden up to eight thousand, SOAP beyond.

    In one to three dimensions solvers are faster, and the report runs one beside it. Errors below 1e-4 need float64.

    Args:
        equation: The law.
        domain: The box, or a region of `js.geometry` such as `box - Ball(center, radius, name="hole")`; None for an
            ordinary law in time. On a region, values are built in by smooth distances where the walls that share them
            allow it, and the unknown lives on the box around it, where it means nothing outside of the region.
        network: A function of as many numbers as there are coordinates, time first, each scaled to `[-1, 1]`; a
            periodic axis enters as a cosine and a sine, unless the network takes one number for it. It gives the
            numbers of the state; for a pair `(u, u_t)` only those of `u` (or of both).
        initial: The start: a function of one point that gives the state, or Fields, or numbers for an ordinary law.
        boundary: Laws at the walls, as for FiniteDifference; on a region one for all of its wall, or one per name of
            its walls: `{"block": Dirichlet(0.0), "hole": Neumann(1.0)}`; a tuple of them for each part of a state.
        t0: First time.
        t1: Last time; None for a law at rest.
        args: Handed to the law.
        exact: The solution `u(t, x)`, if it is known: the report measures the error with it.
        optimiser: How to train.
        points: Where the law is asked to hold: how many points, or how many along each coordinate, or points `(n,
            coordinates)`, time first.
        weight: Factor of the conditions that are not built in.
        compare: Nodes per axis for the library's own solver in the report; 0 leaves it out.
        store: A directory from which a killed training goes on.
        save_every: Seconds between two saves.
        progress: Show a bar.
        key: Random key of the points.

    Returns:
        The solution: `field`, `at(t)`, and a `report` that `print` shows.

    Raises:
        ShapeError: If the network takes or gives another number of values.
        UnsupportedError: If the law cannot be read at a point, or `LeastSquares` meets a nonlinear one.
        ValueError: If conditions contradict each other, or hold numbers that are not finite.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> law = js.equations.Poisson(lambda x: jnp.pi**2 * jnp.sin(jnp.pi * x[0]))
        >>> network = js.networks.RandomFeatures(1, "scalar", 20, key=jax.random.key(0))
        >>> solution = js.learning.solve_pinn(
        ...     law, js.Box((0.0, 1.0)), network, boundary=js.Dirichlet(0.0), compare=0, key=jax.random.key(1))
        >>> bool(abs(solution.field(jnp.array([0.5])) - 1.0) < 1e-3)
        True

    References:
        Lagaris, Likas & Fotiadis (1998); Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686.
    """
    setup = set_up(
        equation,
        domain,
        network,
        initial=initial,
        boundary=boundary,
        times=(t0, t1),
        args=args,
        exact=exact,
        points=points,
        weight=weight,
        key=key,
    )
    problem = setup.problem
    w = problem.start
    optimiser, notes = chosen(optimiser, problem, w)
    training = train(optimiser, problem, w, store=store, save_every=save_every, progress=progress)
    trial = problem.trial(training.end.w)
    rival = compared(setup, trial, compare)
    report = reported(setup, problem, optimiser, training, trial, rival, notes)
    return PinnSolution(trial, None if t1 is None else setup.conditions.times[1], report)


def chosen(optimiser: Optimiser | None, problem: Problem, w: Array) -> tuple[Optimiser, list[str]]:
    """The optimiser for a problem, and what the user should know about the choice."""

    def width(term) -> int:
        return jax.eval_shape(lambda: problem.at(w, term, term.points[0])).size

    rows = sum(term.points.shape[0] * width(term) for term in problem.terms)
    size = rows * w.size * w.dtype.itemsize
    fallback = Broyden() if w.size <= MOST_QUASI_NEWTON and w.dtype == np.float64 else SOAP()
    if isinstance(optimiser, (LeastSquares, LevenbergMarquardt)) and size > MOST_JACOBIAN:
        note = (
            f"the dense Jacobian of {rows} residuals by {w.size} weights needs {size / 1024**3:.1f} GiB: "
            f"{type(fallback).__name__} was used in place of {type(optimiser).__name__}; take fewer points or weights, "
            f"or choose optimiser={type(fallback).__name__}() yourself."
        )
        warnings.warn(note, stacklevel=3)
        return fallback, [note]
    linear = (
        size <= MOST_JACOBIAN and (optimiser is None or isinstance(optimiser, LeastSquares)) and _is_linear(problem, w)
    )
    if isinstance(optimiser, LeastSquares) and not linear:
        raise UnsupportedError(
            "LeastSquares takes one solve, but the residual is not linear in what is learned: the law is nonlinear, or "
            "the network is not RandomFeatures. Use LevenbergMarquardt(), which solves a sequence of linear problems."
        )
    if optimiser is not None:
        return optimiser, []
    if linear:
        return LeastSquares(), ["the residual is linear in the weights: one least-squares solve."]
    newton = w.size <= MOST_NEWTON and size <= MOST_JACOBIAN
    return (LevenbergMarquardt() if newton else fallback), []


def _is_linear(problem: Problem, w: Array) -> bool:
    """Whether `r(2w) - 2 r(w) + r(0)` vanishes, and the same between two directions."""
    a, b = (jax.random.normal(key, w.shape, w.dtype) for key in jax.random.split(jax.random.key(0)))
    few = eqx.tree_at(
        lambda p: [term.points for term in p.terms],
        problem,
        [term.points[:: max(1, term.points.shape[0] // 50)] for term in problem.terms],
    )
    at = eqx.filter_jit(few.residuals)
    zero, first, second, both = at(0 * w), at(a), at(b), at(a + 2 * b)
    scale = jnp.max(jnp.abs(jnp.concatenate([zero, first, second, both])))
    bend = jnp.max(jnp.abs(both - first - 2 * second + 2 * zero))
    return bool(bend <= 1e3 * jnp.finfo(w.dtype).eps * scale)
