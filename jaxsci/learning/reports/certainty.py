"""How well the data tell the unknowns of a law: standard deviations by the matrix of Gauss and Newton."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from ..optimisers.linear import least_squares
from ..problems.data import Misfit
from ..problems.problem import Problem
from ..problems.unknowns import Unknowns

MOST_WEIGHTS, MOST_NUMBERS, MOST_ENTRIES = 2_000, 100, 2**27
SMALLEST_EFFECT = 1e-5


def deviations(unknowns: Unknowns, problem: Problem, w: Array) -> dict[str, PyTree]:
    r"""Standard deviations of the unknown numbers, by path; infinite where nothing depends on one.

    The weights of the networks follow the unknowns: of the columns C of the Jacobian that belong to the unknowns, what
    no change of weights can undo is P, and noise of variance V in the data moves the unknowns by
    :math:`(P^T P)^{-1} P^T V P (P^T P)^{-1}`. The variance is that of `sigma`, or of the misfit. Nothing is computed
    for networks, more than two thousand weights, or a Jacobian of more than a gibibyte.
    """
    rows = [problem.num_rows(w, term) for term in problem.terms]
    place = _places(unknowns, problem)
    columns = np.flatnonzero(place >= 0)
    if w.size > MOST_WEIGHTS or sum(rows) * w.size > MOST_ENTRIES or not 0 < columns.size <= MOST_NUMBERS:
        return {}
    r, J = eqx.filter_jit(problem.jacobian)(w)
    variance = _variances(problem, r, rows)
    spread = np.asarray(_spread(J[:, np.flatnonzero(place < 0)], J[:, columns], variance))
    template = problem.template.unknowns
    rebuild = ravel_pytree({path: template[path] for path in unknowns.scalars})[1]
    here = _moved(unknowns, problem, w)
    slope = jax.jvp(lambda z: _numbers(unknowns, rebuild(z)), (here,), (jnp.ones_like(here),))[1]
    found = rebuild(jnp.abs(slope) * spread)
    return {path: jax.tree.map(np.asarray, found[path]) for path in unknowns.scalars}


def _places(unknowns: Unknowns, problem: Problem) -> np.ndarray:
    """For each weight, 1 if it belongs to an unknown number, else -1."""
    marks = jax.tree.map(lambda a: jnp.full_like(a, -1), problem.template)
    numbers = {
        path: jax.tree.map(lambda a, path=path: jnp.full_like(a, 1 if path in unknowns.scalars else -1), tree)
        for path, tree in problem.template.unknowns.items()
    }
    return np.asarray(ravel_pytree(eqx.tree_at(lambda trial: trial.unknowns, marks, numbers))[0])


def _moved(unknowns: Unknowns, problem: Problem, w: Array) -> Array:
    trial = problem.trial(w)
    return ravel_pytree({path: trial.unknowns[path] for path in unknowns.scalars})[0]


def _numbers(unknowns: Unknowns, moved: dict[str, PyTree]) -> Array:
    """The unknown numbers in the law."""
    few = Unknowns(None, None, {path: unknowns.guesses[path] for path in unknowns.scalars}, unknowns.positive)
    return ravel_pytree(few.values(moved))[0]


def _variances(problem: Problem, r: Array, rows: list[int]) -> Array:
    """The variance of the noise in each residual; zero where it is no measurement."""
    parts, start = [], 0
    for term, number in zip(problem.terms, rows, strict=True):
        value = jnp.zeros((), r.dtype)
        if isinstance(term.residual, Misfit):
            known = term.residual.sigma
            value = jnp.mean(r[start : start + number] ** 2) if known is None else (term.scales[0] * known) ** 2
        parts.append(jnp.full(number, value.astype(r.dtype)))
        start += number
    return jnp.concatenate(parts)


@jax.jit
def _spread(A: Array, C: Array, variance: Array) -> Array:
    """Standard deviations of the coefficients of C, those of A being free."""
    size = jnp.linalg.norm(C, axis=0)
    units = jnp.where(size > 0, size, 1.0)
    C = C / units
    eps = 30 * float(jnp.finfo(A.dtype).eps)
    P = C - A @ jax.vmap(lambda c: least_squares(A, c, eps), in_axes=1, out_axes=1)(C)
    values, vectors = jnp.linalg.eigh(P.T @ P)
    told = values > SMALLEST_EFFECT**2
    inverse = (vectors / jnp.where(told, values, jnp.inf)) @ vectors.T
    spread = jnp.linalg.norm(jnp.sqrt(variance)[:, None] * (P @ inverse), axis=0) / units
    untold = jnp.any((jnp.abs(vectors) > 1e-3) & ~told, axis=1) | (size == 0)
    return jnp.where(untold, jnp.inf, spread)


def in_words(unknowns: dict[str, PyTree], spread: dict[str, PyTree]) -> list[str]:
    """What was found, a line for each unknown."""
    lines = []
    for path, value in unknowns.items():
        if callable(value):
            lines.append(f"{path} = a function of the position")
            continue
        error = spread.get(path)
        numbers = [np.asarray(a) for a in jax.tree.leaves(value)]
        errors = [None] * len(numbers) if error is None else jax.tree.leaves(error)
        lines.append(f"{path} = " + ", ".join(map(_number, numbers, errors)))
    return lines


def _number(value: np.ndarray, error: np.ndarray | None) -> str:
    shown = f"{float(value):.7g}" if value.ndim == 0 else np.array2string(value, precision=5, threshold=8)
    if error is None:
        return shown
    return f"{shown} +- " + (f"{float(error):.2g}" if value.ndim == 0 else f"at most {float(np.max(error)):.2g}")


def open_questions(unknowns: dict[str, PyTree], spread: dict[str, PyTree]) -> list[str]:
    """Warnings of unknowns that the data do not tell."""
    found = []
    for path, error in spread.items():
        pairs = zip(jax.tree.leaves(unknowns[path]), jax.tree.leaves(error), strict=True)
        if any(bool(np.any(~(deviation < np.abs(value)))) for value, deviation in pairs):
            found.append(
                f"{path} is not determined by the data: its standard deviation is as large as its value; measure "
                "where the solution depends on it, or leave it out of the unknowns."
            )
    return found


def misfits(problem: Problem, w: Array) -> list[str]:
    """Warnings of data that are met much worse, or much better, than their noise allows."""
    found = []
    for term in problem.terms:
        if not isinstance(term.residual, Misfit) or term.residual.sigma is None:
            continue
        off = jax.vmap(lambda z, term=term: problem.at(w, term, z))(term.points)
        ratio = float(jnp.sqrt(jnp.mean(off**2)) / term.residual.sigma)
        if ratio > 1.5:
            found.append(
                f"{term.name} is missed by {ratio:.2g} times its sigma: sigma is too small, the law does not fit, or "
                "training has not ended."
            )
    return found
