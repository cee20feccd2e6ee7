import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest

from causal_lpm import extras


def origin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: object) -> None:
    """A package in site-packages that was installed from there."""
    text = None if found is None else json.dumps(found)
    monkeypatch.setattr(extras, "CHECKOUT", tmp_path)
    monkeypatch.setattr(extras, "distribution", lambda name: SimpleNamespace(read_text=lambda file: text))


def test_in_a_checkout_the_checkout_is_named() -> None:
    root = Path(extras.__file__).parents[1]
    assert extras.installing("inference") == f"pip install -e '{root}[inference]'"


def test_from_a_folder_a_repository_and_an_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    origin(monkeypatch, tmp_path, {"url": "file:///srv/causal%20lpm", "dir_info": {}})
    assert extras.installing("plots") == "pip install '/srv/causal lpm[plots]'"
    git = {"url": "https://example.org/lpm.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    origin(monkeypatch, tmp_path, git)
    assert extras.installing("llm") == "pip install 'causal-lpm[llm] @ git+https://example.org/lpm.git@abc'"
    origin(monkeypatch, tmp_path, None)
    assert extras.installing("fast") == "pip install 'causal-lpm[fast]'"


def test_without_an_installation_there_is_a_command_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "CHECKOUT", tmp_path)
    monkeypatch.setattr(extras, "distribution", missing)
    assert extras.installing("fast") == "pip install 'causal-lpm[fast]'"


@pytest.mark.slow
def test_the_command_is_one_that_pip_takes() -> None:
    """pip reads the project and its extra; it would warn of an extra that the project does not have."""
    target = extras.installing("plots").removeprefix("pip install ").replace("'", "").split()
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-build-isolation", *target]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "does not provide the extra" not in run.stderr
