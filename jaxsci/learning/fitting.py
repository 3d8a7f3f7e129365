"""One fit: the problem is set up, an optimiser chosen for it, and the weights found."""

import os
import warnings
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._core.errors import UnsupportedError
from .optimisers import SOAP, LeastSquares, LevenbergMarquardt, NaturalGradient, Optimiser
from .problems.assembly import Setup, Wanted, set_up
from .problems.problem import Problem
from .training import Training, train

MOST_JACOBIAN = 2 * 1024**3
MOST_NEWTON, MOST_SKETCHED = 2_000, 20_000


class Effort(NamedTuple):
    """How a fit is made; the arguments of `solve_pinn` of the same names."""

    optimiser: Optimiser | None = None
    store: str | os.PathLike | None = None
    save_every: float = 60.0
    progress: bool = False


class Fit(NamedTuple):
    """A problem and what came of it."""

    setup: Setup
    trial: Callable
    training: Training
    optimiser: Optimiser
    notes: list[str]


def fit(wanted: Wanted, effort: Effort, key: Array) -> Fit:
    """Set a problem up and find its weights."""
    setup = set_up(wanted, key)
    problem, w = setup.problem, setup.problem.start
    optimiser, notes = chosen(effort.optimiser, problem, w)
    _, *saving = effort
    training = train(optimiser, problem, w, setup.schedule, *saving)
    trial = problem.trial(training.end.w)
    return Fit(setup.found(trial), trial, training, optimiser, notes)


def chosen(optimiser: Optimiser | None, problem: Problem, w: Array) -> tuple[Optimiser, list[str]]:
    """The optimiser for a problem, and what the user should know about the choice."""

    rows = sum(problem.num_rows(w, term) for term in problem.terms)
    size = rows * w.size * w.dtype.itemsize
    fallback = NaturalGradient() if w.size <= MOST_SKETCHED else SOAP()
    if isinstance(optimiser, (LeastSquares, LevenbergMarquardt)) and size > MOST_JACOBIAN:
        note = (
            f"the dense Jacobian of {rows} residuals by {w.size} weights needs {size / 1024**3:.1f} GiB: "
            f"{type(fallback).__name__} was used in place of {type(optimiser).__name__}; take fewer points or weights, "
            f"or choose optimiser={type(fallback).__name__}() yourself."
        )
        warnings.warn(note, stacklevel=3)
        return fallback, [note]
    solvable = size <= MOST_JACOBIAN and (optimiser is None or isinstance(optimiser, LeastSquares))
    linear = solvable and is_linear(_residuals, problem, w)
    features = linear or (solvable and is_linear(_values, problem, w))
    if isinstance(optimiser, LeastSquares) and not features:
        raise UnsupportedError(
            "LeastSquares needs a network that is linear in its weights: take RandomFeatures, or LevenbergMarquardt() "
            "for this network."
        )
    notes = (
        ["the residual is linear in the weights: one least-squares solve."]
        if linear
        else ["the law is not linear: it was linearised about the last solution at every step."]
    )
    if features:
        return optimiser or LeastSquares(), notes
    if optimiser is not None:
        return optimiser, []
    newton = w.size <= MOST_NEWTON and size <= MOST_JACOBIAN
    return (LevenbergMarquardt() if newton else fallback), []


def _few(problem: Problem) -> Problem:
    """The same problem at some fifty points of each term."""
    return problem.with_terms(term.subset(slice(None, None, max(1, len(term.points) // 50))) for term in problem.terms)


def _residuals(problem: Problem, w: Array) -> Array:
    return problem.residuals(w)


def _values(problem: Problem, w: Array) -> Array:
    return jax.vmap(problem.trial(w))(problem.terms[0].points)


@eqx.filter_jit
def _at(of: Callable, problem: Problem, w: Array) -> Array:
    return of(problem, w)


def is_linear(of: Callable[[Problem, Array], Array], problem: Problem, w: Array) -> bool:
    """Whether `f(a + 2b) - f(a) - 2 f(b) + 2 f(0)` vanishes for two random directions."""
    a, b = (jax.random.normal(key, w.shape, w.dtype) for key in jax.random.split(jax.random.key(0)))
    few = _few(problem)
    zero, first, second, both = (_at(of, few, v) for v in (0 * w, a, b, a + 2 * b))
    scale = jnp.max(jnp.abs(jnp.concatenate([zero, first, second, both])))
    bend = jnp.max(jnp.abs(both - first - 2 * second + 2 * zero))
    return bool(bend <= 1e3 * jnp.finfo(w.dtype).eps * scale)
