"""The first wave of New York City: data, mobility, agents, surrogate, and the study in small."""

import json
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyro
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from case_studies.nyc_first_wave import happened, model, report
from case_studies.nyc_first_wave.data import (
    BOROUGHS,
    DAYS,
    FIRST_DAY,
    SERIES,
    TABLES,
    TESTED,
    WEEKS,
    day_of,
    first_wave,
)
from case_studies.nyc_first_wave.delays import ADMITTED, DIED, REPORTED, Delay
from case_studies.nyc_first_wave.mobility import MobilityResponse, fear
from case_studies.nyc_first_wave.model import first_wave_of
from case_studies.nyc_first_wave.parameters import PRIORS, SEEDING
from case_studies.nyc_first_wave.people import City, city
from case_studies.nyc_first_wave.question import ORDER_DAY, WORLDS
from case_studies.nyc_first_wave.reports import GENERATION, growth
from case_studies.nyc_first_wave.reproduction import ORIGIN, agreement, coverage, reported
from case_studies.nyc_first_wave.surrogate import renewal
from case_studies.page import fill
from causal_lpm import KeyedNoise, data, rollout
from causal_lpm.inference import abduct
from causal_lpm.inference.policies.predictive import predict

HERE = Path(report.__file__).parent
TRUTH = {
    "R0": 3.2,
    **dict.fromkeys(SEEDING, 0.003),
    "mobility_power": 1.6,
    "mask_effect": 0.25,
    "drift": 0.0,
    "ascertainment_early": 0.08,
    "ascertainment_late": 0.25,
    "hospitalisation_scale": 0.45,
    "fatality_scale": 1.0,
    "dispersion": 12.0,
    "anticipation": 0.5,
}


@pytest.fixture
def small() -> City:
    return city(1600)


def run(program: Any, here: City, draws: int = 1, days: int = 56, **changed: float) -> dict[str, torch.Tensor]:
    values = {name: torch.full((draws, 1), value) for name, value in {**TRUTH, **changed}.items()}
    with torch.no_grad(), KeyedNoise(torch.arange(draws)[:, None]):
        found: dict[str, torch.Tensor] = pyro.condition(program, data=values)(here, days)
    return found


def draws(**changed: list[float]) -> dict[str, torch.Tensor]:
    count = max((len(values) for values in changed.values()), default=1)
    return {name: torch.tensor(changed.get(name, [value] * count)) for name, value in TRUTH.items()}


# --- data ------------------------------------------------------------------------------------------------------------


def test_series_are_the_reported_ones() -> None:
    wave = first_wave()
    table = data.table(TABLES / "nyc_covid_daily_borough.csv")
    inside = table[(table["date"] >= FIRST_DAY) & (table["date"] < FIRST_DAY + pd.Timedelta(days=DAYS))]
    for name, column in SERIES.items():
        assert wave.series[name].shape == (len(BOROUGHS), WEEKS)
        assert wave.series[name].sum() == inside[column].sum()
    queens = inside[(inside["borough"] == "Queens") & (inside["date"] < FIRST_DAY + pd.Timedelta(days=21))]
    assert wave.series["admissions"][3, :3].sum() == queens["hospitalized"].sum()
    assert wave.persons.sum() == pytest.approx(8_336_817, abs=5)


def test_the_order_is_the_one_in_the_table() -> None:
    milestones = data.table(TABLES / "us_policy_milestones_ny_ma_wa.csv")
    order = milestones[(milestones["statename"] == "New York") & (milestones["stayathome_first_start"] == 1)]
    assert [day_of(str(date)) for date in order["date"]] == [ORDER_DAY]


def test_a_forecast_sees_nothing_after_its_origin() -> None:
    wave = first_wave()
    for name, values in wave.until(5).items():
        assert values.shape == (5, 5)
        assert bool(values[:, :TESTED].isnan().all())
        assert bool((values[:, TESTED:] == wave.series[name][:, TESTED:5]).all())
    with pytest.raises(ValueError, match="forecast origin is after week 18: give 3 to 17"):
        wave.until(18)
    with pytest.raises(ValueError, match="give 3 to 17"):
        wave.until(TESTED)


def test_risks_follow_the_ages() -> None:
    wave = first_wave()
    assert bool(((wave.fatality > 0.007) & (wave.fatality < 0.012)).all())
    assert wave.fatality[0] == wave.fatality.min()  # the Bronx is the youngest borough
    assert bool((wave.hospitalisation > wave.fatality).all())


# --- delays and generations ------------------------------------------------------------------------------------------


@given(st.integers(1, 6), st.floats(1.0, 3.0))
def test_a_chain_of_stages_has_the_delay_of_its_probabilities(stages: int, each: float) -> None:
    delay = Delay(stages * each, stages)
    waiting, out = [torch.zeros(1, dtype=torch.float64)] * stages, []
    for day in range(60):
        waiting, left = delay.advance(waiting, torch.tensor([float(day == 0)], dtype=torch.float64))
        out.append(float(left))
    np.testing.assert_allclose(out, delay.probabilities[:60], atol=2e-4)  # the tail is divided among the others


def test_delays_have_their_means() -> None:
    for delay in (REPORTED, ADMITTED, DIED):
        assert sum(day * p for day, p in enumerate(delay.probabilities)) == pytest.approx(delay.mean, abs=0.05)
    with pytest.raises(ValueError, match="each stage takes at least a day"):
        Delay(2.0, 3)


@given(st.floats(1.2, 6.0))
def test_growth_solves_the_renewal_equation(reproduction: float) -> None:
    rate = float(growth(torch.tensor([reproduction])))
    sent = sum(p * np.exp(-rate * day) for day, p in enumerate(GENERATION))
    assert reproduction * sent == pytest.approx(1.0, rel=0.03)  # gamma approximation


# --- mobility --------------------------------------------------------------------------------------------------------


def response(**changed: Any) -> MobilityResponse:
    given_ = {"level": 0.0, "size": 0.5, "deaths": 0.05, "middle": 18.0, "width": 2.5, "explained": 1.0}
    seen = torch.linspace(0.0, 0.7, DAYS)
    return MobilityResponse(**{**given_, "observed": seen, "fear": fear(torch.linspace(0, 500, DAYS)), **changed})


def at(
    mobility: MobilityResponse, day: int, order: float, anticipation: float, recent: float = 0.0, follows: float = 0.0
) -> float:
    return float(mobility.fall(day, *(torch.tensor([x]) for x in (order, anticipation, recent, follows))))


@given(st.integers(0, DAYS - 1), st.floats(0, 1), st.floats(0, 5000))
def test_an_order_that_was_not_moved_leaves_the_observed_fall(day: int, anticipation: float, recent: float) -> None:
    mobility = response()
    assert at(mobility, day, ORDER_DAY, anticipation, recent) == float(mobility.observed[day])


@given(st.integers(0, DAYS - 1), st.floats(0, 1), st.floats(0, 1), st.integers(1, 20))
def test_an_earlier_order_never_raises_mobility_and_a_later_one_never_lowers_it(
    day: int, one: float, other: float, shift: int
) -> None:
    mobility, tolerance = response(), 1e-6
    low, high = sorted((one, other))
    seen = float(mobility.observed[day])
    earlier = [at(mobility, day, ORDER_DAY - shift, x) for x in (low, high)]
    later = [at(mobility, day, ORDER_DAY + shift, x) for x in (low, high)]
    assert earlier[1] >= earlier[0] - tolerance >= seen - 2 * tolerance  # the more moves along, the more it matters
    assert later[1] <= later[0] + tolerance <= seen + 2 * tolerance


@given(st.integers(0, DAYS - 8))
def test_full_anticipation_moves_the_whole_course(day: int) -> None:
    flat = response(observed=torch.zeros(DAYS))
    course = torch.sigmoid((torch.tensor([day + 7.0, float(day)]) - flat.middle) / flat.width)
    assert at(flat, day, ORDER_DAY - 7, 1.0) == pytest.approx(flat.size * float(course[0] - course[1]), abs=1e-6)


def test_people_follow_the_deaths_of_their_world_where_asked() -> None:
    mobility = response()
    reported = float(torch.expm1(mobility.fear[50]) * 10)
    assert at(mobility, 50, ORDER_DAY, 0.5, reported, 1.0) == pytest.approx(float(mobility.observed[50]), abs=1e-6)
    assert at(mobility, 50, ORDER_DAY, 0.5, 2 * reported, 1.0) > float(mobility.observed[50])


def test_the_fitted_response_explains_mobility(small: City) -> None:
    found = small.response
    assert found.explained > 0.95
    assert found.deaths > 0
    assert found.size > 0.3
    # f and the residual are the observed fall again.
    days = torch.arange(DAYS, dtype=torch.float32)
    course = torch.sigmoid((days - found.middle) / found.width)
    again = found.level + found.size * course + found.deaths * found.fear + found.residual()
    assert torch.allclose(again, found.observed, atol=1e-5)


# --- model and surrogate ---------------------------------------------------------------------------------------------


def test_sites_are_those_of_the_surrogate(small: City) -> None:
    names = []
    for program in (first_wave_of, renewal):
        with KeyedNoise(0), pyro.poutine.trace() as recorded:
            program(small, 28)
        names.append({name for name, node in recorded.trace.nodes.items() if node["type"] == "sample"})
    assert names[1] == {*PRIORS, *SERIES}
    assert names[0] == names[1] | {"order_day", "follows_deaths"}


def test_draws_are_separate_runs(small: City) -> None:
    together = run(first_wave_of, small, 3, 28)
    for draw in range(3):
        values = {name: torch.tensor([[value]]) for name, value in TRUTH.items()}
        with KeyedNoise(torch.tensor([[draw]])):
            alone = pyro.condition(first_wave_of, data=values)(small, 28)
        for name, series in alone.items():
            assert torch.equal(series[0], together[name][draw]), name


def test_the_model_can_be_sent_to_another_process(small: City) -> None:
    sent = pickle.loads(pickle.dumps(small))
    here, there = run(first_wave_of, small, days=21), run(first_wave_of, sent, days=21)
    assert all(torch.equal(here[name], there[name]) for name in here)


def test_the_surrogate_is_near_the_mean_of_the_agents(small: City) -> None:
    # Fixed seeds. A run of 5,200 agents scatters by 21%, the mean of 40 by 3%; the surrogate is 3 to 5% higher.
    agents, equation = run(first_wave_of, small, 40), run(renewal, small)
    for name, series in equation.items():
        mean = agents[name].sum((-1, -2)).mean()
        assert float(series.sum()) == pytest.approx(float(mean), rel=0.17), name


def test_the_surrogate_is_elementwise_and_differentiable(small: City) -> None:
    power = torch.tensor([[1.2], [2.0]], requires_grad=True)
    values = {name: torch.full((2, 1), value) for name, value in TRUTH.items()} | {"mobility_power": power}
    found = pyro.condition(renewal, data=values)(small, 49)
    (slope,) = torch.autograd.grad(found["expected_deaths"][0].sum(), power)
    assert slope[0] < 0  # people who meet less die less
    assert slope[1] == 0  # of another draw


def test_expected_infections_are_the_realised_ones(small: City, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []

    def kept(*arguments: Any) -> Any:
        runs.append(rollout(*arguments))
        return runs[-1]

    monkeypatch.setattr(model, "rollout", kept)
    run(first_wave_of, small, 20, 28)
    infected_on = runs[0].state["infected_on"]
    realised = ((infected_on >= 0) & (infected_on < 28)).sum(-1).double()
    expected = runs[0].tallies["infections"].sum((-1, -2))
    # A martingale: the variance of a run's difference is at most its expected count. Fails by chance once in 1e6.
    assert abs(float((realised - expected).sum())) < 5 * float(expected.sum()) ** 0.5
    assert float((realised - expected).square().mean()) < 2.5 * float(expected.mean())


def test_the_seeding_is_met_up_to_one_agent(small: City, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []

    def first(dynamics: Any, state: Any, days: int) -> Any:
        states.append(state)
        return rollout(dynamics, state, days)

    monkeypatch.setattr(model, "rollout", first)
    run(first_wave_of, small, 6, 7)
    infected_on = states[0]["infected_on"]
    for number in range(len(BOROUGHS)):
        seeded = (infected_on[:, small.people["borough"] == number] < 0).sum(-1)
        assert bool(((seeded - 0.003 * small.agents[number]).abs() <= 1).all())


def test_fewer_seeds_later_epidemic(small: City) -> None:
    late = run(first_wave_of, small, 4, 28, **dict.fromkeys(SEEDING, 0.0008))["infections"].sum((-1, -2))
    assert bool((late < run(first_wave_of, small, 4, 28)["infections"].sum((-1, -2))).all())


def test_worlds_share_luck_and_differ_by_the_order(small: City) -> None:
    program = lambda: first_wave_of(small, 56)  # noqa: E731
    found = predict(program, draws(anticipation=[0.0, 1.0]), {**WORLDS, "open loop": {}}, seed=3)
    deaths = found["expected_deaths"].sum(["group", "day"])[:, :, 0]
    was, earlier, later, open_loop = (deaths.sel(world=name).values for name in (*WORLDS, "open loop"))
    assert ((earlier < was) & (was < later)).all()
    # The more of the early fall moves along, the more an order can do.
    assert earlier[1] / was[1] < earlier[0] / was[0]
    assert not np.array_equal(was, open_loop)
    first = found["infections"].isel(day=0)
    assert np.allclose(first.sel(world="a week later"), first.sel(world="as it was"), rtol=0.05)


def test_coverage_counts_held_out_weeks() -> None:
    import xarray as xr

    wave = first_wave()
    dims = ("world", "draw", "replicate", "group", "day")
    exact = {name: (dims, values.numpy()[None, None, None].repeat(3, 1)) for name, values in wave.series.items()}
    assert coverage(xr.Dataset(exact), wave)["held_out"] == 1.0
    off = {name: (dims, values[1] + 1) for name, values in exact.items()}
    found = coverage(xr.Dataset(off), wave)
    assert found["held_out"] == 0.0
    assert found["cells"] == 3 * 5 * (WEEKS - ORIGIN)


def test_agreement_is_in_units_of_the_finer_posterior() -> None:
    assert agreement({"R0": [3.0, 0.2, 2.6, 3.4]}, {"R0": [2.9, 0.1, 2.7, 3.1]}) == {"R0": [1.0, 2.0]}


# --- the epidemic that happened --------------------------------------------------------------------------------------


def answered(status: str) -> dict[str, Any]:
    """Numbers of an abduction, as `happened.side_by_side` gives them."""
    row = {
        "deaths as reported": [15000.0, 14000.0, 16000.0],
        "a week later against as it was: infections averted": [-9.0, -20.0, -1.0],
    }
    answers = dict.fromkeys(happened.KINDS, row)
    return {"status": status, "reason": "Few filters.", "reported deaths": 15003.0, "answers": answers}


def test_what_was_refused_is_shown_and_says_that_it_is_not_to_be_read() -> None:
    refused, told = (report._happened(answered(status)) for status in ("interventional only", "abducted"))
    assert refused.startswith("**INTERVENTIONAL ONLY: the counterfactual column is not to be read")
    assert "Few filters." in refused.split("\n\n")[0]
    assert "| counterfactual (refused) | paired | interventional |" in refused
    assert "| infections averted, a week later against as it was | -9 (-20 to -1) |" in refused
    assert "refused" not in told
    assert "Few filters." not in told
    assert refused.split("\n\n")[1].replace(" (refused)", "") == told


@pytest.mark.slow
def test_the_order_on_other_days_is_asked_in_the_epidemic_of_the_reports(tmp_path: Path) -> None:
    """With 521 agents and parameters that are taken as known."""
    here = city(16_000)
    data = reported(here.wave)
    where = {"folder": tmp_path, "seed": 0, "workers": 1}
    found = abduct(
        partial(first_wave_of, here, 49), data, draws(), windows=7, particles=16, filters=2, paths=4, sweeps=0
    )
    numbers = happened.side_by_side(found, data, draws(), where)
    assert numbers["status"] == "interventional only"
    assert set(numbers["gates"]) >= {"effective filters", "noise of the filters"}
    assert numbers["reported deaths"] == here.wave.series["deaths"][:, TESTED:ORIGIN].sum()
    assert list(numbers["answers"]) == ["counterfactual", "paired", "interventional"]
    with torch.no_grad(), found.replay():
        deaths = found.model()["expected_deaths"][:, :, TESTED:].sum((-1, -2))
    assert numbers["answers"]["counterfactual"]["deaths as reported"][0] == pytest.approx(
        float(deaths.mean()), rel=1e-3
    )
    for answer in numbers["answers"].values():
        assert len(answer) == 5, "deaths, and two outcomes in two contrasts"


# --- the study -------------------------------------------------------------------------------------------------------


def test_the_committed_numbers_fill_the_page() -> None:
    numbers = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    page = (HERE / "README.md").read_text(encoding="utf-8")
    assert fill(page, report.tables(numbers)) == page
    assert 0.80 <= numbers["forecast"]["held_out"] <= 0.97
    assert set(numbers["posterior"]) == set(PRIORS)


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the markers <!-- posterior -->"):
        fill("# nothing", {"posterior": "table"})


@pytest.mark.slow
def test_the_quick_study_runs(tmp_path: Path) -> None:
    from case_studies.nyc_first_wave.study import study

    out = tmp_path / "out"
    out.mkdir()
    assert study.reproduction is not None
    assert "held out" in study.reproduction(out, quick=True, seed=0, workers=1, say=lambda text: None)
    numbers = json.loads((tmp_path / "out" / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["status"] == "uncalibrated"  # nothing was checked, and it says so
    assert numbers["happened"]["status"] == "interventional only"  # 5,211 agents have too much luck, and it says so
    assert "INTERVENTIONAL ONLY" in report.tables(numbers)["happened"]
    assert 0.3 < numbers["forecast"]["held_out"] <= 1.0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "calibration.nc",
        "forecast.nc",
        "abduction.nc",
    }
    drawn = {path.name for path in (tmp_path / "out" / "pictures").iterdir()}
    assert drawn >= {"anticipation.png", "happened.png", "forecast-deaths.png", "fan-cases.png"}
