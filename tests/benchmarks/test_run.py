"""The harness on measurements that are made up; one slow test runs all of it, small."""

import importlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
REQUIRED = {
    *("ratio_starsim_peak", "ratio_covasim_peak", "ratio_starsim_low", "ratio_covasim_low"),
    *("second_dose_8m_seconds", "second_dose_8m_gb", "two_worlds_ratio", "handler_overhead", "growth_exponent"),
    *("paper_table_seconds", "second_dose_100k_two_worlds_seconds", "readme_day_ms", "busy_ratio"),
    *("ranks_speedup", "ranks_memory"),
}


def load(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        return importlib.import_module(name)


@pytest.fixture
def harness() -> ModuleType:
    return load("run")


@pytest.fixture
def compare() -> ModuleType:
    return load("compare")


def epidemic(command: Sequence[object]) -> dict[str, Any]:
    """A line of seir.py whose days cost what agents and worlds say: in all days 1 microsecond an agent and world."""
    agents, days = int(str(command[1])), int(str(command[2]))
    more = dict(str(argument).split("=") for argument in command[5:])
    worlds, split = int(more.get("worlds", 1)), int(more.get("split", 0))
    seconds = [1e-6 * agents * (worlds if day >= split else 1) for day in range(days)]
    memory = {"peak_rss_mb": 400.0 + agents / 1e5, "peak_rss_loaded_mb": 390.0}
    return {"seconds": seconds, "cpu_seconds": seconds, "setup_seconds": 1.0, **memory}


def test_growth_in_proportion_has_exponent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    growth, measuring = load("growth"), load("measuring")
    monkeypatch.setattr(measuring, "line", epidemic)
    rows = growth.measure(repeats=2)
    assert growth.exponent(rows["agents"]) == 1.0
    assert [row["worlds"] for row in rows["worlds"]] == [1, 2, 4, 8]
    assert {len(row["cpu_ms_a_day_of_each_run"]) for of in rows.values() for row in of} == {2}


@given(st.floats(0.5, 2.0))
def test_exponent_is_the_power_of_the_time(power: float) -> None:
    rows = [{"agents": n, "cpu_ms_a_day": 3.0 * n**power} for n in (1e6, 1e7)]
    assert load("growth").exponent(rows) == pytest.approx(power, abs=1e-3)


def test_worlds_that_split_late_are_measured_against_their_proportion(
    harness: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load("measuring"), "line", epidemic)
    values, details = load("parts").late_split(harness.Plan(repeats=1))
    assert (values["late_split_ratio"], values["late_split_excess"]) == (1.5, 1.0)
    assert (details["early_split_ratio"], details["in_proportion"]) == (2.0, 1.5)


def test_results_have_all_keys_and_a_reason_for_what_is_missing(
    harness: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(plan: Any) -> Any:
        """It fails."""
        raise RuntimeError("seir.py failed (exit status 1): no memory")

    def no_peers(plan: Any) -> Any:
        """No peers."""
        return {"seir_peak_mb": 300.0}, {"missing": {"ratio_starsim_peak": "starsim is not installed: make venv-peers"}}

    for name, part in harness.PARTS.items():
        measure = no_peers if name == "peers" else fails
        monkeypatch.setitem(harness.PARTS, name, load("parts").Part(measure, part.keys))
    results = harness.run(harness.Plan(), say=lambda text: None)
    assert set(results) >= REQUIRED
    assert results["ratio_starsim_peak"] is None
    assert "make venv-peers" in results["missing"]["ratio_starsim_peak"]
    assert results["missing"]["handler_overhead"] == "seir.py failed (exit status 1): no memory"
    assert "seir_peak_mb" not in results["missing"]
    assert "peers" not in results["failed"]
    assert "handlers" in results["failed"]
    json.dumps(results)
    assert load("targets").table(results).row_count == len(load("targets").TARGETS)


@pytest.mark.parametrize(("value", "met"), [(19.9, False), (20.0, True), (None, None)])
def test_targets_include_their_bound(value: float | None, met: bool | None) -> None:
    target = load("targets").Target("ratio", "ratio", 20, at_least=True)
    assert target.met(value) is met


def test_a_script_that_fails_says_so_without_paths(harness: ModuleType) -> None:
    measuring = load("measuring")
    with pytest.raises(RuntimeError, match=r"no_such_script.py 1 failed \(exit status 2\)") as error:
        measuring.line(["no_such_script.py", 1])
    assert str(measuring.ROOT) not in str(error.value)


def test_sums_of_lists_and_units() -> None:
    measuring = load("measuring")
    assert measuring.median([{"s": [1, 2]}, {"s": [9]}, {"s": [1]}], "s") == 3
    assert measuring.gb(1000) == 1.049


@given(st.floats(0.1, 100), st.floats(-0.9, 3.0))
def test_worse_by_more_than_the_tolerance_is_a_regression(old: float, worse: float) -> None:
    compare = load("compare")
    if math.isclose(worse, compare.TOLERANCE, abs_tol=1e-6):
        return
    slower = compare.comparisons({"two_worlds_ratio": old * (1 + worse)}, {"two_worlds_ratio": old})
    fewer = compare.comparisons({"ratio_covasim_low": old / (1 + worse)}, {"ratio_covasim_low": old})
    for found in (*slower, *fewer):
        assert found.worse == pytest.approx(worse)
        assert found.regression is (worse > compare.TOLERANCE)


def test_only_like_is_compared(compare: ModuleType) -> None:
    old = {"growth_exponent": 1.0, "handler_overhead": 0.03, "quick": {"growth_exponent": 0.8, "speedups": {"a": 5.0}}}
    new = {"growth_exponent": None, "quick": {"growth_exponent": 0.9, "handler_overhead": 0.7, "speedups": {"a": 1.0}}}
    found = {row.name: row for row in compare.comparisons(new, old)}
    assert set(found) == {"quick: growth_exponent", "quick: handler_overhead", "quick: speedup of a"}
    assert found["quick: handler_overhead"].worse is None
    assert found["quick: speedup of a"].regression
    assert compare.ratios(old)["handler_overhead"] == (1.03, False)


@pytest.mark.parametrize(("overhead", "status"), [(0.05, 0), (0.5, 1)])
def test_exit_status_says_whether_there_is_a_regression(
    compare: ModuleType, tmp_path: Path, overhead: float, status: int
) -> None:
    files = [tmp_path / "new.json", tmp_path / "old.json"]
    for file, value in zip(files, (overhead, 0.03), strict=True):
        file.write_text(json.dumps({"handler_overhead": value}))
    assert compare.main([str(file) for file in files]) == status


def test_nothing_committed_is_no_regression(
    compare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.json").write_text("{}")
    monkeypatch.setattr(compare, "COMMITTED", "benchmarks/results/no_such_file.json")
    assert compare.main([str(tmp_path / "new.json")]) == 0
    assert "nothing to compare with" in capsys.readouterr().out


def test_results_of_another_scale_or_nowhere_are_refused(compare: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text('{"scale": 100}')
    (tmp_path / "old.json").write_text("{}")
    with pytest.raises(SystemExit, match="scale 100 and 1"):
        compare.main([str(tmp_path / "new.json"), str(tmp_path / "old.json")])
    with pytest.raises(SystemExit, match="does not exist"):
        compare.main([str(tmp_path / "nowhere.json")])


def test_picture_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(load("measuring"), "line", epidemic)
    load("plots").draw(load("growth").measure(repeats=1), tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_worlds_of_one_epidemic_are_one_until_they_split() -> None:
    seir = load("seir")
    contacts, initial = seir.begin(3000)
    run = seir.model(contacts, initial, 40)
    factual = seir.model(contacts, initial, 40, worlds=3, split=20)
    seir.check_equal(run, factual)


def test_fewer_contacts_transmit_as_much() -> None:
    seir = load("seir")
    contacts, initial = seir.begin(3000, degree=5)
    assert float(contacts.degree().mean()) == pytest.approx(5)
    assert float(initial["beta"]) == pytest.approx(2 * seir.BETA)


@pytest.mark.parametrize("given", [["--scale", "0"], ["--scale", "2000"], ["--repeats", "0"], ["--only", "nothing"]])
def test_impossible_plans_are_refused(harness: ModuleType, given: list[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        harness.main(given)
    assert refusal.value.code == 2


@pytest.mark.slow
def test_everything_runs_small(harness: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load("parts"), "ELSEWHERE", tmp_path)
    out = tmp_path / "results" / "latest.json"
    status = harness.main(["--scale", "1000", "--repeats", "1", "--environments", str(tmp_path), "--out", str(out)])
    results = json.loads(out.read_text())
    assert results["failed"] == []
    assert status == 0
    assert {key for key in REQUIRED if results[key] is None} == {key for key in REQUIRED if key.startswith("ratio_")}
    assert (out.parent / "growth.png").exists()
