"""The text of the API page, made from the public names of each room when the documentation is built."""

import importlib
import inspect

import jaxsci

HEAD = """# API

The names listed first in each room are the ones you call most; those of `geometry`, `fields`, `operators` and
`simulation` that are common also stand at the top level, as `js.NAME`.
"""


def page() -> str:
    """The whole page: one section per room, one entry per public name."""
    return "\n".join([HEAD, *(section(room) for room in jaxsci._ROOMS), errors()])


def errors() -> str:
    """The exceptions, which stand at the top level only."""
    found = sorted(name for name, room in jaxsci._ROOM_OF.items() if room == "_core.errors")
    lines = [line for name in found for line in directive(f"jaxsci.{name}", getattr(jaxsci, name))]
    return "\n".join(["## Errors", "", "```{eval-rst}", *lines, "```", ""])


def section(room: str) -> str:
    """One room: what it is, then its public names."""
    module = importlib.import_module(f"jaxsci.{room}")
    lines = [f"## jaxsci.{room}", "", inspect.getdoc(module) or "", "", "```{eval-rst}"]
    for name in sorted(names(module), key=lambda name: (not at_top(room, name), name.lower())):
        lines += directive(f"jaxsci.{room}.{name}", getattr(module, name))
    return "\n".join([*lines, "```", ""])


def names(module) -> list[str]:
    """Public names that a room re-exports, submodules left out."""
    return [name for name in dir(module) if not name.startswith("_") and not inspect.ismodule(getattr(module, name))]


def at_top(room: str, name: str) -> bool:
    """Whether the name also stands at the top level."""
    return jaxsci._ROOM_OF.get(name) == room


def directive(path: str, thing) -> list[str]:
    """The autodoc directive for one thing."""
    if inspect.isclass(thing):
        return [f".. autoclass:: {path}", "   :members:", "   :show-inheritance:", ""]
    kind = "autofunction" if callable(thing) else "autodata"
    return [f".. {kind}:: {path}", ""]
