"""The one-way street of imports, and the size of things, read off the syntax trees."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "jaxsci"
STREET = (
    {"_core"},
    {"geometry", "networks"},
    {"fields"},
    {"operators"},
    {"equations"},
    {"simulation"},
    {"learning", "inference", "control", "discovery"},
    {"data", "plots"},
    {"sciences"},
    {"gallery"},
)
LEVEL = {room: level for level, rooms in enumerate(STREET) for room in rooms}
FILES = sorted(ROOT.rglob("*.py"))
ROOM_FILES = [file for file in FILES if file.parent != ROOT]
MAX_FILE, MEDIAN_FILE, MAX_FUNCTION, P90_FUNCTION, MAX_FILES_PER_ROOM = 400, 150, 80, 30, 12


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def imported_rooms(source: str, package: tuple[str, ...]) -> set[str]:
    """Rooms that a module of `package`, such as `("jaxsci", "fields")`, imports, at its top or inside functions.

    `import jaxsci` itself counts as the room `""`, since it reaches every room.
    """
    modules = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules += [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            modules += [base + (alias.name,) for alias in node.names] if base == ("jaxsci",) else [base]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            if node.args and isinstance(node.args[0], ast.Constant):
                modules.append(tuple(str(node.args[0].value).split(".")))
    return {(module + ("",))[1] for module in modules if module[:1] == ("jaxsci",)}


def forbidden(room: str, targets: set[str]) -> set[str]:
    return {target for target in targets if target != room and LEVEL.get(target, len(STREET)) >= LEVEL[room]}


def functions() -> list[tuple[str, int]]:
    return [
        (f"{name_of(file)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1)
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


@pytest.mark.parametrize("file", ROOM_FILES, ids=name_of)
def test_imports_point_down(file):
    relative = file.relative_to(ROOT)
    room, package = relative.parts[0], ("jaxsci", *relative.parts[:-1])
    wrong = forbidden(room, imported_rooms(file.read_text(), package))
    assert not wrong, f"{relative} imports {sorted(wrong)}: {room} may use only the rooms below it"


def test_every_room_has_its_place_on_the_street():
    rooms = {folder.name for folder in ROOT.iterdir() if folder.is_dir() and any(folder.glob("*.py"))}
    assert rooms <= set(LEVEL), f"rooms without a place in DESIGN.md: {sorted(rooms - set(LEVEL))}"


@pytest.mark.parametrize(
    ("source", "targets"),
    [
        ("from ..operators import gradient", {"operators"}),
        ("def f():\n    from ..simulation.methods.base import Method", {"simulation"}),
        ("import jaxsci.data.files", {"data"}),
        ("from jaxsci import plots", {"plots"}),
        ("from .. import gallery", {"gallery"}),
        ("import jaxsci as js", {""}),
        ("import importlib\nimportlib.import_module('jaxsci.control')", {"control"}),
        ("from .base import Field\nimport jax", {"fields"}),
    ],
)
def test_the_walker_sees_every_way_to_import(source, targets):
    assert imported_rooms(source, ("jaxsci", "fields")) == targets
    assert forbidden("fields", targets) == targets - {"fields"}


def test_siblings_are_forbidden():
    assert forbidden("inference", {"learning", "simulation"}) == {"learning"}


def test_files_are_short():
    lengths = {name_of(file): len(file.read_text().splitlines()) for file in FILES}
    assert not {name: n for name, n in lengths.items() if n > MAX_FILE}
    assert sorted(lengths.values())[len(lengths) // 2] <= MEDIAN_FILE


def test_functions_are_short():
    found = functions()
    assert not [function for function in found if function[1] > MAX_FUNCTION]
    assert sorted(length for _, length in found)[len(found) * 9 // 10] <= P90_FUNCTION


def test_rooms_are_small_and_have_no_junk_drawer():
    crowded = {
        name_of(room): count
        for room in {file.parent for file in ROOM_FILES}
        if room.name not in ("equations", "sciences", "gallery")
        if (count := len([file for file in room.glob("*.py") if file.name != "__init__.py"])) > MAX_FILES_PER_ROOM
    }
    assert not crowded
    assert not [name_of(file) for file in FILES if file.stem in ("utils", "helpers", "util", "helper", "misc")]
