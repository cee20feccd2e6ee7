from dataclasses import replace

import pytest
import torch

from causal_lpm.inference import Reliability, reliability_report
from causal_lpm.inference.reliability.refits import held_out
from tests.agents.archetypes.answers import question
from tests.agents.archetypes.test_behaviour_map import behaviour, real


@pytest.fixture(scope="module")
def report() -> Reliability:
    found = real(behaviour())
    term = found.behaviour.term
    term.refused[0, 0] = 2.0
    term.by_wording = {"yes": term.data["llm_answers"].float().repeat(2, 1, 1), "asked": term.asked.repeat(2, 1, 1)}
    return reliability_report(found, folds=2, chains=2, warmup=20, draws=20)


@pytest.mark.slow
def test_the_report_names_who_answered_and_what_was_chosen(report: Reliability) -> None:
    said = str(report)
    assert "no language model was asked" in said
    assert "transport of payment Normal(1, 0.5), chosen by the user" in said
    assert "refused most often by" in said
    assert "between wordings" in said
    assert report.table.attrs["description"] == report.description


@pytest.mark.slow
def test_the_report_compares_answers_with_none_and_with_raw_ones(report: Reliability) -> None:
    table = report.table
    assert list(table["predictor"].values) == ["with answers", "without answers", "raw answers"]
    assert bool((table["rmse"] > 0).all())
    coverage = table["coverage"].sel(predictor="with answers")
    assert bool((coverage.diff("level") >= 0).all())
    assert 1 <= report.effective_answers[1] <= report.answers


@pytest.mark.slow
def test_a_report_on_unconverged_fits_says_so(report: Reliability) -> None:
    assert "give more warmup" in str(replace(report, rhat=1.2))
    assert "give more warmup" not in str(replace(report, rhat=1.0))


def test_every_archetype_is_left_out_once() -> None:
    folds = held_out(10, 3, seed=0)
    assert sorted(torch.cat(folds).tolist()) == list(range(10))


def test_what_cannot_be_reported_on_is_refused() -> None:
    found = real(behaviour())
    with pytest.raises(ValueError, match="folds is 1"):
        reliability_report(found, folds=1)
    found.behaviour.term.question = question(answer="share")
    with pytest.raises(ValueError, match="answers are shares"):
        reliability_report(found)
