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

from ..simulation.watch.progress import Bar
from .optimisers.base import Optimiser, Progress
from .problem import Problem


class Training(NamedTuple):
    """How a fit went: its end, the loss after so many steps, the seconds of the steps and of compiling them."""

    end: Progress
    steps: np.ndarray
    losses: np.ndarray
    seconds: float
    compiling: float


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


def train(
    optimiser: Optimiser,
    problem: Problem,
    w,
    *,
    store: str | os.PathLike | None = None,
    save_every: float = 60.0,
    progress: bool = False,
) -> Training:
    """Take steps until the optimiser is done.

    Args:
        optimiser: The optimiser.
        problem: What it lowers.
        w: The first weights.
        store: A directory; its files hold the state of at most `save_every` seconds ago. The same call goes on from
            there and gives the same numbers, bit for bit.
        save_every: Seconds between two saves.
        progress: Show a bar.

    Raises:
        ValueError: If the store holds another training.
    """
    begin = time.perf_counter()
    state = _begin(optimiser, problem, w)
    checkpoint = None if store is None else Checkpoint(Path(store), optimiser, problem)
    state, steps, losses = (state, [0], [float(state.loss)]) if checkpoint is None else checkpoint.load(state)
    total, per_call = optimiser.num_steps, optimiser.per_call
    advance = _advance.lower(optimiser, problem, state, jnp.asarray(per_call)).compile()
    compiling = time.perf_counter() - begin
    bar = Bar("training") if progress else None
    begin = saved = time.perf_counter()
    while int(state.steps) < total and not bool(state.done):
        count = min(per_call, total - int(state.steps))
        state = advance(optimiser, problem, state, jnp.asarray(count))
        steps.append(int(state.steps))
        losses.append(float(state.loss))
        if bar:
            bar.update(int(state.steps) / total)
        if checkpoint is not None and time.perf_counter() - saved > save_every:
            checkpoint.save(state, steps, losses)
            saved = time.perf_counter()
    state = jax.block_until_ready(state)
    seconds = time.perf_counter() - begin
    if checkpoint is not None:
        checkpoint.save(state, steps, losses)
    if bar:
        bar.close()
    return Training(state, np.array(steps), np.array(losses), seconds, compiling)


class Checkpoint:
    """The state of a training in a directory, replaced all at once."""

    def __init__(self, folder: Path, optimiser: Optimiser, problem: Problem):
        self.folder = folder
        self.code = _checksum((optimiser, problem))

    def save(self, state: Progress, steps: list, losses: list) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / "state.partial"
        history = np.array(steps, np.int64), np.array(losses, np.float64)
        with open(partial, "wb") as file:
            np.save(file, np.array([self.code, len(steps)], np.int64))
            for array in history:
                np.save(file, array)
            eqx.tree_serialise_leaves(file, state)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.folder / "state")

    def load(self, like: Progress) -> tuple[Progress, list, list]:
        path = self.folder / "state"
        if not path.exists():
            return like, [0], [float(like.loss)]
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
        if eqx.is_array(leaf):
            described = np.asarray(leaf).tobytes()
        else:
            described = repr(leaf if isinstance(leaf, (bool, int, float, complex)) else type(leaf)).encode()
        code = zlib.crc32(described, code)
    return code
