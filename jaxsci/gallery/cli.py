"""The command `jaxsci`: list the gallery, run one of its examples, check the installation."""

import argparse
import os
import signal
import sys
from pathlib import Path

from .registry import entries, find, run


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        try:
            return _obey(_parser().parse_args(argv))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _obey(arguments: argparse.Namespace) -> int:
    if arguments.command == "run":
        return _run(arguments)
    if arguments.command == "doctor":
        from .doctor import examine

        return examine()
    if arguments.version:
        from .doctor import own_version

        print(f"jaxsci {own_version()}")
        return 0
    print(_listing())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxsci",
        description="Differentiable simulation in JAX.",
        epilog=_listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
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
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(error)
    except ImportError as error:
        if _is_missing_extra(error):
            return _fail(error)
        raise
    except KeyboardInterrupt:
        return _fail("interrupted, nothing was written")
    print("\nWritten:", *(f"  {path}" for path in written), sep="\n")
    return 0


def _is_missing_extra(error: ImportError) -> bool:
    """Whether the error names the command that installs an extra; any other is a mistake, and keeps its traceback."""
    return isinstance(error.__cause__, ModuleNotFoundError) and 'pip install "jaxsci[' in str(error)


def _fail(reason: object) -> int:
    print(f"jaxsci: {reason}", file=sys.stderr)
    return 2
