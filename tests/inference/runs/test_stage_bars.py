"""Progress is shown on standard error, in notebooks, and not at all where it is not wanted; the verdict comes last."""

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from causal_lpm.inference import fit
from causal_lpm.inference.runs import stage_bars as module
from causal_lpm.inference.runs.stage_bars import NotebookDisplay, stage_bars
from tests.inference.calibration.conjugate import normal

QUICK: dict[str, Any] = {"method": "abc", "budget": 60, "gate": 0, "draws": 40}
DATA = {"x": [0.5, 1.1]}


def test_fit_shows_its_stages_and_the_verdict_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    result = fit(normal(2), DATA, **QUICK)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "simulating, first: 60 of 60." in shown.err
    assert shown.err.count("UNCALIBRATED") == 1
    assert "size of the check failed: 0 simulations with known truth" in shown.err.splitlines()[-1] + shown.err
    assert "Call fit with gate=200 or more." in shown.err
    assert result.status == "uncalibrated"


def test_off_by_argument_and_own_progress(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []
    logging.getLogger("causal_lpm").addHandler(quiet := logging.NullHandler())
    try:
        fit(normal(2), DATA, progress=False, **QUICK)
        fit(normal(2), DATA, progress=lambda stage, done, n: seen.append(stage), **QUICK)
    finally:
        logging.getLogger("causal_lpm").removeHandler(quiet)
    assert capsys.readouterr().err == ""
    assert "simulating, first" in seen


def test_fit_derives(capsys: pytest.CaptureFixture[str]) -> None:
    result = fit(normal(2), DATA, derived={"double": lambda p: 2 * p["mean"]}, **QUICK)
    assert result.summary().loc["double", "mean"] == pytest.approx(2 * result.summary().loc["mean", "mean"])


def test_a_notebook_gets_one_output_that_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    handle = SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))
    monkeypatch.setattr(module, "_notebook", lambda: lambda text: shown.append(text) or handle)
    with stage_bars() as display:
        for done in range(1001):
            display("simulating, first", done, 1000)
        logging.getLogger("causal_lpm").warning("one simulation failed")
        display.say("Calibrated: none of 10 gates failed.")
    assert len(shown) < 40  # not a thousand
    lines = shown[-1].splitlines()
    assert lines[0] == f"simulating, first |{'#' * 24}| 1000 of 1000"
    assert lines[1:] == ["one simulation failed", "Calibrated: none of 10 gates failed."]
    assert isinstance(display, NotebookDisplay)


def test_a_notebook_is_told_by_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    for shell, found in ((None, False), (SimpleNamespace(), False), (SimpleNamespace(kernel=1), True)):
        display = SimpleNamespace(display=print)
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        monkeypatch.setitem(sys.modules, "IPython.display", display)
        assert (module._notebook() is not None) is found
