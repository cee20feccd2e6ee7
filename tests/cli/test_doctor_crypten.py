"""The doctor shows CrypTen's state: there, missing, or with what its wheel brings beside it."""

from importlib.metadata import PackagePath
from pathlib import Path

import pytest

from causal_lpm.cli import doctor


def test_crypten_that_is_missing_has_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda package: None)
    assert "make venv-private" in doctor._crypten()


@pytest.mark.parametrize("there", [True, False])
def test_stray_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool) -> None:
    (tmp_path / "examples").mkdir()
    if there:
        (tmp_path / "examples" / "util.py").touch()

    class Distribution:
        def locate_file(self, path: object) -> Path:
            return tmp_path / str(path)

    listed = PackagePath("examples/util.py")
    listed.dist = Distribution()  # type: ignore[assignment]
    monkeypatch.setattr(doctor, "_version", lambda package: "0.4.1")
    monkeypatch.setattr(doctor, "files", lambda package: [listed])
    assert doctor._crypten() == (
        "0.4.1, with packages named examples of its wheel: python .ci/crypten_alone.py" if there else "0.4.1"
    )
