"""The doctor shows CrypTen's state: there, missing, or with what its wheel brings beside it."""

from importlib.metadata import PackagePath
from pathlib import Path

import pytest

from causal_lpm.cli import doctor
from causal_lpm.handlers.private import crypten_layer


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


def test_what_the_doctor_knows_of_crypten_is_what_the_layer_and_its_installation_know() -> None:
    # It loads no torch, and the script stands outside of the package: so each has the constants.
    script = (Path(__file__).parents[2] / ".ci" / "crypten_alone.py").read_text(encoding="utf-8")
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    assert doctor.CRYPTEN == crypten_layer.VERSION
    assert f"STRAY = {doctor.STRAY!r}".replace("'", '"') in script
    assert f"crypten=={doctor.CRYPTEN}" in makefile
