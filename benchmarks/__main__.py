"""`python -m benchmarks [NAME ...] [--quick]` runs all comparisons or the named ones and renews the table.

`python -m benchmarks neural_table` runs the reference cases of networks and makes their table, in the docs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from . import neural_table
from .machine import description
from .report import RESULTS, section, write_table

NAMES = (
    "kuramoto-sivashinsky",
    "navier-stokes",
    "taylor-green",
    "heat",
    "tsit5",
    "lorenz",
    "ten-bodies",
    "gradient",
    "stencil-gradient",
    "lynx-hare-nuts",
    "ensemble-kalman",
    "nist",
    "first-call",
    "pinn-step",
    "pinn-burgers",
)
ROOT = Path(__file__).parent.parent


def main() -> None:
    if sys.argv[1:2] == ["neural_table"]:
        neural_table.main(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure jaxsci against its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; all by default")
    parser.add_argument(
        "--quick", action="store_true", help="fewer steps and rounds: shows that all runs, not how fast"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"unknown comparison {', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}")
    for name in options.names or NAMES:
        compare(name, options.quick)
    write_table(Path(__file__).parent / "RESULTS.md")


def compare(name: str, quick: bool) -> None:
    """Run one comparison in all its variants, print and keep what was found."""
    module = import_module(f"benchmarks.{name.replace('-', '_')}")
    record = {"title": module.TITLE, "machine": description(), "quick": quick, "variants": {}}
    for variant in module.VARIANTS:
        result = in_process(name, variant, quick)
        record["variants"][variant] = result
        print(f"\n{module.TITLE}, {variant}", *section(result), sep="\n", flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


def in_process(name: str, variant: str, quick: bool) -> dict:
    """One variant in a fresh process, so that precision and compiled code of one never meet another."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "result.json"
        command = [sys.executable, "-m", "benchmarks.worker", name, variant, str(out), *(["--quick"] if quick else [])]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": path})
        return json.loads(out.read_text())


if __name__ == "__main__":
    main()
