"""COVID-19 in New Zealand: laws of doses and allocations, of the model, what is asked of options, and the page."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given as drawn
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from case_studies.new_zealand import covid_compared, covid_forecast, report
from case_studies.new_zealand.allocations import called, cell_of, planned, served
from case_studies.new_zealand.contacts import random_contacts
from case_studies.new_zealand.covid_calendar import DAYS, LEVELS, SEEN, changes, day_of, levels, schools_open
from case_studies.new_zealand.covid_calibration import focused
from case_studies.new_zealand.covid_model import MIXING_AGES
from case_studies.new_zealand.covid_question import POLICIES, RULES, WORLDS
from case_studies.new_zealand.covid_reports import fitted_sites, reported_admissions, reported_cases, sites
from case_studies.new_zealand.doses import CLASSES, UNWILLING, covered, given, uptake
from case_studies.new_zealand.people import Country, country
from case_studies.new_zealand.study import study, with_options
from case_studies.page import fill
from causal_lpm.inference import Worlds
from tests.case_studies.known_outbreak import KNOWN, agents, draws

HERE = Path(report.__file__).parent


@pytest.fixture(scope="module")
def here() -> Country:
    return agents()


# --- what is read ----------------------------------------------------------------------------------------------------


def test_reports_are_those_of_the_tables() -> None:
    cases = reported_cases(DAYS)
    assert (cases[:, 1:8].sum(), cases[:, :SEEN].sum(), cases[:, SEEN:].sum()) == (263, 8_604, 2_136)
    assert sites()["cases_by_span"].sum() == cases[:, :SEEN].sum()
    assert sites()["admissions_by_half"].sum() == reported_admissions().sum()
    assert reported_admissions()[0, -1] == 12  # 0 to 9 years, the week to 28 November


def test_levels_are_those_of_the_days() -> None:
    told = levels(DAYS)
    named = {(place, date): LEVELS[int(told[place, day_of(date)])] for place in (2, 4, 17) for date in DATES}
    assert [named[2, date] for date in DATES] == ["level 4", "level 4", "level 3", "step 1", "step 2", "step 2"]
    assert [named[17, date] for date in DATES] == ["level 4", "level 2", "level 2", "level 2", "level 2", "level 2"]
    assert named[4, "2021-11-10"] == "step 2"
    assert 0 in changes(DAYS)
    assert bool((schools_open(DAYS)[:, 0] == 0).all())


DATES = ("2021-08-20", "2021-09-20", "2021-09-22", "2021-10-06", "2021-11-10", "2021-12-10")


def test_weekly_doses_add_up_to_the_table_of_december_and_second_ones_follow() -> None:
    doses = given()
    by_december = doses.first[doses.weeks <= "2021-12-19"].sum(0)
    assert np.allclose(by_december, covered()[0].sum(1).reshape(-1))
    assert doses.second_after.min() >= 3
    assert doses.second_after.max() <= 12


def test_as_many_are_willing_as_had_a_dose(here: Country) -> None:
    willing = uptake(here) != UNWILLING
    weight = here.weight[here.people["district"].long()]
    assert float((weight * willing).sum()) == pytest.approx(covered()[0].sum(), rel=0.02)
    assert not bool(willing[here.people["age"] < 12].any())
    assert bool((uptake(here)[willing & (here.people["age"] >= 65)] <= 1).all())


# --- allocations -----------------------------------------------------------------------------------------------------


@drawn(
    hnp.arrays(np.float64, (3, 4), elements=st.integers(0, 50).map(float)),
    st.permutations([0, 1, 1]),
    st.integers(0, 400),
    st.integers(0, 100),
)
def test_the_best_are_served_first_and_more_doses_serve_the_same_and_more(
    waiting: np.ndarray, order: list[int], doses: int, more: int
) -> None:
    ranks = np.array(order)
    got = served(waiting, ranks, doses)
    assert (got <= waiting + 1e-9).all()
    assert got.sum() == pytest.approx(min(doses, waiting.sum()))
    if got[ranks == 1].sum() > 1e-9:
        assert np.allclose(got[ranks == 0], waiting[ranks == 0])
    assert (served(waiting, ranks, doses + more) >= got - 1e-9).all()


@pytest.mark.parametrize(("waiting", "doses"), [(1.0, -1.0), (-1.0, 1.0), (1.0, float("nan"))])
def test_negative_doses_are_refused(waiting: float, doses: float) -> None:
    with pytest.raises(ValueError, match=r"doses or people who wait: give numbers from 0\.$"):
        served(np.array([[waiting]]), np.array([0]), doses)


def test_every_rule_gives_the_same_doses_to_nobody_twice(here: Country) -> None:
    plan, classes, cell = planned(here), uptake(here), cell_of(here)
    persons = plan.stock.double() * here.weight.double().repeat_interleave(4)
    total = persons.sum((1, 2))
    assert torch.allclose(total, total[:1], rtol=0.015)  # an agent of the south is 1,700 persons here
    assert int(plan.stock.min()) >= 0
    waiting = torch.bincount(cell[classes != UNWILLING], minlength=80)
    assert bool((plan.stock.sum(1) <= waiting + 1).all())
    early = [step for step, day in enumerate(plan.day) if day < 0]
    shares = covid_compared.dosed(here)
    assert set(shares) == set(RULES)
    assert max(shares["Maori and Pacific people first"][:2]) > 1.5 * max(shares["by age"][:2])
    assert len(early) > 5


def test_as_it_was_is_what_was_recorded(here: Country) -> None:
    plan, recorded = planned(here), given().first
    persons = plan.stock[0].double() * here.weight.double().repeat_interleave(4)
    north = slice(4, 16)  # the districts of Auckland, where an agent is fewest persons
    assert persons[:, north].sum(0).numpy() == pytest.approx(recorded[:, north].sum(0), rel=0.15)


def test_classes_are_called_in_their_order() -> None:
    for date in given().weeks:
        order = called(date)
        assert (np.diff(order) >= 0).all()
        assert len(order) == len(CLASSES)
    assert called(given().weeks[-1]).tolist() == [0] * 8


# --- the model -------------------------------------------------------------------------------------------------------


def run(here: Country, worlds: Worlds, seed: int = 0, **changed: float) -> xr.Dataset:
    return covid_compared.asked(here, draws(**changed), 2, seed, worlds, SEEN)


def test_an_act_equal_to_the_fact_changes_nothing_and_others_do(here: Country) -> None:
    found = run(here, {"fact": {}, "same": {"allocation": 0.0}, "other": {"allocation": 4.0}})
    for name in ("infections", "admitted"):
        fact, same, other = (found[name].sel(world=world).values for world in ("fact", "same", "other"))
        assert np.array_equal(fact, same)
        assert not np.array_equal(fact, other)
        assert fact.min() >= 0


def test_more_contacts_infect_more_and_risk_admits_more(here: Country) -> None:
    usual = run(here, {"fact": {}})
    closed = run(here, {"fact": {}}, out_level_4=0.1, out_level_3=0.1, out_step_1=0.1, out_step_2=0.1)
    assert float(closed["infections"].sum()) < float(usual["infections"].sum())
    risk = run(here, {"fact": {}}, admission_level=2 * KNOWN["admission_level"])
    assert float(risk["admitted"].sum()) == pytest.approx(2 * float(usual["admitted"].sum()), rel=0.01)
    assert np.array_equal(risk["infections"], usual["infections"])


def test_contacts_of_a_person_do_not_depend_on_the_grain() -> None:
    """An agent of Auckland stands for fewer people than others, and meets more: a mean over agents is 1.9% more."""
    even, finer = (
        each.per_person(random_contacts(each, MIXING_AGES).degree()) for each in (country(250_000), focused(250_000))
    )
    assert float(finer) == pytest.approx(float(even), rel=1e-3)


def test_nobody_crosses_a_closed_boundary(here: Country) -> None:
    found = covid_forecast.ahead(here, draws(boundary=0.0, seeds_capital=1e-6), 2, 0)
    cases = found["cases"].values[0][..., :SEEN]
    assert cases[:, :, [0, *range(4, 20)]].sum() == pytest.approx(0, abs=1e-3)
    assert cases[:, :, 1:4].sum() > 0


def test_spans_and_halves_add_up_what_days_have() -> None:
    series = {"cases": torch.ones(20, DAYS), "admissions": torch.ones(8, DAYS)}
    found = fitted_sites(series)
    assert float(found["cases_by_span"].sum()) == 20 * SEEN
    assert float(found["admissions_by_half"].sum()) == 8 * 7 * 14


def test_a_forecast_that_knows_is_better_than_the_last_week(here: Country) -> None:
    cases = reported_cases(DAYS)
    found = covid_forecast.ahead(here, draws(), 2, 0)
    found["cases"].values[:] = np.maximum(cases, 1e-3)
    scores = covid_forecast.scored(found, np.array([1e4]), 0)
    for part in ("districts", "Auckland", "country"):
        assert scores["this model"][part][0] < scores["last week kept"][part][0]
        assert scores["this model"][part][1] > 0.8


# --- what is asked of options ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        ({"allocation": 5.0}, r"allocation is 5 in world 'other': give a number from 0 to 4\."),
        ({"alocation": 1.0}, "unknown policy 'alocation': did you mean 'allocation'"),
    ],
)
def test_a_policy_outside_its_range_is_refused(here: Country, policies: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        run(here, {"as it was": {}, "other": policies})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"question": "covit"}, "unknown question of new-zealand 'covit': did you mean 'covid'"),
        ({"agents": 1000}, "agents goes with one question: say covid or measles after the study"),
        ({"question": "covid", "cases": "weekly.csv"}, "cases go with the question measles, and covid was asked"),
        ({"question": "covid", "flocks": "x.csv"}, "unknown option of new-zealand 'flocks'"),
        ({"question": "covid", "agents": 0}, "agents is 0: give a whole number of at least 1"),
        ({"question": "measles", "agents": 999}, "agents is 999: give 1,000 to 5,172,834, as many as New Zealand has"),
        ({"question": "covid", "agents": 1e12}, "agents is 1,000,000,000,000: give 1,000 to 5,172,834"),
    ],
)
def test_options_that_do_not_go_together_are_one_sentence(options: dict[str, str | float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        with_options(options)


def test_the_study_is_known() -> None:
    assert study.name == "new-zealand"
    assert all(set(policies) <= set(POLICIES) for policies in WORLDS.values())
    assert len(WORLDS) == len(RULES)
    with_options({"question": "covid", "agents": 20_000})


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_is_filled_from_the_expected_numbers() -> None:
    numbers = json.loads((HERE / "expected.json").read_text())
    page = (HERE / "README.md").read_text()
    assert fill(page, report.tables(numbers)) == page


@pytest.mark.slow
def test_the_whole_country_has_as_many_agents_as_people() -> None:
    assert country().people.size == 5_172_834
    assert planned(country()).stock.sum(2).shape[0] == len(RULES)
