"""The package as a whole: cheap to import, typed, and its metadata agree with each other."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import causal_lpm

ROOT = Path(__file__).parent.parent
HEAVY = {"anthropic", "arviz", "crypten", "llvmlite", "matplotlib", "numba", "sbi", "triton"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def project() -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    lines = (line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_importing_the_package_loads_nothing_heavy_and_leaves_torch_as_it_was() -> None:
    # Against what the dependencies load by themselves: only our own imports are judged.
    code = """
import sys, torch, pyro, chirho, pandas, xarray
before = set(sys.modules), torch.get_num_threads(), torch.get_default_dtype(), torch.initial_seed()
import causal_lpm
assert before[1:] == (torch.get_num_threads(), torch.get_default_dtype(), torch.initial_seed())
print(*{name.partition(".")[0] for name in set(sys.modules) - before[0]})
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "causal_lpm" in run.stdout.split()
    assert not HEAVY & set(run.stdout.split())


def test_it_is_typed() -> None:
    assert (Path(causal_lpm.__file__).parent / "py.typed").is_file()


def test_public_names_exist_and_are_few() -> None:
    assert 0 < len(causal_lpm.__all__) <= 40
    assert all(hasattr(causal_lpm, name) for name in causal_lpm.__all__)


def test_every_dependency_is_pinned(project: dict[str, object], pins: dict[str, str]) -> None:
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    required = [project["dependencies"], *extras.values()]
    names = {normal(re.split(r"[\[<>=;]", text)[0]) for group in required for text in group}
    assert names - {"causal-lpm"} <= set(pins)
    assert pins["torch"] == "2.13.0"


def test_versions_agree(project: dict[str, object]) -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {project['version']}\n" in citation


def test_the_studies_are_found_where_the_package_is_installed(project: dict[str, object]) -> None:
    found = {entry.name: entry for entry in entry_points(group="causal_lpm.studies")}
    if "second-dose" not in found:
        pytest.skip("causal_lpm is run from its source without being installed: pip install -e .")
    assert version("causal-lpm") == project["version"]
    assert found["second-dose"].load().name == "second-dose"
