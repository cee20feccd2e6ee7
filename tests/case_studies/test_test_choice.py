"""The choice between two tests: laws of the model, the front, the epidemic that happened, and the study in small."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from case_studies.page import fill
from case_studies.test_choice import happened, inputs, model, report
from case_studies.test_choice.front import on_front, share_on_front
from case_studies.test_choice.model import epidemic
from case_studies.test_choice.parameters import MEDIANS, PRIORS
from case_studies.test_choice.people import Town, town
from case_studies.test_choice.question import MIXED, NOBODY, POLICIES, TESTS, VARIANTS, WORLDS, few, grid
from case_studies.test_choice.study import study
from causal_lpm import KeyedNoise
from causal_lpm.agents import Groups, mean_days
from causal_lpm.inference import predict

HERE = Path(report.__file__).parent
FELT = ("infections", "deaths", "needless_days", "quarantine_days")
AGENTS, DAYS = 400, 40
SEEDED = {**MEDIANS, "seeding": 0.02}


def run(
    worlds: dict[str, dict[str, float]], here: Town | None = None, seed: int = 0, replicates: int = 2
) -> dict[str, dict[str, np.ndarray]]:
    """World -> outcome -> `[replicate, day]`."""
    known = {name: torch.tensor([value]) for name, value in SEEDED.items()}
    found = predict(partial(epidemic, here or town(AGENTS), DAYS), known, worlds, replicates=replicates, seed=seed)
    return {
        name: {str(outcome): series.sel(world=name).values[0, :, 0] for outcome, series in found.items()}
        for name in worlds
    }


def alike(one: dict[str, np.ndarray], other: dict[str, np.ndarray], outcomes: tuple[str, ...] = FELT) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in outcomes)


# --- laws of the model -----------------------------------------------------------------------------------------------


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0.05, 1), st.integers(0, 5))
def test_a_test_whose_result_nobody_follows_is_no_test(seed: int, wrong: float, rate: float, delay: int) -> None:
    rules = {"false_positive_rate": wrong, "testing_rate": rate, "delay": float(delay), "adherence": 0.0}
    found = run({"tests": rules, "none": NOBODY}, seed=seed)
    assert alike(found["tests"], found["none"])
    assert found["none"]["tests"].sum() == found["none"]["positives"].sum() == 0
    assert found["tests"]["tests"].sum() > 0


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.floats(0.2, 1), st.floats(0, 0.5), st.floats(0.2, 1))
def test_without_false_positives_and_delay_no_quarantine_is_needless(
    seed: int, sensitivity: float, rate: float, adherence: float
) -> None:
    at_once = {"false_positive_rate": 0.0, "delay": 0.0, "testing_rate": rate, "adherence": adherence}
    found = run(
        {"perfect": {**at_once, "sensitivity": 1.0}, "blind": {**at_once, "sensitivity": sensitivity}}, seed=seed
    )
    for series in found.values():
        assert series["needless_days"].sum() == 0
    assert found["perfect"]["quarantine_days"].sum() > 0


def test_a_late_result_is_needless_without_false_positives() -> None:
    found = run({"late": {"false_positive_rate": 0.0, "delay": 20.0, "days_between_tests": 21.0, "adherence": 1.0}})
    assert found["late"]["needless_days"].sum() > 0


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1000))
def test_equal_tests_give_equal_numbers_in_any_company(seed: int) -> None:
    everything = (*FELT, "tests", "positives", "reported")
    rules = TESTS["fast test"]
    together = run({"one": rules, "slow": {}, "other": dict(rules), "none": NOBODY}, seed=seed)
    alone = run({"one": rules}, seed=seed)["one"]
    assert alike(together["one"], together["other"], everything)
    assert alike(together["one"], alone, everything)
    assert not alike(together["one"], together["slow"])


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1000))
def test_a_swab_has_the_same_luck_under_both_tests(seed: int) -> None:
    calm = {"adherence": 0.0, "contact_testing": 0.0}  # results change nothing, so the same people are swabbed
    found = run({name: {**rules, **calm} for name, rules in TESTS.items()}, seed=seed)
    slow, fast = found["slow test"], found["fast test"]
    assert np.array_equal(slow["tests"], fast["tests"])
    # Whoever is positive in the test that is seldom wrong is so in the other, two days earlier.
    assert (fast["positives"][:, 1:-2] >= slow["positives"][:, 3:]).all()
    assert fast["positives"].sum() > slow["positives"].sum() > 0


def test_with_certain_quarantine_everybody_is_always_in_it() -> None:
    always = {"false_positive_rate": 1.0, "sensitivity": 1.0, "delay": 0.0, "testing_rate": 1.0, "adherence": 1.0}
    alone = replace(town(AGENTS), home=Groups(torch.arange(AGENTS)), housemates=0.0)
    found = run({"all": {**always, "days_between_tests": 1.0}, "none": NOBODY}, alone)
    assert (found["all"]["quarantine_days"] == AGENTS).all()
    assert (found["all"]["infections"][:, 0] == found["none"]["infections"][:, 0]).all()
    assert found["all"]["infections"][:, 1:].sum() == 0  # nobody lives together, and nobody goes out
    assert found["none"]["infections"][:, 1:].sum() > 0


def test_quarantine_lasts_as_long_as_it_should() -> None:
    once = {"false_positive_rate": 1.0, "sensitivity": 1.0, "delay": 2.0, "testing_rate": 1.0, "adherence": 1.0}
    found = run({"once": {**once, "quarantine_days": 7.0, "days_between_tests": 90.0}})["once"]
    assert (found["tests"][:, 0] == AGENTS).all()
    assert (found["quarantine_days"].astype(bool) == np.isin(np.arange(DAYS), range(2, 9))).all()
    assert found["tests"][:, 1:].sum() == 0
    assert (found["needless_days"] <= found["quarantine_days"]).all()


def test_a_case_infects_as_many_as_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    """R0 of 1.5, less what housemates who are infected twice and the immune leave: false alarm below 1 in 10,000."""
    # So long that the first generation is over before the second is infectious.
    monkeypatch.setattr(model, "LATENT", mean_days(12.0))
    here = town(8_000)
    # Colleagues who meet each other would be infected twice, too.
    mixed = replace(here, outside={**here.outside, "work": Groups(torch.full((8_000,), -1))}, met=met_by_chance(here))
    known = {name: torch.tensor([value]) for name, value in {**MEDIANS, "R0": 1.5, "seeding": 0.01}.items()}
    found = predict(partial(epidemic, mixed, 26), known, {"none": NOBODY}, replicates=20)["infections"]
    seeds, caught = (float(found.isel(day=part).sum()) for part in (slice(0, 1), slice(1, 26)))
    assert 0.82 * 1.5 < caught / seeds < 1.05 * 1.5


def met_by_chance(here: Town) -> float:
    return float(here.outside["random"].degree().mean())


def test_days_are_those_of_the_literature() -> None:
    assert inputs.LATENT.mean() + 1 == pytest.approx(inputs.INCUBATION - inputs.EARLY, abs=0.02)
    assert inputs.PRESYMPTOMATIC.mean() == pytest.approx(inputs.EARLY, abs=0.02)
    assert inputs.SYMPTOMATIC.mean() + 1 == pytest.approx(inputs.ILL, abs=0.02)
    assert 1 - np.exp(-inputs.AT_HOME * (inputs.EARLY + inputs.ILL)) == pytest.approx(0.166, abs=0.001)


def test_policies_are_sites_and_the_defaults_are_the_world_as_it_was() -> None:
    with KeyedNoise(0), pyro.poutine.trace() as recorded:
        epidemic(town(AGENTS), 3)
    sites = {name for name, node in recorded.trace.nodes.items() if node["type"] == "sample"}
    assert sites == {*PRIORS, *POLICIES, "reported"}
    assert all(POLICIES[name].default == value for name, value in TESTS["slow test"].items())
    assert WORLDS["slow test"] == {}
    assert set(MEDIANS) == set(PRIORS)


# --- the front -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_is_who_is_not_beaten(points: list[tuple[int, int]]) -> None:
    costs = np.array(points, dtype=float)
    front = on_front(costs)

    def beats(one: np.ndarray, other: np.ndarray) -> bool:
        return bool((one <= other).all() and (one < other).any())

    for row, cost in enumerate(costs):
        assert front[row] != any(beats(other, cost) for other in costs[front])
    same = np.repeat(costs[:, None], 3, 1)
    assert np.array_equal(share_on_front(same, 5), front.astype(float))


def test_the_share_on_the_front_says_how_sure_it_is() -> None:
    luck = np.random.default_rng(0).normal(size=(40, 2))
    near, far = luck * 0.01, 1.0 + luck[::-1] * 0.01
    costs = np.stack([near, -near, far])
    shares = share_on_front(costs)
    assert shares[2] == 0.0
    assert 0.0 < shares[0] <= 1.0
    assert 0.0 < shares[1] <= 1.0


# --- the epidemic that happened, and the study -----------------------------------------------------------------------


def test_what_was_reported_is_what_happened_under_the_slow_test() -> None:
    reported, truth = happened.reported()["reported"], happened.truth()
    assert dict(reported.sizes) == {"day": happened.DAYS}
    assert reported.sum() > 0
    assert list(truth["world"].values) == list(WORLDS)
    assert np.array_equal(study.observed()["reported"], reported.values)
    infected = truth["infections"].sum(["group", "day"]).isel(draw=0, replicate=0)
    assert int(infected.sel(world="nobody tests")) > int(infected.sel(world="fast test")) > 0


def test_a_statement_is_what_the_fast_test_averts() -> None:
    total = happened.truth()["infections"].sum(["group", "day"]).isel(draw=0, replicate=0)
    averted = float(total.sel(world="slow test") - total.sel(world="fast test"))
    assert happened.statement(happened.truth())["infections"] == [averted] * 3


def test_worlds_are_named_after_what_they_set() -> None:
    assert {name: acts["testing_rate"] for name, acts in few({}).items()} == {
        f"{test}, rate {percent}%, adherence 50%": rate
        for test in TESTS
        for rate, percent in ((0.0, 0), (0.02, 2), (0.1, 10))
    }
    assert all(set(acts) <= set(POLICIES) for acts in MIXED.values())
    assert all(set(acts) <= set(POLICIES) and set(known) <= set(PRIORS) for known, acts in VARIANTS.values())


def test_the_study_has_the_policies_of_its_model() -> None:
    assert study.policies == POLICIES
    assert set(study.outcomes) >= {*FELT, "reported"}


def test_the_committed_numbers_fill_the_page() -> None:
    numbers = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    page = (HERE / "README.md").read_text(encoding="utf-8")
    assert fill(page, report.tables(numbers)) == page
    assert numbers["not_followed"] == 0
    names = {name for rate in numbers["size"]["rates"] for name in grid(rate)}
    assert set(numbers["grid"]) == {"nobody tests", *names}
    assert all(not name.startswith("slow") for name in numbers["front"])  # as the page says


@pytest.mark.slow
def test_the_quick_study_finds_the_expected_numbers(tmp_path: Path) -> None:
    assert study.reproduction is not None
    said: list[str] = []
    text = study.reproduction(tmp_path, quick=True, seed=0, workers=1, say=said.append)
    assert "| fast test, rate 0%" in text
    numbers = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    expected = json.loads((HERE / "expected_quick.json").read_text(encoding="utf-8"))
    assert close(numbers, expected)
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"front.png", "differences.png"}
    # What is there is used.
    assert study.reproduction(tmp_path, quick=True, seed=0, workers=1, say=said.append) == text


def close(one: Any, other: Any) -> bool:
    """Whether numbers agree to 2%, whose last bits another machine may compute otherwise."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return (
        bool(one == pytest.approx(other, rel=0.02, abs=0.02, nan_ok=True)) if isinstance(one, float) else one == other
    )
