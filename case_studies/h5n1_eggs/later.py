"""Flocks and prices of later months, given as files: checked, in one sentence each, before anything runs."""

from pathlib import Path

import numpy as np
import pandas as pd

from case_studies.given_files import dates_of, given_table, numbers_of
from case_studies.h5n1_eggs.inputs import FIRST_DAY, WEEKS, counties
from causal_lpm.inference import quoted

__all__ = ["later_flocks", "later_prices"]

FLOCKS = ("week", "county_fips", "flocks")
PRICES = ("month", "usd_per_dozen")
MOST_FLOCKS = 1000
"""Of a county in a week: in all of 2022-23, 55 were found."""
MOST_USD = 50.0
"""A dozen; ten times the highest price so far."""


def later_flocks(file: Path) -> pd.DataFrame:
    """Layer flocks confirmed by week and county after the training period.

    Args:
        file: A CSV table with the columns `week` (the Saturday with which it begins, from 2023-12-30), `county_fips`
            and `flocks` (newly confirmed layer flocks). A week without any has one row with 0 flocks in any county.

    Returns:
        Columns `week` (counted from January 2022), `county_fips`, `kind`, `flocks`.

    Raises:
        ValueError: a column is missing; a week that is none, is twice in a county, is missing, or lies in the training
            period; an unknown county; flocks that are negative, no whole numbers, far too many, or cumulative.
    """
    table = given_table(file, FLOCKS)
    start = dates_of(file, table["week"])
    if bool((odd := start.dt.day_of_week != FIRST_DAY.day_of_week).any()):
        raise ValueError(
            f"{file.name} has the week {start[odd].iloc[0].date()}, which is no Saturday: weeks begin on one."
        )
    week = (start - FIRST_DAY).dt.days // 7
    if bool((overlap := week < WEEKS).any()):
        last = (FIRST_DAY + pd.Timedelta(weeks=WEEKS)).date()
        raise ValueError(
            f"{file.name} has the week {start[overlap].iloc[0].date()}, which the model was fitted on: give weeks from "
            f"{last}."
        )
    county = pd.to_numeric(table["county_fips"], errors="coerce")
    if bool((unknown := ~county.isin(counties().index)).any()):
        raise ValueError(
            f"{file.name} has the county {quoted(table['county_fips'][unknown].iloc[0])}, which the census does not "
            "know: give FIPS codes as in h5n1_us_county_livestock.csv."
        )
    if bool((twice := pd.DataFrame({"w": week, "c": county}).duplicated()).any()):
        row = table[twice].iloc[0]
        raise ValueError(f"{file.name} has the week {row['week']} of county {row['county_fips']} twice: give it once.")
    missing = sorted(set(range(WEEKS, int(week.max()) + 1)) - set(week))
    if missing:
        first = (FIRST_DAY + pd.Timedelta(weeks=missing[0])).date()
        raise ValueError(
            f"{file.name} lacks the week {first}: give every week from the end of 2023, 0 where none was hit."
        )
    flocks = numbers_of(file, table["flocks"])
    if bool((wrong := (flocks < 0) | (flocks != flocks.round())).any()):
        raise ValueError(f"{file.name} has {flocks[wrong].iloc[0]:g} flocks in a week: give whole numbers from 0.")
    if bool((many := flocks > MOST_FLOCKS).any()):
        raise ValueError(f"{file.name} has {flocks[many].iloc[0]:g} flocks in a week: give at most {MOST_FLOCKS}.")
    found = pd.DataFrame({"week": week, "county_fips": county.astype(int), "kind": "layer", "flocks": flocks})
    _refuse_cumulative(file, found)
    return found


def later_prices(file: Path) -> "pd.Series[float]":
    """Prices of eggs by month after the training period.

    Args:
        file: A CSV table with the columns `month` (as 2024-01) and `usd_per_dozen`.

    Raises:
        ValueError: a column is missing; a month that is none, is twice, is missing, or lies in the training period; a
            price that is not above 0.
    """
    table = given_table(file, PRICES)
    month = dates_of(file, table["month"]).dt.to_period("M")
    if bool((overlap := month < pd.Period("2024-01")).any()):
        raise ValueError(
            f"{file.name} has the month {month[overlap].iloc[0]}, which lies before 2024: give later ones."
        )
    if bool((twice := month.duplicated()).any()):
        raise ValueError(f"{file.name} has the month {month[twice].iloc[0]} twice: give it once.")
    missing = sorted(set(pd.period_range("2024-01", month.max(), freq="M")) - set(month))
    if missing:
        raise ValueError(f"{file.name} lacks the month {missing[0]}: give every month from 2024-01.")
    price = numbers_of(file, table["usd_per_dozen"])
    if bool((price <= 0).any()):
        raise ValueError(f"{file.name} has a price of {price[price <= 0].iloc[0]:g}: give USD a dozen above 0.")
    if bool((high := price > MOST_USD).any()):
        raise ValueError(f"{file.name} has a price of {price[high].iloc[0]:g} USD a dozen: give dollars, not cents.")
    return pd.Series(price.to_numpy(float), index=pd.PeriodIndex(month)).sort_index()


def _refuse_cumulative(file: Path, found: pd.DataFrame) -> None:
    """Counts so far never fall; new ones of a county do, within five weeks in which it had three flocks."""
    for county, rows in found.groupby("county_fips"):
        counts = rows.sort_values("week")["flocks"].to_numpy()
        if len(counts) >= 5 and counts[-1] >= 3 and counts[-1] > counts[0] and bool((np.diff(counts) >= 0).all()):
            raise ValueError(
                f"{file.name} has flocks of county {county} that never fall and reach {counts[-1]:g}: they seem to be "
                "counted so far; give those of each week."
            )
