"""The package as a whole: cheap to import, typed, and its metadata agree with each other."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import causal_lpm.handlers
import causal_lpm.ops

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


@pytest.mark.parametrize("name", ["causal_lpm", "causal_lpm.agents", "causal_lpm.elicitation", "causal_lpm.inference"])
def test_public_names_exist_and_no_module_hides_one(name: str) -> None:
    face = import_module(name)
    assert len(set(face.__all__)) == len(face.__all__) > 0
    assert all(hasattr(face, public) for public in face.__all__)
    assert set(face.__all__) <= set(dir(face))
    modules = {path.stem for path in Path(str(face.__file__)).parent.iterdir()}
    assert not modules & set(face.__all__)  # importing the module would put it in the place of the name
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        _ = face.no_such_name


def test_what_a_model_is_written_with_is_on_the_front_page() -> None:
    assert len(causal_lpm.__all__) <= 45
    assert set(causal_lpm.ops.__all__) | set(causal_lpm.handlers.__all__) <= set(causal_lpm.__all__)


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
