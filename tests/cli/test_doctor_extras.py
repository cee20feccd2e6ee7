"""The doctor names every package of every extra, and how to install what is not there."""

import re
import tomllib
from pathlib import Path

import pytest

from causal_lpm.cli import doctor

ROOT = Path(__file__).parents[2]
OF_DEVELOPERS = {"pytest", "pytest-xdist", "hypothesis", "nbclient", "ipykernel", "causal-lpm"}


def test_every_extra_of_the_project_is_looked_at() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    declared = {
        (re.split(r"[\[<>=;~! ]", package)[0], extra)
        for extra, packages in extras.items()
        if extra not in ("docs", "dev")
        for package in packages
    }
    of_users = {package for package, extra in declared if extra != "test"}
    declared = {
        (package, extra)
        for package, extra in declared
        if package not in OF_DEVELOPERS and not (extra == "test" and package in of_users)
    }
    assert {(package, extra) for package, (extra, _) in doctor.EXTRAS.items()} == declared


def test_what_is_missing_comes_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    there = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda package: None if package == "sbi" else there(package))
    found = {finding.what: finding for finding in doctor.examine()}
    assert found["sbi"].ok  # runs need it not
    assert found["sbi"].found.endswith(f"pip install -e '{ROOT}[inference]'")
    assert set(doctor.EXTRAS) <= set(found)
