"""The loop around an optimiser: history, progress bar, and files from which a killed training goes on."""

import os
import re
import time
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..simulation.watch.progress import Bar
from .optimisers.base import Optimiser, Progress
from .problems.problem import Problem
from .sampling.refreshing import Schedule


class Training(NamedTuple):
    """How a fit went: its end, losses after so many steps, seconds of steps and of compiling, and the last problem."""

    end: Progress
    steps: np.ndarray
    losses: np.ndarray
    seconds: float
    compiling: float
    problem: Problem


@eqx.filter_jit
def _advance(optimiser: Optimiser, problem: Problem, state: Progress, count) -> Progress:
    def going(carry):
        return (carry[1] < count) & ~carry[0].done

    def body(carry):
        return optimiser.step(problem, carry[0]), carry[1] + 1

    if optimiser.per_call == 1:
        return optimiser.step(problem, state)
    return jax.lax.while_loop(going, body, (state, jnp.zeros((), int)))[0]


@eqx.filter_jit
def _begin(optimiser: Optimiser, problem: Problem, w) -> Progress:
    return optimiser.init(problem, w)


@eqx.filter_jit
def _moved(optimiser: Optimiser, problem: Problem, state: Progress) -> Progress:
    return optimiser.moved(problem, state)


class Run(eqx.Module):
    """All that a training goes on from: the progress, and points and weights where they change on the way.

    `settled` is the step at which the optimiser last had nothing left to gain before the points were drawn anew.
    """

    progress: Progress
    points: tuple[Array, ...]
    weights: tuple[Array, ...]
    settled: Array

    def on(self, problem: Problem) -> Problem:
        """The problem with the points and weights of this moment."""
        if not self.points:
            return problem
        terms = zip(problem.terms, self.points, self.weights, strict=True)
        return problem.with_terms(term.moved(points, weight) for term, points, weight in terms)


def run_of(progress: Progress, problem: Problem, schedule: Schedule | None, settled: int = -1) -> Run:
    """A run at a moment."""
    terms = problem.terms if schedule else ()
    kept = tuple(t.points for t in terms), tuple(t.weight for t in terms)
    return Run(progress, *kept, jnp.asarray(settled))


def train(
    optimiser: Optimiser,
    problem: Problem,
    w,
    schedule: Schedule | None = None,
    store: str | os.PathLike | None = None,
    save_every: float = 60.0,
    progress: bool = False,
) -> Training:
    """Take steps until the optimiser is done.

    Args:
        optimiser: The optimiser.
        problem: What it lowers.
        w: The first weights.
        schedule: What changes in the problem on the way.
        store: A directory; its files hold the state of at most `save_every` seconds ago. The same call goes on from
            there and gives the same numbers, bit for bit.
        save_every: Seconds between two saves.
        progress: Show a bar.

    Raises:
        ValueError: If the store holds another training.
    """
    begin = time.perf_counter()
    run = run_of(_begin(optimiser, problem, w), problem, schedule)
    checkpoint = None if store is None else Checkpoint(Path(store), (optimiser, problem, schedule))
    steps, losses = [0], [float(run.progress.loss)]
    if checkpoint is not None:
        run, steps, losses = checkpoint.load(run, steps, losses)
    total = optimiser.num_steps
    if steps[-1] < total and not bool(run.progress.done):
        _advance.lower(optimiser, run.on(problem), run.progress, jnp.asarray(1)).compile()
    compiling = time.perf_counter() - begin
    bar = Bar("training") if progress else None
    begin = saved = time.perf_counter()
    while steps[-1] < total and not bool(run.progress.done):
        run = _further(optimiser, problem, run, schedule, total)
        steps.append(int(run.progress.steps))
        losses.append(float(run.progress.loss))
        if bar:
            bar.update(steps[-1] / total)
        if checkpoint is not None and time.perf_counter() - saved > save_every:
            checkpoint.save(run, steps, losses)
            saved = time.perf_counter()
    run = jax.block_until_ready(run)
    seconds = time.perf_counter() - begin
    if checkpoint is not None:
        checkpoint.save(run, steps, losses)
    if bar:
        bar.close()
    return Training(run.progress, np.array(steps), np.array(losses), seconds, compiling, run.on(problem))


def _further(optimiser, problem, run: Run, schedule: Schedule | None, total: int) -> Run:
    """Some steps, and what is to be changed after them.

    An optimiser that is done before gets other points at once, and is done for good if that is so again a step later.
    """
    steps = int(run.progress.steps)
    count = min(optimiser.per_call, total - steps, *([schedule.next(steps) - steps] if schedule else []))
    problem = run.on(problem)
    state = _advance(optimiser, problem, run.progress, jnp.asarray(count))
    if schedule is None:
        return run_of(state, problem, None)
    steps, settled = int(state.steps), int(run.settled)
    done = bool(state.done)
    if not bool(jnp.isfinite(state.loss)) or (done and 0 <= settled >= steps - 1):
        return run_of(state, problem, schedule, settled)
    due = (True,) * len(schedule.changes) if done else schedule.due(steps)
    if any(due):
        problem = schedule.refreshed(problem, state.w, state.steps, due)
        state = _moved(optimiser, problem, state)
    return run_of(state, problem, schedule, steps if done else settled)


class Checkpoint:
    """The state of a training in a directory, replaced all at once."""

    def __init__(self, folder: Path, depends_on: Any):
        self.folder = folder
        self.code = _checksum(depends_on)

    def save(self, run: Run, steps: list, losses: list) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / "state.partial"
        history = np.array(steps, np.int64), np.array(losses, np.float64)
        with open(partial, "wb") as file:
            np.save(file, np.array([self.code, len(steps)], np.int64))
            for array in history:
                np.save(file, array)
            eqx.tree_serialise_leaves(file, run)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.folder / "state")

    def load(self, like: Run, steps: list, losses: list) -> tuple[Run, list, list]:
        path = self.folder / "state"
        if not path.exists():
            return like, steps, losses
        with open(path, "rb") as file:
            code, _ = np.load(file)
            if int(code) != self.code:
                raise ValueError(
                    f"{path} holds another training: its law, points, network or optimiser differ from this call. Go "
                    "on with the call that began it, or give this one a directory of its own."
                )
            steps, losses = np.load(file).tolist(), np.load(file).tolist()
            return eqx.tree_deserialise_leaves(file, like), steps, losses


def _checksum(tree: Any) -> int:
    """A number that changes with everything a training depends on."""
    leaves, structure = jax.tree.flatten(tree)
    code = zlib.crc32(re.sub(r" at 0x[0-9a-f]+", "", str(structure)).encode())
    for leaf in leaves:
        if eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        if eqx.is_array(leaf):
            described = np.asarray(leaf).tobytes()
        else:
            described = repr(leaf if isinstance(leaf, (bool, int, float, complex)) else type(leaf)).encode()
        code = zlib.crc32(described, code)
    return code
