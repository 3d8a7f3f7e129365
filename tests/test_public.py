"""Every public name resolves, is documented, is seen by type checkers, and stands in the API page."""

import ast
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import jaxsci as js

ROOT = Path(__file__).parents[1]
ROOMS = js._ROOMS

_spec = importlib.util.spec_from_file_location("make_api", ROOT / "docs" / "make_api.py")
make_api = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_api)


def public_names(room: str) -> list[str]:
    """What the room's `__init__` re-exports as `X as X`."""
    tree = ast.parse((ROOT / "jaxsci" / room / "__init__.py").read_text())
    return [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
        if alias.asname == alias.name
    ]


EXPORTS = [(room, name) for room in ROOMS if (ROOT / "jaxsci" / room).is_dir() for name in public_names(room)]
TOP = sorted(js._ROOM_OF)


@pytest.mark.parametrize("room", ROOMS)
def test_room_resolves_and_says_what_it_is(room):
    assert inspect.getdoc(getattr(js, room))


@pytest.mark.parametrize("name", TOP)
def test_top_level_name_is_the_one_of_its_room(name):
    assert getattr(js, name) is getattr(importlib.import_module(f"jaxsci.{js._ROOM_OF[name]}"), name)
    assert name in dir(js) and (js._ROOM_OF[name] == "_core.errors" or name in public_names(js._ROOM_OF[name]))


@pytest.mark.parametrize(("room", "name"), EXPORTS, ids=[f"{room}.{name}" for room, name in EXPORTS])
def test_public_name_is_documented_and_typed(room, name):
    thing = getattr(importlib.import_module(f"jaxsci.{room}"), name)
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else inspect.getdoc(thing)
    assert own, f"jaxsci.{room}.{name} has no docstring"
    assert not own.startswith(f"{name}("), f"the docstring of jaxsci.{room}.{name} is a generated signature"


def test_type_checkers_see_what_is_loaded_lazily():
    tree = ast.parse((ROOT / "jaxsci" / "__init__.py").read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {(node.module, alias.asname) for node in block.body for alias in node.names}
    assert seen == {(room, name) for name, room in js._ROOM_OF.items()} | {(None, room) for room in ROOMS}


def test_package_is_marked_as_typed():
    assert (ROOT / "jaxsci" / "py.typed").exists()


@pytest.mark.parametrize("room", ROOMS)
def test_api_page_names_everything_public(room):
    page = make_api.page()
    missing = [name for name in public_names(room) if not re.search(rf":: jaxsci\.{room}\.{name}$", page, re.MULTILINE)]
    assert not missing, f"the API page of docs/make_api.py lacks {missing} of jaxsci.{room}"
