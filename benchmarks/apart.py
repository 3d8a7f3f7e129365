"""A contender that cannot share a process with the others: it waits in its own and runs when it is told to."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from .clock import Lap, lap


class Apart:
    """A process `python -m MODULE ARGUMENTS` that builds its contender once and answers each call with a lap.

    Args:
        module: Calls `serve` when run as a program.
        arguments: Given to it.
        needs: Packages without which the contender is skipped.
        environment: Added to the variables of this process.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], needs: Sequence[str] = (), environment: dict | None = None
    ):
        for package in needs:
            if find_spec(package) is None:
                raise ImportError(f"{package} is not installed")
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def ask(self) -> str:
        """Let it run once; what it has to say."""
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{' '.join(self.process.args)} ended with status {self.process.wait()}")
        return answer

    def __call__(self) -> Lap:
        return Lap(*map(float, self.ask().split()))

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def serve(build: Callable[[], Callable]) -> None:
    """Run what `build` gives once per line of the standard input, and print the lap."""
    answer = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        run = build()
        for _ in sys.stdin:
            print(*lap(run), file=answer, flush=True)
