"""The commands that make pages."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from causal_lpm.cli import app
from tests.cli.homes import empty_home
from tests.inference.conftest import installed

__all__ = ["installed"]


@pytest.fixture(autouse=True)
def home(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and the fake studies installed."""
    return empty_home(tmp_path, monkeypatch)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_report_is_written_beside_the_result_and_never_over_a_file(home: Path) -> None:
    made = call("whatif", "fake", "interval=84", "efficacy=0.8", "--replicates", "2", "--out", "here", "--no-plots")
    assert made.exit_code == 0, made.stderr
    first = call("report", "here")
    assert (first.exit_code, first.stdout) == (0, "Report: here/report.html\n")
    text = (home / "here" / "report.html").read_text(encoding="utf-8")
    assert "interval=84, efficacy=0.8 (efficacy=0.8, interval=84) against factual" in text
    again = call("report", "here/results.nc")
    assert again.exit_code == 2
    assert "there already" in again.stderr
    assert call("report", "here", "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "nowhere"), "there is no result at nowhere"),
        (("explore", "fakee"), "did you mean 'fake'?"),
        (("explore", "nowhere/results.nc"), "there is no result at nowhere/results.nc"),
        (("explore", "fake", "--port", "99999999"), "port is 99999999"),
        (("explore", "fake", "--agents", "0"), "agents is 0"),
        (("explore", "fake", "--workers", "0"), "workers is 0"),
    ],
)
def test_bad_input_ends_with_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
