"""H5N1 and eggs: laws of the model, what is asked of files, baselines of the forecast, and the page."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from case_studies.h5n1_eggs import compared, forecast, market, price, report
from case_studies.h5n1_eggs.inputs import (
    FIRST_DAY,
    WEEKS,
    calendar_quarter,
    counties,
    flocks,
    prices,
    week_dates,
    wild_birds,
)
from case_studies.h5n1_eggs.later import later_flocks, later_prices
from case_studies.h5n1_eggs.model import RECENT, epizootic
from case_studies.h5n1_eggs.parameters import PRIORS
from case_studies.h5n1_eggs.premises import DAIRY, LAYER, STORE, STORES, country
from case_studies.h5n1_eggs.question import POLICIES, WEIGHTS, WORLDS
from case_studies.h5n1_eggs.reports import reported
from case_studies.h5n1_eggs.study import study, with_files
from case_studies.page import fill
from causal_lpm.inference import Worlds, predict

HERE = Path(report.__file__).parent
KNOWN = {
    "layer_level": -5.5,
    "turkey_level": -6.5,
    "wild_power": 0.5,
    "season_power": 0.7,
    "size_power": 1.0,
    "spread": 0.004,
    "surge": 0.8,
}


def run(worlds: Worlds, weeks: int = 20, seed: int = 0) -> xr.Dataset:
    known = {name: torch.tensor([value]) for name, value in KNOWN.items()}
    return predict(partial(epizootic, country(), weeks), known, worlds, replicates=2, seed=seed)


def total(found: xr.Dataset, outcome: str, world: str) -> float:
    return float(found[outcome].sel(world=world).sum())


# --- what is read ----------------------------------------------------------------------------------------------------


def test_flocks_and_birds_are_those_of_the_reports() -> None:
    layers = flocks()[flocks()["kind"] == "layer"]
    assert (len(layers), round(layers["birds"].sum() / 1e6, 1)) == (55, 58.8)
    assert (forecast.seen(range(52)).sum(), forecast.seen(range(52, WEEKS)).sum()) == (37, 18)
    sites = reported(country(), WEEKS, RECENT)
    assert sites["layers"].sum() == sites["by_kind"].sum() == 55
    assert sites["million_culled"].sum() == pytest.approx(58.82, abs=0.01)


def test_farms_hold_the_birds_of_the_census_and_stores_buy_from_packers() -> None:
    us = country()
    assert int(us.of(LAYER).sum()) == 3_926
    counted = counties()
    has = counted.filter(like="layer_farms").sum(axis=1) > 0
    hens = us.agents["birds"][us.of(LAYER)].sum()
    assert float(hens) == pytest.approx(counted["layers"][has].sum(), rel=0.02)
    assert int(us.served.sum()) == STORES == int(us.of(STORE).sum())
    assert bool((us.near.degree()[us.of(STORE)] == 0).all())
    assert not wild_birds().isna().any(axis=None)


# --- laws of the model -----------------------------------------------------------------------------------------------


def test_policies_do_what_they_say() -> None:
    worlds = {
        "as it was": {},
        "nobody": {"protected": 0.0, "protected_by": 1.0},
        "all": {"protected": 3926.0},
        "vaccinated": {"vaccinated": 1.0},
        "ring": {"ring": 1.0},
        "dairy": {"dairy_hazard": 0.01},
        "inelastic": {"elasticity": -0.05},
    }
    found = run(worlds)
    assert (
        found["flocks"].sel(world="nobody").equals(found["flocks"].sel(world="as it was").assign_coords(world="nobody"))
    )
    usual = total(found, "flocks", "as it was")
    assert usual > 0
    assert total(found, "flocks", "all") < 0.6 * usual
    assert total(found, "flocks", "vaccinated") < 0.6 * usual
    assert total(found, "culled", "ring") > total(found, "culled", "as it was")
    assert total(found, "turkey_flocks", "dairy") > total(found, "turkey_flocks", "as it was")
    assert total(found, "flocks", "inelastic") == usual
    assert total(found, "price", "inelastic") > total(found, "price", "as it was")
    assert total(found, "spent", "all") > total(found, "spent", "as it was") == 0.0


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 1000))
def test_birds_are_culled_where_flocks_are_found_and_shelves_are_empty_where_hens_are_gone(seed: int) -> None:
    found = run({"as it was": {}}, 12, seed).isel(world=0, draw=0)
    by_week = {name: found[name].sum(found[name].dims[1]).values for name in ("flocks", "culled", "empty_shelves")}
    assert bool(((by_week["flocks"] > 0) == (by_week["culled"] > 0)).all())
    assert bool(((by_week["empty_shelves"] >= 0) & (by_week["empty_shelves"] <= 1)).all())
    shelves_before = by_week["empty_shelves"][np.cumsum(by_week["culled"], 1) == 0]
    assert bool((shelves_before == 0).all())
    assert float(found["kinds"].sum()) == by_week["flocks"].sum()


@given(st.floats(0.5, 0.99), st.floats(-2, -0.02))
def test_fewer_hens_cost_more_and_full_supply_the_usual(share: float, elasticity: float) -> None:
    told = market.eggs_price(torch.tensor(share).double(), torch.tensor(elasticity).double())
    assert float(told) > 1
    assert float(told) ** elasticity == pytest.approx(share)


# --- the price and the forecast --------------------------------------------------------------------------------------


def test_the_more_elastic_the_demand_the_less_hens_explain() -> None:
    found = price.explained()
    shares = [found[f"confirmed flocks, elasticity {each:g}"][2] for each in price.ELASTICITIES]
    assert shares == sorted(shares, reverse=True)
    assert found["data"][:4] == [2.826, 4.823, 1.0, 1.0]
    assert found["season alone"][2:4] == [0.0, 0.0]


def test_a_forecast_that_knows_finds_all_and_baselines_expect_what_was() -> None:
    before, after = forecast.seen(range(52)), forecast.seen(range(52, WEEKS))
    knows = after + 1e-3 * (after == 0)
    assert [forecast.hits(knows, after, share) for share in forecast.FLAGGED] == [18, 18, 18]
    assert forecast.hits(np.ones_like(after), after, 0.05) == pytest.approx(18 * 0.05, rel=0.01)
    size, both = forecast.by_size(before, 4), forecast.by_size_and_quarter(before, 4)
    farms = size > forecast.SMALLEST
    at_farms = before[farms.any(1)].sum()
    assert size[farms].sum() == pytest.approx(at_farms, rel=1e-6)
    assert both[farms].sum() == pytest.approx(at_farms, rel=1e-6)
    assert forecast.log_score(knows, after) > max(forecast.log_score(each, after) for each in (size, both))


def test_baselines_expect_no_flocks_of_weeks_that_are_not_scored() -> None:
    weeks = range(WEEKS, WEEKS + 17)  # a quarter and four weeks
    part = forecast.part_of_quarters(calendar_quarter(week_dates(weeks.stop))[weeks.start :])
    assert part.tolist() == [1, 4 / 13]
    year = calendar_quarter(week_dates(WEEKS))[52:]
    assert forecast.part_of_quarters(year).tolist() == [1, 1, 1, 1]  # as they were fitted


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    assert "later.csv has no rows" in refused(tmp_path, "")


def test_the_model_forecasts_every_county_and_quarter() -> None:
    draws = {name: torch.tensor([value, value]) for name, value in KNOWN.items()}
    expected = forecast.by_model(draws, range(13, 26), 0)
    assert expected.shape == (len(counties()), 1)
    assert 0 < expected.sum() < 100


def test_weights_name_outcomes_and_worlds_name_policies() -> None:
    assert all(set(policies) <= set(POLICIES) for policies in WORLDS.values())
    assert all(set(weights) <= {"flocks", "turkey_flocks", "culled", "cost", "spent"} for weights in WEIGHTS.values())
    assert POLICIES["elasticity"].high < 0


# --- files of later data ---------------------------------------------------------------------------------------------

FIRST = "week,county_fips,flocks\n2023-12-30,6097,1\n"


def refused(tmp_path: Path, text: str, read: object = later_flocks) -> str:
    file = tmp_path / "later.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"later\.csv") as error:
        read(file)  # type: ignore[operator]
    sentence = str(error.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_later_flocks_are_read(tmp_path: Path) -> None:
    file = tmp_path / "later.csv"
    file.write_text(FIRST + "2023-12-30,1001,2\n2024-01-06,6097,0\n")
    read = later_flocks(file)
    assert read["week"].tolist() == [WEEKS, WEEKS, WEEKS + 1]
    assert forecast.seen(range(WEEKS, WEEKS + 2), read).sum() == 3
    with_files({"flocks": str(file)})
    with pytest.raises(ValueError, match="unknown option 'doses'"):
        with_files({"doses": str(file)})


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2024-01-06,99999,1\n", "has the county '99999', which the census does not know"),
        ("2023-12-30,6097,2\n", "has the week 2023-12-30 of county 6097 twice"),
        ("2024-01-13,6097,2\n", "lacks the week 2024-01-06"),
        ("2024-01-06,6097,-1\n", "has -1 flocks"),
        ("2024-01-06,6097,1.5\n", "has 1.5 flocks"),
        ("2024-01-06,6097,some\n", "has 'some' in flocks"),
        ("2023-12-23,6097,1\n", "has the week 2023-12-23, which the model was fitted on"),
        ("2024-01-07,6097,1\n", "has the week 2024-01-07, which is no Saturday"),
        ("soon,6097,1\n", "has the week 'soon'"),
        ("2024-01-06T00:00Z,6097,1\n", "has the week '2024-01-06T00:00Z': give ISO dates"),
        ("2024-01-06 13:00,6097,1\n", "has the week '2024-01-06 13:00': give ISO dates"),
        ("2024-01-06,6097,5000\n", "has 5000 flocks in a week: give at most 1000"),
        ("2024-01-06,6097,1\n2024-01-13,6097,2\n2024-01-20,6097,4\n2024-01-27,6097,4\n", "counted so far"),
    ],
)  # fmt: skip
def test_bad_flocks_are_one_sentence(row: str, said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, FIRST + row)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("2024-01,2.5\n2024-01,2.6\n", "has the month 2024-01 twice"),
        ("2024-01,2.5\n2024-03,2.6\n", "lacks the month 2024-02"),
        ("2023-12,2.5\n2024-01,2.6\n", "has the month 2023-12, which lies before 2024"),
        ("2024-01,0\n", "has a price of 0"),
        ("2024-01,dear\n", "has 'dear' in usd_per_dozen"),
        ("2024-01,inf\n", "has 'inf' in usd_per_dozen"),
        ("2024-01,250\n", "has a price of 250 USD a dozen: give dollars, not cents"),
        ("", "has no rows"),
    ],
)
def test_bad_prices_are_one_sentence(rows: str, said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, "month,usd_per_dozen\n" + rows, later_prices)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    assert "has no column 'flocks'" in refused(tmp_path, "week,county_fips\n2023-12-30,6097\n")


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        ({"elasticity": 0.0}, "elasticity is 0 in world 'other': give a number from -5 to -0.01."),
        ({"protected": -1.0}, "protected is -1 in world 'other': give a number from 0 to 3926."),
        ({"elastic": -1.0}, "unknown policy 'elastic'"),
    ],
)
def test_a_policy_outside_its_range_is_refused(policies: dict[str, float], said: str) -> None:
    draws = {name: torch.tensor([value]) for name, value in KNOWN.items()}
    with pytest.raises(ValueError, match=said):
        compared.asked(draws, 1, 0, worlds={"as it was": {}, "other": policies})


def test_a_price_needs_an_elasticity_below_zero() -> None:
    with pytest.raises(ValueError, match=r"the elasticity of demand is 0\.1: give a number below 0"):
        market.eggs_price(torch.tensor(0.9), torch.tensor(0.1))


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_is_filled_from_the_expected_numbers() -> None:
    numbers = json.loads((HERE / "expected.json").read_text())
    page = (HERE / "README.md").read_text()
    assert fill(page, report.tables(numbers)) == page


def test_the_expected_numbers_are_what_the_page_says_of_them() -> None:
    numbers = json.loads((HERE / "expected.json").read_text())
    assert set(numbers["worlds"]) == set(WORLDS)
    assert set(numbers["both years"]["posterior"]) == set(PRIORS)
    for name in ("flocks", "million_culled"):
        data, _, low, high = numbers["fitted"][name]
        assert low <= data <= high
    for outcome in ("flocks", "culled"):  # of price, 100 farms of any only
        paired, apart = numbers["halved"]["restocked in 20 weeks"][outcome]
        assert paired <= 0.5 * apart
    for year in ("one year", "both years"):
        assert {numbers[year]["gates"][name][0] for name in ("sbc", "interval coverage", "tarp")} == {"pass"}
    assert numbers["price"] == price.explained()
    assert compared.STOCKS.keys() <= set(compared.SHOWN)


def test_the_study_is_known() -> None:
    assert (study.name, FIRST_DAY.year, len(prices())) == ("h5n1-eggs", 2022, 180)
    assert int(country().of(DAIRY).sum()) > 0
