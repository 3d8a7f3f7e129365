"""A committed notebook is its text, executed: same cells, outputs of every picture, no error, small."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
TEXTS = sorted(FOLDER.glob("*.py"))


def cells_of_text(path: Path) -> list[tuple[str, str]]:
    """Kind and source of each cell of a percent script, its header left out."""
    cells = []
    for block in path.read_text().split("\n# %%")[1:]:
        head, _, body = block.partition("\n")
        kind = "markdown" if "[markdown]" in head else "code"
        lines = body.strip("\n").split("\n")
        cells.append(
            (
                kind,
                "\n".join(line.removeprefix("#").removeprefix(" ") if kind == "markdown" else line for line in lines),
            )
        )
    return cells


def test_there_are_nine():
    assert len(TEXTS) == len(list(FOLDER.glob("*.ipynb"))) == 9


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_notebook_is_its_text_executed(text):
    path = text.with_suffix(".ipynb")
    cells = json.loads(path.read_text())["cells"]
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in cells] == cells_of_text(text)
    assert path.stat().st_size < 200_000
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not any(output["output_type"] == "error" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert "Gradient certificate: PASSED" in json.dumps(outputs)
