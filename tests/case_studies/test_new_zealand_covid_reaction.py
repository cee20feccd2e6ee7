"""COVID-19 in New Zealand: laws of people who react, of the forecast, and of runs that are compared."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given as drawn
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from case_studies.new_zealand import covid_compared, covid_forecast, covid_model, covid_pictures, covid_scale
from case_studies.new_zealand.contacts import between_districts
from case_studies.new_zealand.covid_calendar import DAYS, SEEN
from case_studies.new_zealand.covid_model import outbreak
from case_studies.new_zealand.covid_reaction import REGIONS, contacts_left, region_of, reported_lately
from case_studies.new_zealand.covid_reports import reported_cases
from case_studies.new_zealand.districts import AUCKLAND
from case_studies.new_zealand.people import Country
from causal_lpm.inference import Worlds, predict
from tests.case_studies.known_outbreak import agents, draws


@pytest.fixture(scope="module")
def here() -> Country:
    return agents()


def run(here: Country, worlds: Worlds, seed: int = 0, **changed: float) -> xr.Dataset:
    return covid_compared.asked(here, draws(**changed), 2, seed, worlds, SEEN)


# --- people who react ------------------------------------------------------------------------------------------------


@drawn(
    hnp.arrays(np.float32, 5, elements=st.floats(0, 10_000, width=32)),
    hnp.arrays(np.float32, 5, elements=st.floats(0, 10_000, width=32)),
    st.floats(0, 10),
)
def test_more_reported_cases_never_raise_contacts(cases: np.ndarray, more: np.ndarray, reaction: float) -> None:
    strength = torch.tensor([reaction])
    few, many = (contacts_left(strength, torch.from_numpy(x)) for x in (cases, cases + more))
    assert bool((many <= few).all())
    assert bool((many > 0).all())
    assert bool((few <= 1).all())
    assert bool((contacts_left(strength + 1, torch.from_numpy(cases)) <= few).all())


def test_who_does_not_react_has_all_contacts() -> None:
    assert bool((contacts_left(torch.zeros(1), torch.tensor([0.0, 1e6])) == 1).all())


@drawn(hnp.arrays(np.int64, 60, elements=st.integers(-300, 120)), st.integers(0, 2**16))
def test_reports_of_the_last_seven_days_are_counted_where_people_live(since: np.ndarray, seed: int) -> None:
    region = np.concatenate([np.arange(len(REGIONS)), np.random.default_rng(seed).integers(0, len(REGIONS), 55)])
    found = reported_lately(torch.from_numpy(since), torch.from_numpy(region).int()).numpy()
    for number in range(len(REGIONS)):
        own = since[region == number]
        assert found[number] == pytest.approx(1e5 * ((own >= 1) & (own <= 7)).mean(), rel=1e-5)


def test_aucklands_districts_are_one_city_and_other_contacts_stay() -> None:
    travel, alone = between_districts(), between_districts(0.0)
    auckland, others = list(AUCKLAND), [0, *range(4, 20)]
    assert float(alone[auckland][:, auckland].fill_diagonal_(1.0).min()) > 0.08
    assert torch.allclose(alone[others][:, others], torch.eye(17, dtype=torch.float64))
    assert float((travel[auckland][:, others].sum(1)).max()) < 0.1


def test_every_district_is_in_one_region() -> None:
    assert sorted(place for own in REGIONS for place in own) == list(range(20))
    assert region_of(torch.arange(20)).unique().tolist() == list(range(len(REGIONS)))


def test_who_reacts_infects_fewer_and_reacts_to_the_cases_of_the_own_world(here: Country) -> None:
    calm = run(here, {"fact": {}}, reaction=0.0)
    reacts = run(here, {"fact": {}}, reaction=5.0)
    assert float(reacts["infections"].sum()) < float(calm["infections"].sum())
    worlds: Worlds = {"fact": {}, "other": {"allocation": 4.0}}
    both, alone = run(here, worlds, reaction=1.0), run(here, {"other": worlds["other"]}, reaction=1.0)
    for name in ("infections", "admitted"):
        assert np.array_equal(both[name].sel(world="other").values, alone[name].sel(world="other").values)
    assert not np.array_equal(both["infections"].values[0], both["infections"].values[1])


def test_who_does_not_react_lives_in_the_model_without_reaction(here: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    calm = run(here, {"fact": {}}, reaction=0.0)
    monkeypatch.setattr(covid_model, "contacts_left", lambda _, cases: torch.ones_like(cases))
    without = run(here, {"fact": {}}, reaction=5.0)
    for name in ("infections", "admitted"):
        assert np.array_equal(calm[name].values, without[name].values)


def test_unreported_cases_move_nobody(here: Country) -> None:
    calm, reacts = (run(here, {"fact": {}}, ascertainment=0.0, reaction=reaction) for reaction in (0.0, 5.0))
    assert np.array_equal(calm["infections"].values, reacts["infections"].values)


# --- forecasts and runs that are compared -----------------------------------------------------------------------------


@drawn(st.integers(0, 2**16), st.integers(1, 5), st.integers(1, 4))
def test_runs_near_the_reports_of_an_area_weigh_most_there(seed: int, draws: int, lucks: int) -> None:
    cases = np.random.default_rng(seed).gamma(1.0, 10.0, (1, draws, lucks, 20, DAYS))
    cases[0, 0, 0] = np.maximum(reported_cases(DAYS), 1e-3)
    dims = ("world", "draw", "replicate", "group", "day")
    weight = covid_forecast.weights(xr.Dataset({"cases": (dims, cases)}), np.full(draws, 1e3))
    assert weight.shape == (draws * lucks, 7)
    assert np.allclose(weight.sum(0), 1)
    assert (weight[0] >= weight.max(0) - 1e-12)[:5].all()  # where many cases were, chance alone is not nearer


def test_a_forecast_and_the_world_as_it_was_are_the_same_runs(here: Country) -> None:
    worlds = covid_compared.asked(here, draws(), 2, 3, {"as it was": {}, "other": {"allocation": 2.0}})
    found = predict(
        partial(outbreak, here, DAYS), draws(), {"as it was": {}}, outcomes=("infections",), replicates=4, seed=3
    )
    assert np.array_equal(found["infections"].values[:, :, :2], worlds["infections"].values[:1])


def test_outbreaks_like_the_reported_one_are_told_from_others(here: Country) -> None:
    found = covid_forecast.ahead(here, draws(), 4, 0)
    for number, times in enumerate((1.0, 0.6, 0.4, 2.2)):
        found["cases"].values[0, 0, number] = times * reported_cases(DAYS)
    assert covid_compared.alike(found, 4).tolist() == [[True, True, False, False]]
    assert covid_compared.alike(found, 1).tolist() == [[True]]


def test_the_picture_says_what_is_not_calibrated(here: Country, tmp_path: Path) -> None:
    found = covid_forecast.ahead(here, draws(), 2, 0)
    sure, doubtful = (
        covid_pictures.draw(found, status, tmp_path / status).read_bytes() for status in ("calibrated", "uncalibrated")
    )
    assert sure.startswith(b"\x89PNG")
    assert sure != doubtful


def test_two_sizes_of_the_country_agree_with_themselves() -> None:
    found = covid_scale.agreement(draws(), (2, 2), 0, days=SEEN, agents=(10_000, 10_000))
    for mean, sd, other, spread, apart in found.values():
        assert (mean, sd, apart) == (other, spread, 0.0)


def test_one_run_has_no_scatter() -> None:
    with pytest.raises(ValueError, match=r"^there are 1 runs: give two or more, so that their scatter is known\.$"):
        covid_scale.agreement(draws(), (1, 3), 0)
