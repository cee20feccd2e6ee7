"""The arithmetic of the comparison, on runs that are made up; no peer is needed."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def comparison(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("side_by_side")


def line(seconds: float, attack_rate: float = 0.9) -> dict[str, object]:
    """Four days: a slow first one, one with few infectious, two near the peak."""
    return {
        "seconds": [9 * seconds, seconds, 2 * seconds, 4 * seconds],
        "cpu_seconds": [seconds] * 4,
        "prevalence": [0.0, 0.01, 0.1, 0.3],
        "attack_rate": attack_rate,
        "setup_seconds": 1.0,
        "peak_rss_mb": 100.0,
        "versions": {},
    }


def test_low_leaves_out_the_first_day_and_the_peak(comparison: ModuleType) -> None:
    assert comparison.mean_day(line(1.0), "low") == 1.0
    assert comparison.mean_day(line(1.0), "peak") == 4.0


def test_ratios_take_the_fastest_variant_and_the_median_of_the_rounds(comparison: ModuleType) -> None:
    used = comparison.variants(2)
    runs = {v.name: [line(1.0), line(1.0), line(1.0)] for v in used if v.tool == "causal_lpm"}
    runs |= {v.name: [line(30.0)] * 3 for v in used if v.tool != "causal_lpm"}
    runs["covasim 3, 2 threads"] = [line(8.0), line(10.0), line(90.0)]
    found = comparison.summary(runs, used)
    assert found["ratio_covasim_peak"] == found["ratio_covasim_low"] == 10.0
    assert found["ratio_covasim_peak_of"] == "covasim 3, 2 threads / causal_lpm, 1 thread"
    assert found["ratio_starsim_peak"] == 30.0
    assert found["one_thread"]["ratio_covasim_peak"] == 30.0


@pytest.mark.parametrize(("theirs", "agree"), [(0.915, True), (0.92, False)])
def test_attack_rates_agree_within_two_percent(comparison: ModuleType, theirs: float, agree: bool) -> None:
    used = comparison.variants(1)
    runs = {v.name: [line(1.0, 0.9 if v.tool == "causal_lpm" else theirs)] for v in used}
    assert comparison.summary(runs, used)["attack_rates_agree"] is agree


def test_another_epidemic_counts_in_no_ratio(comparison: ModuleType) -> None:
    used = comparison.variants(1)
    runs = {v.name: [line(10.0)] for v in used} | {"starsim default": [line(0.1, 0.99)]}
    found = comparison.summary(runs, used)
    assert found["attack_rates_agree"]
    assert found["ratio_starsim_peak"] == 1.0


def test_a_peer_that_is_not_installed_is_named_with_what_to_do(comparison: ModuleType, tmp_path: Path) -> None:
    reasons = {v.missing(tmp_path) for v in comparison.variants(1)} - {None}
    assert reasons == {
        f"{name} is not installed in {tmp_path}: make venv-peers" for name in ("starsim", "covasim3", "covasim4")
    }


def test_nothing_is_said_of_attack_rates_without_a_peer(comparison: ModuleType) -> None:
    used = [v for v in comparison.variants(1) if v.tool == "causal_lpm"]
    found = comparison.summary({v.name: [line(1.0)] for v in used}, used)
    assert found["attack_rates_agree"] is None
    assert not [key for key in found if key.startswith("ratio")]


def test_a_script_that_fails_is_an_error(comparison: ModuleType, tmp_path: Path) -> None:
    variant = comparison.Variant("broken", "causal_lpm", None, "peers/no_such_script.py")
    with pytest.raises(RuntimeError, match=r"broken failed \(exit status 2\).*no_such_script"):
        variant.run(tmp_path, 10, 1)


def test_versions_of_the_peers_are_fixed(comparison: ModuleType) -> None:
    for name in ("starsim", "covasim3", "covasim4"):
        wanted = (BENCHMARKS / "peers" / "requirements" / f"{name}.txt").read_text().splitlines()
        assert all("==" in entry for entry in wanted if not entry.startswith("#"))


def test_model_and_plain_loop_are_equal_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    seir = importlib.import_module("seir")
    contacts, initial = seir.begin(3000)
    run = seir.model(contacts, initial, 40)
    seir.check_equal(run, seir.bare(contacts, initial, 40))
    assert len(run.watch.seconds) == 40
    assert sum(run.infections) + 3 == int((run.infected_on != seir.NEVER).sum())


def test_report_is_one_line_of_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    epidemic = importlib.import_module("peers.epidemic")
    watch = epidemic.Stopwatch()
    watch.lap()
    epidemic.report("tool", 10, 1, 0.5, watch, [2], 5, {"tool": "1.0"}, contacts_an_agent=9.9)
    printed = json.loads(capsys.readouterr().out)
    assert (printed["attack_rate"], printed["prevalence"], printed["days"]) == (0.5, [0.2], 1)
    assert printed["peak_rss_mb"] > 0
