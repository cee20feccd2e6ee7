"""The measles question as it is run: the estimator, its gates, cases that are given, and the tables of the page."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from case_studies.new_zealand import measles_effects, measles_reproduction
from case_studies.new_zealand.measles_effects import Estimator, as_one, estimator
from case_studies.new_zealand.measles_outbreaks import Outbreaks
from case_studies.new_zealand.measles_question import EFFECTS
from case_studies.new_zealand.measles_report import tables
from case_studies.new_zealand.study import with_options
from case_studies.new_zealand.weekly_cases import WeeklyCases, weekly_cases
from case_studies.page import fill, titled
from causal_lpm.inference import Training

from .test_new_zealand_measles import country

HERE = Path(measles_reproduction.__file__).parent


def made_up(number: int, seed: int) -> Outbreaks:
    """Outbreaks whose effects follow from their size: a tenth is averted in the district, a third in the cohort."""
    generator = torch.Generator().manual_seed(seed)
    reported = torch.poisson(torch.rand(number, 1, 1, generator=generator).mul(4).exp().expand(-1, 20, 8) / 4)
    cases = reported.sum((1, 2))
    infections = (cases * (1.2 + 0.1 * torch.rand(number, generator=generator))).round()
    worlds = torch.stack([infections, 0.9 * infections, infections * 2 / 3], 1).round().long()
    return Outbreaks(reported.long(), worlds, torch.randint(0, 20, (number,), generator=generator))


def learned(number: int = 200) -> Estimator:
    measles_effects.MEMBERS, kept = 1, measles_effects.MEMBERS
    try:
        return estimator(made_up(number, 0), country(), 0)
    finally:
        measles_effects.MEMBERS = kept


@pytest.mark.slow
def test_an_effect_that_follows_from_the_weeks_is_found() -> None:
    found, unseen = learned(600), made_up(100, 1)
    middle = found.averted(unseen, 0).median(0).values
    assert ((middle - unseen.averted).abs() <= 0.1 * unseen.infections[:, :1]).double().mean() > 0.9


def test_draws_are_whole_numbers_of_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measles_effects, "TRAINING", Training(flow="nsf", epochs=2))
    found, some = learned(60), made_up(5, 1)
    draws = found.averted(some, 0, draws=50)
    assert draws.shape == (50, 5, 2)
    assert torch.equal(draws, draws.round())
    assert (draws <= 10 * some.infections[:, 0].max()).all()
    two = as_one(some.reported[0], [3, 4])
    assert len(two) == 2
    assert torch.equal(two.reported[0], two.reported[1])


@pytest.mark.slow
def test_the_quick_study_runs_and_answers_the_outbreak_that_it_wrote(tmp_path: Path) -> None:
    few: dict[str, Any] = {"quick": True, "seed": 0, "workers": 1, "say": lambda text: None, "agents": 20_000}
    told = measles_reproduction.reproduce(tmp_path, **few)
    numbers = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))["measles"]
    assert told == titled(tables(numbers))
    assert len(numbers["known"]) == 5
    own = tmp_path / "own"
    own.mkdir()
    cases = weekly_cases(tmp_path / "measles" / "simulated_outbreak.csv")
    measles_reproduction.reproduce(own, cases=cases, **few)
    answered = json.loads((own / "numbers.json").read_text(encoding="utf-8"))["measles"]["cases"]
    assert answered["reported"] == numbers["known"][0]["reported"]
    assert answered["answers"][0]["coverage"] == numbers["known"][0]["district"]
    assert all(row["low"] <= row["median"] <= row["high"] for row in answered["answers"])


def test_more_cases_than_people_could_have_are_refused(tmp_path: Path) -> None:
    rows = "\n".join(f"2019-{3 + week // 4:02d}-{4 + 7 * (week % 4):02d},Auckland,{900 - week}" for week in range(4))
    more = "\n".join(f"2019-04-{1 + 7 * week:02d},Auckland,{800 - week}" for week in range(4))
    file = tmp_path / "weekly.csv"
    file.write_text(f"week,district,cases\n{rows}\n{more}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"7,\d\d\d|6,\d\d\d cases among 4,000 people"):
        measles_reproduction.reproduce(
            tmp_path,
            quick=True,
            seed=0,
            workers=1,
            say=lambda text: None,
            agents=4_000,
            cases=weekly_cases(file),
        )


def test_a_quick_run_of_cases_needs_the_number_of_people(tmp_path: Path) -> None:
    cases = WeeklyCases(datetime.date(2019, 3, 4), torch.ones(20, 8, dtype=torch.int64))
    with pytest.raises(ValueError, match="as --agents"):
        measles_reproduction.reproduce(tmp_path, quick=True, seed=0, workers=1, say=lambda text: None, cases=cases)


def test_the_number_of_people_and_the_cases_reach_the_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(measles_reproduction, "reproduce", lambda out, **settings: asked.update(settings) or "told")
    run = with_options({"question": "measles", "agents": 12_345})
    assert run(tmp_path, quick=True, seed=0, workers=1, say=lambda text: None) == "told"
    assert asked["agents"] == 12_345


def test_the_page_has_the_tables_of_the_expected_numbers() -> None:
    numbers = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))["measles"]
    page = (HERE / "README.md").read_text(encoding="utf-8")
    assert page == fill(page, tables(numbers))
    for name in EFFECTS:
        held = sum(row[name]["low"] <= row[name]["truth"] <= row[name]["high"] for row in numbers["known"])
        assert 17 <= held <= len(numbers["known"]) == 20
