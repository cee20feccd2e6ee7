"""The house rules that can be counted: short files, shallow folders."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES = 300
DEEP = 2
"""Folders between the package and a file, at most."""
FILES = sorted(path for root in ("causal_lpm", "case_studies") for path in (ROOT / root).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_one_idea(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LINES, f"{path.name} has {lines} lines: split it where its second idea begins"
    assert len(path.relative_to(ROOT).parts) <= DEEP + 2, f"{path} lies too deep"


FACES = sorted((ROOT / "causal_lpm").rglob("__init__.pyi"))


@pytest.mark.parametrize("stub", FACES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_hides_a_public_name_of_its_package(stub: Path) -> None:
    """Importing `package.name` sets the attribute `name` of the package to that module, where a function should be."""
    imports = [node for node in ast.parse(stub.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    public = {alias.name for node in imports for alias in node.names}
    modules = {path.stem for path in stub.parent.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not public & modules
