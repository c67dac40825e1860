"""The documentation as static pages: `tox -e docs` writes them to build/docs."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

from conformance import __version__

sys.path.insert(0, str(Path(__file__).parent))
import site_pages

project = "rnn-conformance"
author = "the rnn-conformance developers"
copyright = "the rnn-conformance developers"  # noqa: A001 - the name is Sphinx's
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
source_suffix = {".md": "markdown"}
root_doc = "index"
nitpicky = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline"]
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_title = "rnn-conformance"
html_copy_source = False
html_show_sphinx = False


def setup(app: Sphinx) -> None:
    """Fill in what is made from data as pages are read."""
    app.connect("env-get-outdated", _made)
    app.connect("source-read", _fill)


def _made(app: Sphinx, _environment: object, *_names: set[str]) -> list[str]:
    """Pages that are made from data are read anew every time: Sphinx sees only that their own text is as it was."""
    return [
        name for name in app.project.docnames if site_pages.is_made(Path(app.project.doc2path(name, absolute=True)))
    ]


def _fill(_app: Sphinx, _name: str, source: list[str]) -> None:
    source[0] = site_pages.filled(source[0])
