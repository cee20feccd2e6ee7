"""How the documentation is built (`make docs`): Markdown pages through MyST, docstrings through autodoc."""

from importlib.metadata import version as installed_version

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
autodoc_typehints = "description"
napoleon_google_docstring = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"causal_lpm {release}"
