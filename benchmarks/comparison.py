"""What a comparison is: contenders that do the same work, targets, and the machine's limit for that work."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

OURS = "jaxsci"


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Args:
        name: `jaxsci`, or the peer.
        build: imports what it needs and returns `run() -> array`, which waits for its result; an ImportError skips
            the peer.
    """

    name: str
    build: Callable[[], Callable[[], Any]]


@dataclass(frozen=True)
class Target:
    """`time of peer / time of ours` must be at least `ratio`."""

    peer: str
    ratio: float
    ours: str = OURS


@dataclass(frozen=True)
class Limit:
    """The least time the machine needs for the work.

    Args:
        meaning: what is counted, in words.
        build: returns `run()`, timed in turn with the contenders; None where `seconds` says it.
        seconds: the time, where it follows from a measured rate.
    """

    meaning: str
    build: Callable[[], Callable[[], Any]] | None = None
    seconds: Callable[[], float] | None = None


@dataclass(frozen=True)
class Work:
    """All that is timed together in one process.

    Args:
        contenders: jaxsci first.
        units: how many steps or trajectories one run is; times are quoted per unit.
        unit: what a unit is called.
        targets: what jaxsci must reach.
        limits: lower bounds by the machine.
        figures: further numbers, such as memory, computed once at the end.
        rounds: how often each contender runs, after a first time that is not counted.
    """

    contenders: list[Contender]
    units: int
    unit: str = "step"
    targets: list[Target] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    figures: Callable[[], dict[str, Any]] | None = None
    rounds: int = 5


def relative_error(result, reference) -> float:
    """Root mean square of the difference over that of the reference, which has at least as many rows."""
    result = np.asarray(result, float)
    reference = np.asarray(reference, float)[: len(result)]
    return float(np.sqrt(np.mean((result - reference) ** 2) / np.mean(reference**2)))
