"""What may import what: the contracts of pyproject.toml catch what they should, and files import each other one way."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("causal_lpm", "case_studies")
FACES = {"causal_lpm"} | {
    f"causal_lpm.{face}"
    for face in (
        "agents",
        "elicitation",
        "explore",
        "inference",
        "measures",
        "parties",
        "populations",
        "ranks",
        "reports",
        "simulations",
        "templates",
    )
}
PUBLIC = FACES | {"causal_lpm.data"}
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code and its contracts, to plant violations in."""
    pytest.importorskip("importlinter")
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> str:
    run = subprocess.run([sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True)
    return run.stdout + run.stderr


def broken(folder: Path) -> set[str]:
    return set(re.findall(r"^(.*) BROKEN", lint(folder), re.MULTILINE))


def test_the_code_keeps_its_contracts(copy: Path) -> None:
    assert "0 broken" in lint(copy)


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("causal_lpm/kernels/hashing.py", "import causal_lpm.ops.events", "Imports run one way"),
        ("causal_lpm/ops/tally.py", "import causal_lpm.handlers.worlds", "Imports run one way"),
        ("causal_lpm/agents/disease.py", "import causal_lpm.handlers.worlds", "Imports run one way"),
        ("causal_lpm/inference/program/problem.py", "import causal_lpm.cli.terminal", "Imports run one way"),
        ("causal_lpm/agents/disease.py", "import causal_lpm.parties.place", "Imports run one way"),
        ("causal_lpm/parties/place.py", "import causal_lpm.inference.files.dates", "Imports run one way"),
        ("causal_lpm/left_over.py", "", "Imports run one way"),
        ("causal_lpm/inference/files/dates.py", "import causal_lpm.inference.studies.study", "Inference is built from"),
        ("causal_lpm/inference/left_over.py", "", "Inference is built from"),
        ("causal_lpm/cli/terminal.py", "import causal_lpm.cli.study_run", "The command line is built from"),
        ("causal_lpm/cli/left_over.py", "", "The command line is built from"),
        ("causal_lpm/data.py", "import case_studies.page", "The package knows no case study"),
        ("case_studies/page.py", "import causal_lpm.inference.files.dates", "Case studies use public names only"),
        ("case_studies/page.py", "import causal_lpm.agents.disease", "Case studies use public names only"),
        ("case_studies/page.py", "from causal_lpm import ops", "Case studies use public names only"),
        ("case_studies/page.py", "import causal_lpm.typing", "Case studies use public names only"),
    ],
)
def test_a_planted_violation_is_caught(copy: Path, file: str, line: str, contract: str) -> None:
    path = copy / file
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        assert any(name.startswith(contract) for name in broken(copy))
    finally:
        path.unlink() if before is None else path.write_text(before, encoding="utf-8")


def test_whatever_is_not_public_is_forbidden_to_case_studies() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (forbidden,) = (c["forbidden_modules"] for c in contracts if c["name"].startswith("Case studies"))
    modules = {
        module_of(path)
        for path in (ROOT / "causal_lpm").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    inside = {name for name in modules if "__pycache__" not in name} - PUBLIC
    assert set(forbidden) == inside | {f"{face}.*" for face in FACES - {"causal_lpm"}}


def test_pages_use_public_names_only() -> None:
    pages = [ROOT / "README.md", *(page for part in ("docs", "case_studies") for page in (ROOT / part).rglob("*.md"))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        used = re.findall(r"^(?:from|import) (causal_lpm[\w.]*)", text, re.MULTILINE)
        deeper = set(used) - PUBLIC
        assert "python -m case_studies" not in text, f"{page.name} asks for a module, not for `causal-lpm run`"
        assert not deeper, f"{page.name} imports {sorted(deeper)}"


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path, modules: set[str], homes: dict[tuple[str, str], str]) -> Iterator[str]:
    """The files that a file names in imports: anywhere in it, for type checkers, and through faces."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in modules else homes.get((node.module, alias.name), node.module)


def circular(root: Path) -> set[str]:
    """The files from which imports lead back to them."""
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    homes = {}
    for face in FACES:
        stub = ast.parse((root.joinpath(*face.split(".")) / "__init__.pyi").read_text(encoding="utf-8"))
        for node in stub.body:
            if isinstance(node, ast.ImportFrom):
                homes.update({(face, alias.name): str(node.module) for alias in node.names})
    graph = {name: set(imported(path, set(files), homes)) for name, path in files.items()}

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    return {name for name in graph if name in reached(name)}


def test_no_files_import_each_other_in_a_circle() -> None:
    assert not circular(ROOT)


def test_a_planted_circle_is_found(copy: Path) -> None:
    path = copy / "causal_lpm/validate.py"
    before = path.read_text(encoding="utf-8")
    path.write_text(f"{before}\nif TYPE_CHECKING:\n    from causal_lpm import Population, event\n", encoding="utf-8")
    try:
        assert "causal_lpm.validate" in circular(copy)
    finally:
        path.write_text(before, encoding="utf-8")
