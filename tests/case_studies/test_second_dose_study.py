"""The study as the command line sees it, its report, and the figures that are committed."""

import json
from pathlib import Path

import numpy as np
import pytest

from case_studies.page import fill
from case_studies.second_dose import report
from case_studies.second_dose.inputs import ARCHIVE
from case_studies.second_dose.study import QUIRKS, study
from causal_lpm.inference import Options, replicate_seed, run_experiment

SMALL = Options(3_000, 30)
EXPECTED = Path(report.__file__).parent / "expected.json"


def test_sizes_of_the_study() -> None:
    for size in ("demo", "main"):
        worlds, references = study.worlds(size)
        assert len(worlds) == len(ARCHIVE) == 7
        assert len(references) == 3
    worlds, references = study.worlds("full")
    assert {*references, *references.values()} <= set(worlds)
    for quirk in QUIRKS:
        assert f"delayed 0.8, {quirk} corrected" in references


def test_worlds_only_use_policies_of_the_study() -> None:
    for policies in study.worlds("full")[0].values():
        assert set(policies) <= set(study.policies)


def test_a_correction_is_the_mechanism_with_that_exception() -> None:
    corrected = study.simulate({"x": {"correct_random_chain": 1.0}}, SMALL, 5)
    mechanism = Options(SMALL.agents, SMALL.days, extra={"mechanism": "archived+random_chain"})
    other = study.simulate({"x": {}}, mechanism, 5)
    assert all(np.array_equal(corrected[name], other[name]) for name in corrected)


def test_worlds_do_not_depend_on_their_company() -> None:
    worlds = dict(list(study.worlds("full")[0].items())[:11])  # more than run side by side
    together = study.simulate(worlds, SMALL, 2)
    for i in (0, 8, 10):
        name = list(worlds)[i]
        alone = study.simulate({name: worlds[name]}, SMALL, 2)
        assert all(np.array_equal(together[name][i], alone[name][0]) for name in alone)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'mechanism'"):
        study.check({}, Options(10, 10, extra={"mechanisms": "archived"}))
    with pytest.raises(ValueError, match="give at least 2"):
        study.check({}, Options(10, 1))
    with pytest.raises(ValueError, match="unknown size"):
        study.worlds("huge")


def test_the_report_fills_a_page() -> None:
    worlds, references = study.worlds("full")
    tree = run_experiment(study, worlds, references, 2, 0, Options(1_000, 12), workers=1)
    parts = report.tables(tree)
    page = "\n".join(f"<!-- {name} -->\nOUTDATED\n<!-- /{name} -->" for name in parts)
    filled = fill(page, parts)
    assert "OUTDATED" not in filled
    assert fill(filled, parts) == filled
    assert filled.count("| as archived |") == 1
    assert report.expected(tree)["contrasts"].keys() == json.loads(EXPECTED.read_text())["contrasts"].keys()
    with pytest.raises(ValueError, match="lacks the markers"):
        fill("", parts)


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
    worlds = {name: policies for name, policies in study.worlds("main")[0].items() if name in names}
    options = Options(committed["agents"], committed["days"])
    counts = study.simulate(worlds, options, replicate_seed(committed["seed"], 0))
    for i, name in enumerate(worlds):
        for outcome in ("deaths", "infections"):
            expected = committed["published_settings"][name][outcome][0]
            found = counts[outcome][i].sum() * 1e5 / committed["agents"]
            assert found == pytest.approx(expected), (name, outcome)


def test_more_agents_than_memory_are_refused_before_anything_is_made() -> None:
    with pytest.raises(ValueError, match="agents need about"):
        study.check({"x": {}}, Options(10**12, 180))


def test_defaults_written_out_change_nothing() -> None:
    written = {name: policy.default for name, policy in study.policies.items()}
    counts = study.simulate({"defaults": {}, "written": written}, SMALL, 3)
    assert all(np.array_equal(series[0], series[1]) for series in counts.values())


def test_corrections_of_what_is_described_are_refused() -> None:
    options = Options(1_000, 12, extra={"mechanism": "described"})
    with pytest.raises(ValueError, match="as described already"):
        study.check({"b": {"correct_breakthrough": 1.0}}, options)
