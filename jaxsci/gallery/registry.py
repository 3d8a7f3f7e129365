"""Which examples there are, and how one is run. Lists them without importing any, so that listing is immediate.

A module of this folder is an example if it defines `main(output, progress)`. The first line of its docstring reads
`Title: one-line summary.`, and its name, with dashes, is what the command line calls it.
"""

import ast
import difflib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """An example of the gallery.

    Args:
        name: What `jaxsci run` calls it.
        title: A few words.
        summary: One sentence.
    """

    name: str
    title: str
    summary: str

    @property
    def module(self) -> str:
        """Import path of the module that holds `main(output, progress)`."""
        return f"{__package__}.{self.name.replace('-', '_')}"


def entries() -> tuple[Entry, ...]:
    """Every example, by name.

    Example:
        >>> import jaxsci as js
        >>> [entry.title for entry in js.gallery.entries() if entry.name == "lynx-hare"]
        ['Lynx and hare']
    """
    found = []
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            if any(_is_main(node) for node in tree.body):
                title, _, summary = (ast.get_docstring(tree) or "").split("\n")[0].partition(": ")
                found.append(Entry(file.name.removesuffix(".py").replace("_", "-"), title, summary))
    return tuple(found)


def _is_main(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.FunctionDef) and node.name == "main" and [a.arg for a in node.args.args][:1] == ["output"]
    )


def find(name: str) -> Entry:
    """The example called `name`.

    Raises:
        ValueError: If there is none; the message names the nearest.
    """
    known = {entry.name: entry for entry in entries()}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name.replace("_", "-"), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."
    raise ValueError(f"the gallery has no example {name!r}: {hint}")


def run(name: str, output: str | Path, *, progress: bool = False) -> list[Path]:
    """Run an example and put its files into a folder.

    The example works in a temporary folder inside `output`, so on the same device; its files are moved only when it has
    finished, each in one step, and a run that fails or is interrupted leaves `output` as it was. It runs in double
    precision.

    Args:
        name: Name of the example, as `entries()` gives it.
        output: Folder for the results; made if it is missing. Files of the same names are replaced.
        progress: Whether to show a progress bar.

    Returns:
        The paths of the files that were written.

    Raises:
        ValueError: If there is no such example.
        NotADirectoryError: If `output` is a file.
        IsADirectoryError: If there is a folder where a file is to be.
        OSError: If nothing can be written to `output`; the example has not run then.
    """
    entry, output = find(name), Path(output).expanduser()
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(
            f"{output} is a file, and the results need a folder: name another, or remove the file."
        )
    with _scratch(output) as scratch:
        module = import_module(entry.module)
        import jax

        with jax.enable_x64(True):
            module.main(scratch, progress=progress)
        return _moved(scratch, output)


@contextmanager
def _scratch(output: Path) -> Iterator[Path]:
    """A folder inside `output` to work in; it disappears, and on an error every folder that was made for it."""
    missing = [folder for folder in (output, *output.parents) if not folder.exists()]
    scratch = None
    try:
        try:
            output.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=output))
        except OSError as error:
            reason = f"{output} cannot be written to ({error.strerror}): name another folder, or change its permissions"
            raise type(error)(f"{reason}. Nothing was run.") from error
        yield scratch
    except BaseException:
        _remove(scratch)
        for folder in missing:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise
    _remove(scratch)


def _remove(scratch: Path | None) -> None:
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)


def _moved(scratch: Path, output: Path) -> list[Path]:
    """Move the files of `scratch` to `output`, all or, where a folder or a file is in the way, none."""
    files = {path: output / path.relative_to(scratch) for path in sorted(scratch.rglob("*")) if path.is_file()}
    for target in files.values():
        if target.is_dir():
            raise IsADirectoryError(f"{target} is a folder, and a file is to be there: name another output folder.")
        way = [folder for folder in target.parents if folder.is_relative_to(output) and folder.is_file()]
        if way:
            raise NotADirectoryError(f"{way[0]} is a file, and a folder is to be there: name another output folder.")
    for path, target in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    return list(files.values())
