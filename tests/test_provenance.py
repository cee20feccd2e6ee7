"""Provenance says enough to repeat a run, and nothing about who ran it where."""

import getpass
import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from causal_lpm import provenance as module
from causal_lpm.provenance import provenance, sha256


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_versions_machine_and_seed() -> None:
    attributes = provenance(seed=-3)
    assert attributes["torch"] == version("torch")
    assert attributes["pyro-ppl"] == version("pyro-ppl")
    assert attributes["python"] == platform.python_version()
    assert attributes["seed"] == "-3"
    assert platform.machine() in attributes["machine"]
    assert all(isinstance(value, str) for value in attributes.values())


def test_without_seed_and_data_there_are_no_such_entries() -> None:
    attributes = provenance()
    assert "seed" not in attributes
    assert not [key for key in attributes if key.startswith("sha256:")]


def test_the_same_run_has_the_same_provenance() -> None:
    assert provenance(1, {"a.csv": "0" * 64}) == provenance(1, {"a.csv": "0" * 64})


def test_it_names_no_folder_user_or_host() -> None:
    text = " ".join(f"{key}={value}" for key, value in provenance(1, {"a.csv": "0" * 64}).items())
    assert "/" not in text
    assert "\\" not in text
    assert str(Path.home()) not in text
    for name in (getpass.getuser(), platform.node()):
        assert name not in text.split()


def test_data_are_named_and_hashed(tmp_path: Path) -> None:
    file = tmp_path / "doses.csv"
    file.write_bytes(b"date,dose1\n")
    digest = sha256(file)
    assert digest == hashlib.sha256(b"date,dose1\n").hexdigest()
    assert provenance(data={"doses.csv": digest})["sha256:doses.csv"] == digest


@pytest.mark.parametrize("name", ["folder/doses.csv", "C:\\doses.csv"])
def test_a_data_set_named_with_its_folder_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="file name alone"):
        provenance(data={name: "0" * 64})


def test_what_is_no_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="64 digits"):
        provenance(data={"doses.csv": "doses.csv"})


def test_a_package_that_is_not_installed_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGES", ("a-package-that-nobody-has",))
    assert provenance()["a-package-that-nobody-has"] == "not installed"


def test_the_commit_is_that_of_our_own_checkout_only(tmp_path: Path) -> None:
    assert module._commit(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert module._commit(tmp_path) is None, "a checkout of something else"
    (tmp_path / "pyproject.toml").write_text("")
    assert module._commit(tmp_path) is None, "no commit yet"
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    assert module._commit(tmp_path) == git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "results.nc").write_text("untracked files do not count")
    assert module._commit(tmp_path) == git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "pyproject.toml").write_text("# changed")
    assert module._commit(tmp_path) == git(tmp_path, "rev-parse", "HEAD") + "-modified"


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setenv("PATH", "")
    assert module._commit(tmp_path) is None
