"""Tutorials are notebooks too: the blocks of a page are the cells, and executed they print what the page shows."""

import doctest
import re
from pathlib import Path

import pytest

from tests.docs.scripts import script

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")

DOCS = Path(__file__).parents[2] / "docs"
TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"^```python\n.*?^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_is_a_notebook(page: Path) -> None:
    notebook = script("make_notebooks").notebook_of(page)
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert code == [block.strip("\n") for block in PYTHON.findall(page.read_text(encoding="utf-8"))]
    assert words.startswith("# ")
    assert "```python" not in words
    assert not re.search(r"\]\([^)]*\.md", words), "a link to a page that does not lie beside the notebook"


def test_what_is_printed_is_left_to_the_execution(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A\n\nSee [b](b.md#c) and [d](https://d.org).\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\nA file:\n\n"
        "```text\nkept\n```\n",
        encoding="utf-8",
    )
    first, code, last = script("make_notebooks").notebook_of(page).cells
    assert first.source == "# A\n\nSee b and [d](https://d.org)."
    assert code.source == "print(1)"
    assert last.source == "A file:\n\n```text\nkept\n```"


@pytest.mark.slow
def test_an_executed_notebook_prints_what_its_page_shows(tmp_path: Path) -> None:
    page, made = DOCS / "tutorials" / "predator_prey.md", tmp_path / "there" / "predator_prey.ipynb"
    script("make_notebooks").main(page, made)
    notebook = nbformat.read(made, as_version=4)
    nbformat.validate(notebook)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    printed = [output.text for output in outputs if output.get("name") == "stdout"]
    shown = SHOWN.findall(page.read_text(encoding="utf-8"))
    assert len(printed) == len(shown) > 0
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for expected, got in zip(shown, printed, strict=True):
        assert doctest.OutputChecker().check_output(expected, got, options), (expected, got)
