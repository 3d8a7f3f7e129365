"""What a trained network is worth: its true error, its cost beside a solver's, and what limits it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...geometry.box import axis_name
from ..fitting import Fit
from ..optimisers import LeastSquares, Optimiser
from ..problems.assembly import Setup
from ..problems.data import Misfit
from ..problems.problem import Term, chunked
from ..training import Training
from .certainty import deviations, in_words, misfits, open_questions
from .comparison import Rival, relative
from .spectrum import short_waves


class Report(eqx.Module):
    """The outcome of a fit; `print` shows it in words.

    Residuals are root mean squares, errors relative in the root mean square, times seconds without compilation.
    `residual_sizes` are lengths of the residual at `fresh_points`, `shares` the parts of the terms in the last loss.
    """

    optimiser: str
    num_weights: int
    num_points: int
    num_steps: int
    residual: float
    fresh_residual: float
    largest_residual: float
    worst_point: np.ndarray
    coordinates: tuple[str, ...]
    fresh_points: np.ndarray
    residual_sizes: np.ndarray
    shares: dict[str, float]
    error: float | None
    error_against: str
    seconds: float
    compile_seconds: float
    solver: str
    solver_error: float | None
    solver_seconds: float | None
    built_in: list[str]
    soft: dict[str, float]
    steps: np.ndarray
    losses: np.ndarray
    notes: list[str]
    limits: list[str]
    ok: bool
    unknowns: dict[str, Any] = eqx.field(default_factory=dict)
    deviations: dict[str, Any] = eqx.field(default_factory=dict)

    def __repr__(self):
        lines = [
            f"{self.optimiser}: {self.num_weights} weights, {self.num_points} points, {self.num_steps} steps in "
            f"{self.seconds:.3g} s (and {self.compile_seconds:.3g} s to compile)",
            f"  residual      {self.residual:.2e} at the training points, {self.fresh_residual:.2e} at fresh ones, at "
            f"most {self.largest_residual:.2e} at {np.array2string(self.worst_point, precision=3)}",
        ]
        if self.built_in:
            lines.append(f"  built in      {', '.join(self.built_in)}")
        if self.soft:
            lines.append("  in the loss   " + ", ".join(f"{name}: off by {gap:.2e}" for name, gap in self.soft.items()))
        lines += [f"  found         {line}" for line in in_words(self.unknowns, self.deviations)]
        if self.error is not None:
            lines.append(f"  error         {self.error:.2e} against {self.error_against}")
        if self.solver_seconds is not None:
            lines.append(f"  solver        {self.solver}: error {self.solver_error:.2e} in {self.solver_seconds:.3g} s")
        elif self.solver:
            lines.append(f"  solver        {self.solver}")
        lines += [f"  note          {note}" for note in self.notes]
        return "\n".join(lines + [f"  limit         {limit}" for limit in self.limits])


def reported(fit: Fit, rival: Rival | None) -> Report:
    """Measure a trained function."""
    setup, trial, training, optimiser, notes = fit
    problem = training.problem
    at_points, fresh = (_residuals(setup.law, trial, points) for points in (problem.terms[0].points, setup.fresh))
    sizes = jnp.linalg.norm(fresh, axis=1)
    worst = int(jnp.argmax(sizes))
    error, against = _error(setup, trial, rival)
    misses = {term.name: _of_term(term, trial) for term in problem.terms}
    soft = {name: _rms(missed) for name, missed in misses.items() if name != "law"}
    shares = {term.name: jnp.sum((term.scales[:, None] * misses[term.name]) ** 2) for term in problem.terms}
    known = rival is not None and rival.values is not None
    shape = setup.conditions.shape
    report = Report(
        optimiser=type(optimiser).__name__,
        num_weights=training.end.w.size,
        num_points=problem.terms[0].points.shape[0],
        num_steps=int(training.end.steps),
        residual=_rms(at_points),
        fresh_residual=_rms(fresh),
        largest_residual=float(sizes[worst]),
        worst_point=np.asarray(setup.fresh[worst]),
        coordinates=("t",) * shape.timed + tuple(axis_name(i) for i in range(shape.box.dim if shape.box else 0)),
        fresh_points=np.asarray(setup.fresh),
        residual_sizes=np.asarray(sizes),
        shares={name: float(share) for name, share in shares.items()},
        error=error,
        error_against=against,
        seconds=training.seconds,
        compile_seconds=training.compiling,
        solver=rival.name if rival else "",
        solver_error=rival.error if known else None,
        solver_seconds=rival.seconds if known else None,
        built_in=setup.built_in,
        soft=soft,
        steps=training.steps,
        losses=training.losses,
        notes=notes,
        limits=[],
        ok=bool(jnp.isfinite(training.end.loss)) and bool(jnp.all(jnp.isfinite(fresh))),
        unknowns={} if setup.unknowns is None else setup.unknowns.values(trial.unknowns),
        deviations={} if setup.unknowns is None else deviations(setup.unknowns, problem, training.end.w),
    )
    limits = _limits(report, optimiser, training)
    limits += short_waves(setup, trial, report.coordinates) if report.ok and setup.region is None else []
    return eqx.tree_at(lambda r: r.limits, report, limits)


@eqx.filter_jit
def _residuals(law: Any, trial: Any, points: Array) -> Array:
    return chunked(lambda z: law(trial, z), points)


@eqx.filter_jit
def _of_term(term: Term, trial: Any) -> Array:
    return chunked(lambda z: term.residual(trial, z), term.points)


def _rms(values: Array) -> float:
    return float(jnp.sqrt(jnp.mean(jnp.sum(values**2, axis=1))))


def _error(setup: Setup, trial: Any, rival: Rival | None) -> tuple[float | None, str]:
    def values(points):
        return setup.conditions.shape.of_rates(jax.vmap(trial)(points))

    if setup.exact is not None:
        exact = setup.conditions.shape.of_rates(jax.vmap(setup.exact)(setup.fresh))
        return relative(values(setup.fresh), exact), "the exact solution"
    if rival is None or rival.values is None:
        return None, ""
    return relative(values(rival.points), rival.values), f"{rival.name}, itself known to {rival.error:.1e}"


def _limits(report: Report, optimiser: Optimiser, training: Training) -> list[str]:
    """What keeps the error from falling, as far as the numbers show it."""
    found = []
    dtype = training.end.w.dtype
    if not report.ok:
        found.append("training ended with numbers that are not finite: use a smaller learning rate or damping.")
    if report.fresh_residual > 3 * report.residual:
        found.append(
            f"the points are over-fitted: the residual is {report.residual:.1e} at them, {report.fresh_residual:.1e} "
            "between them; take more points, fewer weights, or points=Adaptive(number)."
        )
    if dtype == jnp.float32 and not isinstance(optimiser, LeastSquares):
        found.append("float32: losses stagnate near 1e-7 of their start; enable x64 and train in float64.")
    falling = len(training.losses) > 20 and training.losses[-1] < 0.7 * training.losses[-1 - len(training.losses) // 10]
    if not bool(training.end.done) and falling:
        found.append("training was cut short: the loss was still falling at the last step; take more steps.")
    if report.largest_residual > 20 * report.fresh_residual:
        found.append("the residual sits in a small region: a front or a layer; put more points and weights there.")
    measured = {term.name for term in training.problem.terms if isinstance(term.residual, Misfit)}
    heavy = [name for name, gap in report.soft.items() if gap > report.fresh_residual and name not in measured]
    if heavy:
        found.append(f"{', '.join(heavy)} is missed by more than the law: raise weight.")
    found += open_questions(report.unknowns, report.deviations)
    found += misfits(training.problem, training.end.w)
    if report.solver_seconds is not None and report.solver_error is not None and report.error is not None:
        if report.solver_seconds < report.seconds and report.solver_error <= report.error:
            found.append("the library's own solver is more accurate here in less time.")
    return found
