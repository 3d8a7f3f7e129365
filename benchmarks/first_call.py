"""The first call, compilation included, against exponax: each in a fresh process, timed after the imports."""

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

from .clock import Lap, lap
from .comparison import OURS, Contender, Target, Work

TITLE = "First call: construction, tracing, compilation, ten steps"
VARIANTS = ("kuramoto-sivashinsky", "navier-stokes")
STEPS = 10


def measure(case: str, who: str) -> None:
    """Print the lap from nothing but imports to a result."""
    import jax.numpy as jnp

    import jaxsci as js

    module = import_module(f"benchmarks.{case.replace('-', '_')}")
    if who == OURS:
        build = module.ours
        assert js.simulate and js.ensemble and js.Fourier and js.Grid and js.equations
    else:
        import exponax as exponax

        build = module.exponax
    jnp.ones(8).block_until_ready()
    print(*lap(lambda: build("float32", STEPS)()))


def in_fresh_process(case: str, who: str):
    if who != OURS and find_spec(who) is None:
        raise ImportError(f"{who} is not installed")
    command = [sys.executable, "-m", "benchmarks.first_call", case, who]

    def run() -> Lap:
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return Lap(*map(float, printed.split()))

    return run


def work(variant: str, quick: bool) -> Work:
    return Work(
        [Contender(who, lambda who=who: in_fresh_process(variant, who)) for who in (OURS, "exponax")],
        1,
        "call",
        targets=[Target("exponax", 1.0)],
    )


if __name__ == "__main__":
    measure(*sys.argv[1:])
