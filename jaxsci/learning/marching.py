"""Time in windows: one network after the other, each started where the last one ended."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .._core.errors import UnsupportedError
from .fitting import Effort, Fit, fit
from .problems.assembly import Wanted, set_up
from .residuals.residual import state_at
from .training import Training


class Snapshot(eqx.Module):
    """A trained state at one time, as a function of one point."""

    trial: Callable
    t: Array | None

    def __call__(self, x: Array) -> PyTree:
        z = x if self.t is None else jnp.concatenate([self.t.astype(x.dtype)[None], x])
        return state_at(self.trial, self.trial.conditions.shape, z)


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


def in_windows(windows: int, wanted: Wanted, effort: Effort, key: Array) -> Fit:
    """Fit windows of equal lengths one after the other; a network begins with the weights of the one before.

    A start is built in as a function: that of the last window calls the networks of all windows before, so that few
    windows (up to about ten) are best.
    """
    if wanted.sought.data is not None or wanted.sought.parameters is not None:
        raise UnsupportedError("windows of time cannot be combined with data= or parameters=: leave windows=1.")
    edges = np.linspace(*wanted.times, windows + 1)
    fits, next_one = [], wanted
    for i, (begin, end) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        store = None if effort.store is None else Path(effort.store) / f"window_{i}"
        next_one = next_one._replace(times=(float(begin), float(end)))
        done = fit(next_one, effort._replace(store=store), jax.random.fold_in(key, i + 1))
        fits.append(done)
        last = Snapshot(done.trial, done.setup.conditions.times[1])
        start = last if done.setup.conditions.shape.box else last(jnp.zeros(0, done.setup.fresh.dtype))
        next_one = next_one._replace(network=done.trial.network, initial=start)
        if not bool(jnp.isfinite(done.training.end.loss)):
            break
    trials = tuple(fit.trial for fit in fits)
    dtype = fits[0].setup.fresh.dtype
    trial = March(trials, jnp.asarray(edges[1 : len(fits)], dtype))
    whole = set_up(wanted._replace(times=(float(edges[0]), float(edges[len(fits)]))), jax.random.fold_in(key, 0))
    return Fit(whole, trial, _joined([fit.training for fit in fits]), fits[-1].optimiser, fits[0].notes)


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
        terms.append(same[0].moved(points, jnp.mean(same[0].weight)))
    problem = last.problem.with_terms(terms)
    seconds, compiling = (sum(getattr(t, name) for t in trainings) for name in ("seconds", "compiling"))
    return Training(end, np.concatenate(steps), np.concatenate(losses), seconds, compiling, problem)
