"""Docstrings are written to be read in a terminal; here their formulas and tables become reStructuredText."""

import re

TABLE = re.compile(r"(?:^[ ]*\|.*\|[ ]*(?:\n|$))+", re.MULTILINE)
FORMULA = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)


def convert(app, what, name, obj, options, lines):
    """Handler of Sphinx's `autodoc-process-docstring`."""
    text = TABLE.sub(as_table, FORMULA.sub(as_formula, "\n".join(lines)))
    lines[:] = text.split("\n")


def as_formula(match: re.Match) -> str:
    """A display formula `$$...$$`."""
    return "\n\n.. math::\n\n   " + " ".join(match[1].split()) + "\n\n"


def as_table(match: re.Match) -> str:
    """A table of rows `| a | b |`, the first of them its head."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in match[0].strip().split("\n")]
    rows = [row for row in rows if not all(set(cell) <= set("-: ") for cell in row)]
    body = "\n".join("   * - " + "\n     - ".join(row) for row in rows)
    return f"\n.. list-table::\n   :header-rows: 1\n\n{body}\n\n"
