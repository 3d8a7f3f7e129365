"""Timing on a machine that others use too: interleaved runs, and the time a run would take alone."""

import gc
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

SETTLE = 0.05


class Lap(NamedTuple):
    """One run: time by the clock, and that time less the wait for a processor that others held."""

    wall: float
    alone: float


def waited() -> tuple[float, float]:
    """Seconds that all threads of this process have run, and have been ready but waiting, so far (Linux)."""
    ran = ready = 0
    for entry in Path("/proc/self/task").glob("*/schedstat"):
        try:
            numbers = entry.read_text().split()
        except OSError:
            continue
        ran, ready = ran + int(numbers[0]), ready + int(numbers[1])
    return ran * 1e-9, ready * 1e-9


def lap(run: Callable) -> Lap:
    """Time one run; a run that measured itself, in a process of its own, returns its lap.

    The threads of an OpenMP pool go on spinning for some milliseconds after their work, so the machine settles first.
    """
    gc.collect()
    time.sleep(SETTLE)
    ran, ready = waited()
    start = time.perf_counter()
    result = run()
    wall = time.perf_counter() - start
    ran, ready = (after - before for after, before in zip(waited(), (ran, ready), strict=True))
    if isinstance(result, Lap):
        return result
    return Lap(wall, wall * ran / (ran + ready) if ran > 0 and ready >= 0 else wall)


def interleaved(runs: dict[str, Callable], rounds: int) -> dict[str, list[Lap]]:
    """Laps of every run, in turn, so that a slow minute of the machine meets all of them."""
    laps: dict[str, list[Lap]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            laps[name].append(lap(run))
    return laps


def summary(laps: list[Lap]) -> dict[str, float]:
    """Median and least times of the laps."""
    return {
        "seconds": median(each.alone for each in laps),
        "least": min(each.alone for each in laps),
        "wall": median(each.wall for each in laps),
        "wall_least": min(each.wall for each in laps),
    }
