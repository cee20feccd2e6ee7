import io
from pathlib import Path

import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from causal_lpm.inference import Gate, Report
from causal_lpm.inference.diagnostics.report import FAIL_P, WARN_P, gate_of_test

# Texts as NetCDF holds them: no NUL, no lone surrogates.
texts = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=20)
numbers = st.floats(width=32)
gates = st.builds(Gate, texts, st.sampled_from(["warn", "fail"]), numbers, numbers, texts, texts) | st.builds(
    Gate, texts, st.just("pass"), st.floats(width=32, allow_nan=False), numbers, texts, texts
)
reports = st.lists(gates, max_size=5, unique_by=lambda gate: gate.name).map(Report)


@given(reports)
def test_a_dataset_holds_the_whole_report(report: Report) -> None:
    assert repr(Report.from_dataset(report.to_dataset())) == repr(report)  # repr: NaN is NaN


def test_netcdf_holds_the_whole_report(tmp_path: Path) -> None:
    report = Report([Gate("sbc", "fail", 0.001, 0.008, "β ist zu eng.", "Mehr."), Gate("k-hat", "pass", 0.1, 0.7, "")])
    report.to_dataset().to_netcdf(tmp_path / "report.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "report.nc", engine="h5netcdf") as stored:
        assert Report.from_dataset(stored) == report
        assert stored.attrs["status"] == "uncalibrated"


@given(reports)
def test_one_failed_gate_decides(report: Report) -> None:
    failed = any(gate.verdict == "fail" for gate in report.gates)
    assert (report.status == "calibrated") == (bool(report.gates) and not failed)
    assert (report.banner == "") == (report.status == "calibrated")


def test_what_is_not_a_number_is_no_pass() -> None:
    with pytest.raises(ValueError, match="gate 'sbc' measured NaN, which is no pass"):
        Gate("sbc", "pass", float("nan"), 0.008, "fine")
    assert gate_of_test("sbc", float("nan"), "Ranks are no numbers", "look", simulations=400).verdict == "fail"


def test_nothing_checked_is_not_calibrated() -> None:
    assert Report().status == "uncalibrated"
    assert "no diagnostics" in Report().banner


def test_the_table_shows_failures_first_and_texts_as_they_are() -> None:
    report = Report([Gate("a", "pass", 0.5, 0.008, "[fine]"), Gate("b", "fail", 0.001, 0.008, "bad", "retrain")])
    written = io.StringIO()
    console = Console(width=200, file=written)
    console.print(report.table())
    text = written.getvalue()
    assert text.index("bad") < text.index("retrain") < text.index("[fine]")
    assert text.count("Next:") == 1


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_breaks_no_word_of_a_gate(width: int) -> None:
    """The longest names, numbers and a parameter's name, on terminals as they are."""
    gates = [
        Gate("ensemble disagreement", "warn", 0.674, 1.0, "Members differ in admission_risk.", "Raise the budget."),
        Gate("misspecification", "fail", 2.16e-05, 0.008, "The data are unlike all simulations.", "Change the model."),
        Gate("predictive checks", "pass", 0.746, 0.008, "Farthest is the peak of cases."),
    ]
    written = io.StringIO()
    Console(width=width, file=written).print(Report(gates).table())
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    words = set(written.getvalue().split())
    assert {"disagreement", "misspecification", "2.16e-05", "(0.008)", "admission_risk.", "simulations."} <= words


def test_the_table_of_gates_that_pass_does_not_speak_of_the_result() -> None:
    """An optimiser's gates may pass, and what it found is no posterior all the same."""
    assert Report([Gate("k-hat", "pass", 0.1, 0.7, "fine")]).table().title == "Diagnostics: no gate failed"
    assert Report([Gate("sbc", "fail", 0.0, 0.008, "bad")]).table().title == "Diagnostics: uncalibrated"
    assert Report().table().title == "Diagnostics: uncalibrated"


@given(st.floats(0, 1), st.integers(1, 1000))
def test_verdicts_follow_the_thresholds(p: float, simulations: int) -> None:
    gate = gate_of_test("sbc", p, "Ranks", "train", simulations)
    assert (gate.verdict == "fail") == (p < FAIL_P)
    assert (gate.verdict == "pass") == (p >= WARN_P and simulations >= 200)
    assert (gate.next_step == "") == (gate.verdict == "pass")


def test_refusals() -> None:
    gate = Gate("sbc", "pass", 0.5, 0.008, "")
    with pytest.raises(ValueError, match="gate 'sbc' appears twice"):
        Report([gate, gate])
    with pytest.raises(ValueError, match="did you mean 'fail'"):
        Gate("sbc", "fial", 0.5, 0.008, "")  # type: ignore[arg-type]
