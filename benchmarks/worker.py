"""One comparison in one variant, in a process of its own: `python -m benchmarks.worker NAME VARIANT OUT [--quick]`."""

import json
import sys
import time
from importlib import import_module
from pathlib import Path

import jax
import numpy as np

from .clock import Lap, interleaved, summary
from .comparison import OURS, Work, relative_error


def main(name: str, variant: str, out: str, *options: str) -> None:
    """Measure and write JSON."""
    jax.config.update("jax_enable_x64", variant == "float64")
    quick = "--quick" in options
    module = import_module(f"benchmarks.{name.replace('-', '_')}")
    Path(out).write_text(json.dumps(measured(module.work(variant, quick), quick)))


def measured(work: Work, quick: bool) -> dict:
    """Times, ratios, errors and shares of the limit."""
    rounds = min(3, work.rounds) if quick else work.rounds
    runs, first, skipped, results = {}, {}, {}, {}
    for contender in work.contenders:
        start = time.perf_counter()
        try:
            run = contender.build()
            results[contender.name] = run()
        except ImportError as error:
            skipped[contender.name] = str(error)
            continue
        first[contender.name] = time.perf_counter() - start
        runs[contender.name] = run
    bounds = {limit.meaning: limit.build() for limit in work.limits if limit.build}
    for run in bounds.values():
        run()
    laps = interleaved({**runs, **bounds}, rounds)
    times = {name: summary(each) for name, each in laps.items()}
    ours = times[OURS]
    for name in runs:
        times[name]["first_call"] = first[name]
        if not isinstance(results[name], Lap) and np.shape(results[name]) == np.shape(results[OURS]):
            times[name]["deviation"] = relative_error(results[name], results[OURS])
        times[name]["ratio"] = times[name]["seconds"] / ours["seconds"]
        times[name]["ratio_wall"] = times[name]["wall"] / ours["wall"]
    limits = {meaning: times.pop(meaning)["seconds"] for meaning in bounds}
    limits |= {limit.meaning: limit.seconds() for limit in work.limits if limit.seconds}
    return {
        "units": work.units,
        "unit": work.unit,
        "rounds": rounds,
        "times": times,
        "skipped": skipped,
        "limits": {meaning: {"seconds": value, "share": value / ours["seconds"]} for meaning, value in limits.items()},
        "targets": [
            {
                "ours": t.ours,
                "peer": t.peer,
                "ratio": t.ratio,
                "measured": times[t.peer]["seconds"] / times[t.ours]["seconds"],
                "wall": times[t.peer]["wall"] / times[t.ours]["wall"],
            }
            for t in work.targets
            if t.peer in times
        ],
        "figures": work.figures() if work.figures else {},
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
