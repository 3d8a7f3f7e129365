"""The command `jaxsci`: list the gallery, run one of its examples, check the installation."""

import argparse
import signal
import sys
from pathlib import Path

from .registry import entries, find, run


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "run":
        return _run(arguments)
    if arguments.command == "doctor":
        from .doctor import examine

        return examine()
    print(_listing())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxsci",
        description="Differentiable simulation in JAX.",
        epilog=_listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="{run,doctor}")
    example = commands.add_parser("run", help="run an example of the gallery")
    example.add_argument("name", help="name of the example: `jaxsci` lists them")
    example.add_argument(
        "--output", type=Path, metavar="DIR", help="folder for the results (default: the example's name)"
    )
    example.add_argument("--no-progress", dest="progress", action="store_false", help="show no progress bar")
    commands.add_parser("doctor", help="check the installation: versions, devices, and whether jax computes rightly")
    return parser


def _listing() -> str:
    found = entries()
    width = max(len(entry.name) for entry in found)
    rows = [f"  {entry.name:<{width}}  {entry.title}: {entry.summary}" for entry in found]
    return "\n".join(
        [
            "The gallery:",
            *rows,
            "",
            "jaxsci run NAME --output DIR   runs one of them",
            "jaxsci doctor                  checks the installation",
        ]
    )


def _run(arguments: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("jaxsci: terminated, nothing was written"))
    try:
        find(arguments.name)
    except ValueError as error:
        return _fail(error)
    try:
        written = run(arguments.name, arguments.output or Path(arguments.name), progress=arguments.progress)
    except (OSError, ImportError) as error:
        return _fail(error)
    except KeyboardInterrupt:
        return _fail("interrupted, nothing was written")
    print("\nWritten:", *(f"  {path}" for path in written), sep="\n")
    return 0


def _fail(reason: object) -> int:
    print(f"jaxsci: {reason}", file=sys.stderr)
    return 2
