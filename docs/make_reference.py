"""Writes docs/reference: a page for each face, with every public name, what it is, its signature and its example.

    python docs/make_reference.py

A page names what there is; signatures and docstrings come from the code when the site is built (`make docs`). The
source is read, not imported, so that this runs without any of the optional packages.
"""

import ast
import functools
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECTIONS = {
    "causal_lpm": "What a model is written with, and the handlers it runs under.",
    "causal_lpm.agents": "What a population is and does.",
    "causal_lpm.elicitation": "Language models are asked, and what they answer is kept.",
    "causal_lpm.measures": "What is read off an epidemic.",
    "causal_lpm.inference": "Studies and their policies, simulations, calibrations, predictions, effects, gates.",
    "causal_lpm.reports": "One HTML file for everything that a result says.",
    "causal_lpm.explore": "A web page on this machine alone, to move policies and see both worlds.",
    "causal_lpm.parties": "Several parties run one model together, on secret shares.",
    "causal_lpm.populations": "Populations by name, and from one's own table.",
    "causal_lpm.ranks": "One population over several processes, with the numbers of one.",
    "causal_lpm.templates": "Models that are ready to run, by name.",
    "causal_lpm.simulations": "Simulations in three lines.",
    "causal_lpm.data": "Data sets by name.",
}
LONG = 15  # lines of a constant that are not shown


@dataclass(frozen=True)
class Name:
    """A public name.

    Attributes:
        name: As it is imported.
        sentence: The first of its docstring, on one line, as Markdown.
        shown: How its page shows it: a directive of Sphinx, or the code of a constant or an alias.
    """

    name: str
    sentence: str
    shown: str


def source_of(module: str) -> Path:
    """The file of a dotted module name: of a package face, the stub that says where its names come from."""
    path = ROOT.joinpath(*module.split("."))
    inits = (path / "__init__.pyi", path / "__init__.py", path.with_suffix(".py"))
    return next(file for file in inits if file.exists())


def first_sentence(docstring: str) -> str:
    """The first sentence, on one line, as Markdown."""
    paragraph = " ".join(docstring.strip().split("\n\n")[0].split())
    sentence = re.split(r"(?<=[.!?]) (?=[A-Z`])", paragraph)[0]
    return sentence.replace("|", "\\|")


@functools.cache
def public_names(path: Path) -> list[Name]:
    """Everything in the `__all__` of a module, re-exports included.

    Constants without a docstring are left out.

    Raises:
        ValueError: a function, class or type without a docstring.
    """
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    described: dict[str, tuple[str, str]] = {}
    imported: dict[str, str] = {}
    exported: list[str] = []
    for node, following in itertools.zip_longest(tree.body, tree.body[1:]):
        match node:
            case ast.FunctionDef(name=name):
                described[name] = ast.get_docstring(node) or "", "autofunction"
            case ast.ClassDef(name=name):
                described[name] = ast.get_docstring(node) or "", "autoclass"
            case ast.ImportFrom(module=str(module)):
                imported.update({alias.name: module for alias in node.names})
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                exported = ast.literal_eval(value)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                match following:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        described[name] = text, ast.get_source_segment(source, node) or ""
    rows = []
    for name in exported or (sorted(imported) if path.suffix == ".pyi" else []):
        if name in imported and imported[name].startswith("causal_lpm"):
            rows += [row for row in public_names(source_of(imported[name])) if row.name == name]
        elif name in described and described[name][0]:
            text, shown = described[name]
            rows.append(Name(name, first_sentence(text), shown))
        elif not name.isupper():
            raise ValueError(f"{path.name}: the public name {name} has no docstring: give it one sentence.")
    return rows


def page(module: str) -> str:
    """The text of the page of one face."""
    names = public_names(source_of(module))
    anchors = _anchors([row.name for row in names])
    lines = [f"# {module}", "", SECTIONS[module], "", "| name | what it is |", "|---|---|"]
    lines += [f"| [`{row.name}`](#{anchor}) | {row.sentence} |" for row, anchor in zip(names, anchors, strict=True)]
    for row, anchor in zip(names, anchors, strict=True):
        lines += ["", f"## {row.name}", "", *_shown(row, module, anchor)]
    return "\n".join(lines) + "\n"


def _shown(row: Name, module: str, anchor: str) -> list[str]:
    """How a name is shown; what an earlier face has already is shown there."""
    earlier = [face for face in itertools.takewhile(module.__ne__, SECTIONS) if row in public_names(source_of(face))]
    if earlier:
        return [f"As [in {earlier[0]}]({file_of(earlier[0])}#{anchor})."]
    if not row.shown.startswith("auto"):
        code = ["```python", row.shown, "```", ""] if row.shown.count("\n") < LONG else []
        return [*code, row.sentence]
    # What a tensor does on secrets is one refusal after the other.
    options = ["   :no-members:"] if row.name == "Secret" else []
    return ["```{eval-rst}", f".. {row.shown}:: {module}.{row.name}", *options, "```"]


def _anchors(headings: list[str]) -> list[str]:
    """Of each heading, in small letters; a second one that differs in capitals only has a number."""
    slugs = [heading.lower() for heading in headings]
    return [f"{slug}-{n}" if (n := slugs[:place].count(slug)) else slug for place, slug in enumerate(slugs)]


def file_of(module: str) -> str:
    """The name of the page of a face.

    >>> file_of("causal_lpm.agents")
    'agents.md'
    """
    return f"{module.rpartition('.')[2]}.md"


def reference() -> dict[str, str]:
    """File -> text of all pages."""
    lines = [
        "# Public names",
        "",
        "One page a face, with the signature, docstring and example of every public name. Written by",
        "`docs/make_reference.py`; `help(name)` shows the same.",
        "",
        "| import from | what is there |",
        "|---|---|",
        *(f"| [`{module}`]({file_of(module)}) | {sentence} |" for module, sentence in SECTIONS.items()),
    ]
    return {"index.md": "\n".join(lines) + "\n", **{file_of(module): page(module) for module in SECTIONS}}


if __name__ == "__main__":
    folder = ROOT / "docs" / "reference"
    pages = reference()
    for file in set(folder.glob("*.md")) - {folder / name for name in pages}:
        file.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
