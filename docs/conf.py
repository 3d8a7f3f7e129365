"""Sphinx configuration: pages in MyST, examples executed at build, the API page made from the public names."""

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
os.environ.setdefault("JAX_ENABLE_X64", "True")

import docstrings  # noqa: E402
import make_api  # noqa: E402

import jaxsci  # noqa: E402

project = "jaxsci"
author = "The jaxsci developers"
version = release = jaxsci.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "jupyter_execute", "**.ipynb_checkpoints"]
html_theme = "furo"
html_title = "jaxsci"
default_role = "code"

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_excludepatterns = ["notebooks/*"]  # committed with outputs, executed by .ci/run
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def _copy_in(app):
    (HERE / "api.md").write_text(make_api.page())
    target = HERE / "notebooks"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    notebooks = sorted((HERE.parent / "notebooks").glob("*.ipynb"))
    for notebook in notebooks:
        shutil.copy(notebook, target)
    listing = "\n".join(["# Notebooks", "", "```{toctree}", *(notebook.stem for notebook in notebooks), "```", ""])
    (target / "index.md").write_text(listing)


def setup(app):
    """Write the generated pages before Sphinx looks for sources; convert what autodoc reads."""
    app.connect("builder-inited", _copy_in)
    app.connect("autodoc-process-docstring", docstrings.convert, priority=400)
