"""Writes docs/reference/index.md: every public name with the first sentence of its docstring.

    python docs/make_reference.py

The source is read, not imported, so that this runs without any of the optional packages.
"""

import ast
import functools
import itertools
import re
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
    "causal_lpm.templates": "Models that are ready to run, by name.",
    "causal_lpm.simulations": "Simulations in three lines.",
    "causal_lpm.data": "Data sets by name.",
}


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
def public_names(path: Path) -> list[tuple[str, str]]:
    """Name and first sentence of everything in the `__all__` of a module, re-exports included.

    Constants without a docstring are left out.

    Raises:
        ValueError: a function, class or type without a docstring.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    described: dict[str, str] = {}
    imported: dict[str, str] = {}
    exported: list[str] = []
    for node, following in itertools.zip_longest(tree.body, tree.body[1:]):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                described[name] = ast.get_docstring(node) or ""
            case ast.ImportFrom(module=str(module)):
                imported.update({alias.name: module for alias in node.names})
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                exported = ast.literal_eval(value)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                match following:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        described[name] = text
    rows = []
    for name in exported or (sorted(imported) if path.suffix == ".pyi" else []):
        if name in imported and imported[name].startswith("causal_lpm"):
            rows += [row for row in public_names(source_of(imported[name])) if row[0] == name]
        elif described.get(name):
            rows.append((name, first_sentence(described[name])))
        elif not name.isupper():
            raise ValueError(f"{path.name}: the public name {name} has no docstring: give it one sentence.")
    return rows


def table(module: str) -> list[str]:
    """The lines of one module."""
    rows = public_names(source_of(module))
    return ["| name | what it is |", "|---|---|", *(f"| `{n}` | {text} |" for n, text in rows), ""]


def reference() -> str:
    """The text of the page."""
    lines = [
        "# Public names",
        "",
        "Written by `docs/make_reference.py` from the docstrings; `help(name)` shows shapes, units, errors and an",
        "example.",
        "",
    ]
    for section, sentence in SECTIONS.items():
        lines += [f"## {section}", "", sentence, "", *table(section)]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "reference" / "index.md").write_text(reference(), encoding="utf-8")
