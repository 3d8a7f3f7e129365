"""Time in windows: one network after the other, each started where the last one ended."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .fitting import Fit
from .problems.problem import Problem, Term
from .residuals.local import complex_parts
from .training import Training


class Snapshot(eqx.Module):
    """One part of a trained state at one time, as a function of one point."""

    trial: Callable
    t: Array | None
    part: int = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        shape = self.trial.conditions.shape
        z = x if self.t is None else jnp.concatenate([self.t.astype(x.dtype)[None], x])
        if not shape.twice or self.part < len(shape.unknowns):
            return complex_parts(self.trial(z), shape.unknowns)[self.part]
        rate = jax.jvp(self.trial, (z,), (jnp.zeros_like(z).at[0].set(1),))[1]
        return complex_parts(rate, shape.unknowns)[self.part - len(shape.unknowns)]


class End(eqx.Module):
    """The state at the end of a window, as the start of the next: a function of one point."""

    trial: Callable
    t: Array

    def __call__(self, x: Array) -> PyTree:
        shape = self.trial.conditions.shape
        return shape.structure.unflatten([Snapshot(self.trial, self.t, i)(x) for i in range(len(shape.parts))])


class March(eqx.Module):
    """Trial functions of consecutive windows of time as one function of `(t, x)`."""

    trials: tuple[Callable, ...]
    edges: Float[Array, " n"]

    @property
    def conditions(self) -> Any:
        """The conditions of the first window, which tell what the unknown looks like."""
        return self.trials[0].conditions

    @property
    def network(self) -> tuple[Callable, ...]:
        """The network of each window."""
        return tuple(trial.network for trial in self.trials)

    def __call__(self, z: Array) -> Array:
        values = self.trials[0](z)
        for trial, edge in zip(self.trials[1:], self.edges, strict=True):
            values = jnp.where(z[0] > edge, trial(z), values)
        return values


def in_windows(windows: int, fitted: Callable[..., Fit], network: Callable, initial: Any, times: tuple) -> Fit:
    """Fit one window after the other.

    A start is built in as a function: that of the last window calls the networks of all windows before, so that few
    windows (up to about ten) are best.

    Args:
        windows: How many, of equal lengths.
        fitted: Fits one, from its network, start, times and number (the number -1 only sets the whole problem up).
        network: The first network; the next ones begin from the weights of the one before.
        initial: The start of the first.
        times: First and last time.
    """
    edges = np.linspace(*times, windows + 1)
    fits, start = [], initial
    for i, (begin, end) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        fit = fitted(network, start, (float(begin), float(end)), i)
        fits.append(fit)
        last = End(fit.trial, fit.setup.conditions.times[1])
        start = last if fit.setup.conditions.shape.box else last(jnp.zeros(0, fit.setup.fresh.dtype))
        network = fit.trial.network
        if not bool(jnp.isfinite(fit.training.end.loss)):
            break
    trials = tuple(fit.trial for fit in fits)
    dtype = fits[0].setup.fresh.dtype
    trial = March(trials, jnp.asarray(edges[1 : len(fits)], dtype))
    whole = fitted(network, initial, (float(edges[0]), float(edges[len(fits)])), -1)
    return Fit(whole.setup, trial, _joined([fit.training for fit in fits]), fits[-1].optimiser, fits[0].notes)


def _joined(trainings: list[Training]) -> Training:
    """Steps, losses, seconds and points of several trainings in a row."""
    steps, losses, total = [], [], 0
    for training in trainings:
        steps.append(training.steps + total)
        losses.append(training.losses)
        total += int(training.steps[-1])
    last = trainings[-1]
    end = eqx.tree_at(lambda p: p.steps, last.end, jnp.asarray(total))
    terms = []
    for same in zip(*(training.problem.terms for training in trainings), strict=True):
        points = jnp.concatenate([term.points for term in same])
        terms.append(Term(same[0].name, same[0].residual, points, jnp.mean(same[0].weight)))
    problem = Problem(tuple(terms), last.problem.template, last.problem.frozen)
    seconds, compiling = (sum(getattr(t, name) for t in trainings) for name in ("seconds", "compiling"))
    return Training(end, np.concatenate(steps), np.concatenate(losses), seconds, compiling, problem)
