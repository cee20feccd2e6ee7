"""The study as the command line sees it, its report, and the figures that are committed."""

import json
from pathlib import Path

import numpy as np
import pytest

from case_studies.second_dose import report
from case_studies.second_dose.inputs import ARCHIVE
from case_studies.second_dose.study import QUIRKS, study
from causal_lpm.inference import Options, Setting, replicate_seed, run_experiment

SMALL = Options(3_000, 30)
EXPECTED = Path(report.HERE / "expected.json")


def test_sizes_of_the_study() -> None:
    for size in ("demo", "main"):
        settings, contrasts = study.settings(size)
        assert len(settings) == len(ARCHIVE) == 7
        assert len(contrasts) == 3
    settings, contrasts = study.settings("full")
    names = [setting.name for setting in settings]
    assert len(set(names)) == len(names)
    for contrast in contrasts:
        assert set(contrast.minus) <= set(names)
    for quirk in QUIRKS:
        assert f"delayed - standard 0.8, {quirk} corrected" in {contrast.name for contrast in contrasts}


def test_settings_only_use_policies_of_the_study() -> None:
    for setting in study.settings("full")[0]:
        assert set(setting.policy) <= set(study.policies)


def test_a_correction_is_the_mechanism_with_that_exception() -> None:
    corrected = study.simulate([Setting("x", {"correct_random_chain": 1.0})], SMALL, 5)
    mechanism = Options(SMALL.agents, SMALL.days, extra={"mechanism": "archived+random_chain"})
    other = study.simulate([Setting("x")], mechanism, 5)
    assert all(np.array_equal(corrected[name], other[name]) for name in corrected)


def test_worlds_do_not_depend_on_their_company() -> None:
    settings = study.settings("full")[0][:11]  # more than run side by side
    together = study.simulate(settings, SMALL, 2)
    for i in (0, 8, 10):
        alone = study.simulate([settings[i]], SMALL, 2)
        assert all(np.array_equal(together[name][i], alone[name][0]) for name in alone)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'mechanism'"):
        study.check([], Options(10, 10, extra={"mechanisms": "archived"}))
    with pytest.raises(ValueError, match="give at least 2"):
        study.check([], Options(10, 1))
    with pytest.raises(ValueError, match="unknown size"):
        study.settings("huge")


def test_the_report_fills_a_page() -> None:
    settings, contrasts = study.settings("full")
    tree = run_experiment(study, settings, contrasts, 2, 0, Options(1_000, 12), workers=1)
    parts = report.tables(tree)
    page = "\n".join(f"<!-- {name} -->\nOUTDATED\n<!-- /{name} -->" for name in parts)
    filled = report.fill(page, parts)
    assert "OUTDATED" not in filled
    assert report.fill(filled, parts) == filled
    assert filled.count("| as archived |") == 1
    assert set(report.expected(tree)["contrasts"]) == {contrast.name for contrast in contrasts}
    with pytest.raises(ValueError, match="lacks the markers"):
        report.fill("", parts)


def test_committed_figures_reproduce_the_archive() -> None:
    """The tolerances of the study, on the figures that are committed."""
    committed = json.loads(EXPECTED.read_text())["settings"]
    for (schedule, efficacy), (deaths, infections) in ARCHIVE.items():
        ours = committed[report._archive_name(schedule, efficacy)]
        limit = 45.0 if (schedule, efficacy) in report.NOISY else report.DEATHS_WITHIN
        assert abs(ours["deaths"]["median"] - np.median(deaths)) <= limit
        share = 100 * (ours["infections"]["median"] / np.median(infections) - 1)
        assert abs(share) <= report.INFECTIONS_WITHIN[schedule]


@pytest.mark.slow
def test_committed_figures_are_what_the_code_gives() -> None:
    """Regression: replicate 0 of the published settings, exactly."""
    committed = json.loads(EXPECTED.read_text())
    names = list(committed["published_settings"])
    settings = [setting for setting in study.settings("main")[0] if setting.name in names]
    options = Options(committed["agents"], committed["days"])
    counts = study.simulate(settings, options, replicate_seed(committed["seed"], 0))
    for i, setting in enumerate(settings):
        for outcome in ("deaths", "infections"):
            expected = committed["published_settings"][setting.name][outcome][0]
            found = counts[outcome][i].sum() * 1e5 / committed["agents"]
            assert found == pytest.approx(expected), (setting.name, outcome)


def test_more_agents_than_memory_are_refused_before_anything_is_made() -> None:
    with pytest.raises(ValueError, match="agents need about"):
        study.check([Setting("x")], Options(10**12, 180))


def test_defaults_written_out_change_nothing() -> None:
    written = {name: policy.default for name, policy in study.policies.items()}
    counts = study.simulate([Setting("defaults"), Setting("written", written)], SMALL, 3)
    assert all(np.array_equal(series[0], series[1]) for series in counts.values())


def test_corrections_of_what_is_described_are_refused() -> None:
    options = Options(1_000, 12, extra={"mechanism": "described"})
    with pytest.raises(ValueError, match="as described already"):
        study.check([Setting("b", {"correct_breakthrough": 1.0})], options)
