"""How the documentation is built (`make docs`): Markdown pages through MyST, docstrings through autodoc."""

import re
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.application import Sphinx

project = "causal_lpm"
author = "The causal_lpm maintainers"
copyright = author
release = version = installed_version("causal-lpm")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
toc_object_entries = False  # headings say the same
napoleon_google_docstring = True
napoleon_use_ivar = True  # fields of a dataclass are described once
napoleon_custom_sections = [("Options of learning", "params_style"), ("Options of simulating", "params_style")]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"causal_lpm {release}"

OUTSIDE = re.compile(r"\]\((?P<path>[^)#:\s]+\.md)(?:#[^)\s]*)?\)")

CODE = re.compile(r"(?<![`:])`([^`]+)`(?!`)")


def downloads_of_pages_outside(app: Sphinx, docname: str, source: list[str]) -> None:
    """Pages of the repository that are no pages of the site (case studies, benchmarks) are links to their files."""
    folder = Path(app.srcdir, docname).parent

    def link(match: re.Match[str]) -> str:
        inside = (folder / match["path"]).resolve().is_relative_to(Path(app.srcdir).resolve())
        return match[0] if inside else f"](path:{match['path']})"

    source[0] = OUTSIDE.sub(link, source[0])


def notebook_of_tutorial(app: Sphinx, docname: str, source: list[str]) -> None:
    """A tutorial offers its notebook, where `make notebooks` has made it."""
    folder, _, name = docname.rpartition("/")
    notebook = Path(app.srcdir, "_build", "notebooks", f"{name}.ipynb")
    if folder == "tutorials" and notebook.exists():
        title, _, text = source[0].partition("\n")
        line = f"{{download}}`This page as a notebook for Jupyter, executed <../_build/notebooks/{name}.ipynb>`"
        source[0] = f"{title}\n\n{line}\n{text}"


def code_as_code(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Docstrings are written as on any page: code between single backticks, and no substitutions."""
    pieces = re.split(r"(``.+?``)", CODE.sub(r"``\1``", "\n".join(lines)), flags=re.DOTALL)
    pieces[::2] = [piece.replace("|", r"\|") for piece in pieces[::2]]
    lines[:] = "".join(pieces).split("\n")


def setup(app: Sphinx) -> None:
    """What Sphinx calls once."""
    app.connect("source-read", downloads_of_pages_outside)
    app.connect("source-read", notebook_of_tutorial)
    app.connect("autodoc-process-docstring", code_as_code)
