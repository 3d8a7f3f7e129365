"""What README and the tour tell a reader to type does run, and every gallery entry can be listed and described."""

import re
from pathlib import Path

import pytest

import jaxsci as js

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "python3 -m venv .venv && .venv/bin/python -m pip install . && .venv/bin/jaxsci run lynx-hare --output lynx-hare",
    'python3 -m venv .venv && .venv/bin/python -m pip install -e ".[test]" && .venv/bin/python -m pytest',
)


def blocks(document: str, opening: str) -> str:
    return "\n\n".join(
        re.findall(rf"^```{opening}\n(.*?)^```", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)
    )


@pytest.mark.parametrize(("document", "opening"), [("README.md", "python"), ("docs/tour.md", r"\{code-cell\}")])
def test_code_runs_and_its_gradient_passes(document, opening, capsys):
    code = blocks(document, opening)
    assert "check_gradient" in code
    exec(compile(code, document, "exec"), {})
    assert "Gradient certificate: PASSED" in capsys.readouterr().out


def test_the_two_commands_stand_in_the_readme():
    assert tuple(re.findall(r"^python3 -m venv .*$", (ROOT / "README.md").read_text(), re.MULTILINE)) == COMMANDS


@pytest.mark.parametrize("entry", js.gallery.entries(), ids=lambda entry: entry.name)
def test_gallery_entry_says_what_it_is(entry):
    assert entry.title and entry.summary.endswith(".") and len(f"{entry.title}{entry.summary}") < 100
