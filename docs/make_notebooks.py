"""Makes an executed notebook of a page whose Python blocks are its cells.

    python docs/make_notebooks.py docs/tutorials/flu.md docs/_build/notebooks/flu.ipynb

`make notebooks` makes those of all tutorials. None is kept in the repository: the pages are, and `make docs` offers
each notebook on its page.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
PAGE = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?!\w+:)[^)]*\)")  # a link to another page, which a notebook has not
SECONDS = 600  # that a cell may take


def notebook_of(page: Path) -> nbformat.NotebookNode:
    """The cells of a page, not executed; what a page shows as printed is left out, since execution prints it."""
    text = page.read_text(encoding="utf-8")
    cells, written, printed = [], "", False
    end = 0
    for block in FENCE.finditer(text):
        between, end = text[end : block.start()], block.end()
        written += between
        if block["language"] == "python":
            cells += [*_words(written), nbformat.v4.new_code_cell(block["body"].strip("\n"))]
            written = ""
        elif not (block["language"] == "text" and printed and not between.strip()):
            written += block[0]
        printed = block["language"] == "python"
    notebook = nbformat.v4.new_notebook(cells=[*cells, *_words(written + text[end:])])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{page.stem}-{number}"  # the same each time
    return notebook


def _words(text: str) -> list[nbformat.NotebookNode]:
    """A cell of words, or none where there are no words."""
    return [nbformat.v4.new_markdown_cell(PAGE.sub(r"\g<text>", text).strip())] if text.strip() else []


def execute(notebook: nbformat.NotebookNode) -> None:
    """Runs all cells in an empty folder and keeps what they print and draw; CellExecutionError where one fails."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore:IProgress not found"}  # a widget, of which Pyro's tqdm warns
    with tempfile.TemporaryDirectory() as folder:
        place = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=SECONDS, coalesce_streams=True, resources=place)
        client.execute(env=environment)
    nbformat.validate(notebook)


def main(page: Path, to: Path) -> None:
    """Writes the executed notebook of a page."""
    notebook = notebook_of(page)
    execute(notebook)
    to.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, to)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
