"""Where commands are tried: an empty current folder."""

from pathlib import Path

import pytest

__all__ = ["empty_home"]


def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder, which is the current one while the test lasts."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    return home
