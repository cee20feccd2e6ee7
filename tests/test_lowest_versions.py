"""The lower bounds of the dependencies install together and work: what pyproject.toml allows, a user may have."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.lowest_versions import constraints, lowest

ROOT = Path(__file__).parent.parent
UNBOUNDED = {"six", "causal-lpm"}


@pytest.fixture(scope="module")
def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(text) for group in groups for text in group]


def test_every_dependency_has_a_lower_bound(requirements: list[Requirement]) -> None:
    assert {required.name for required in requirements if lowest(str(required)) is None} == UNBOUNDED


def test_the_lowest_and_the_tested_version_are_allowed(requirements: list[Requirement]) -> None:
    tested = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    for required in requirements:
        if required.name not in UNBOUNDED:
            assert required.specifier.contains(str(lowest(str(required))).partition("==")[2])
            assert required.specifier.contains(tested[required.name], prereleases=True), required.name


def test_the_constraints_are_those_of_the_core_and_the_extras_asked_for() -> None:
    assert "numpy==2.0" in constraints()
    assert not any(pin.startswith("numba") for pin in constraints())
    assert any(pin.startswith("numba==") for pin in constraints("fast"))


@pytest.mark.slow
def test_the_lowest_versions_install_together_and_work() -> None:
    """A quarter of an hour and 5 GB, where pip takes torch as a CUDA build; nothing is installed a second time."""
    subprocess.run(["make", "--no-print-directory", "test-lowest", "WORKERS=1"], cwd=ROOT, check=True)
