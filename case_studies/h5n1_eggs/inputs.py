"""The tables of the study as they are used: counties, confirmed flocks by week, prices and hens by date."""

import functools
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from causal_lpm import data

__all__ = [
    "FIRST_DAY",
    "KINDS",
    "TABLES",
    "WEEKS",
    "calendar_quarter",
    "counties",
    "flocks",
    "hens",
    "index_quarter",
    "prices",
    "week_dates",
    "wild_birds",
]

Whole: TypeAlias = npt.NDArray[np.int64]
TABLES = Path(__file__).with_name("data")
"""The folder of the study's tables; its README.md says what they are."""
FIRST_DAY = pd.Timestamp("2022-01-01")
"""Day 0, a Saturday; week w begins 7 w days later."""
WEEKS = 104
"""Weeks of 2022 and 2023, to 29 December 2023; the first 52 are those of 2022."""
KINDS = {"ckn-layers": "layer", "turkeys": "turkey"}
"""Type of a confirmed flock -> type of premises; other types are neither fitted nor scored."""


@functools.cache
def counties() -> pd.DataFrame:
    """One row a county, by FIPS: birds and cows, and layer farms by size; census of agriculture 2022."""
    return data.table(TABLES / "h5n1_us_county_livestock.csv").set_index("county_fips")


@functools.cache
def wild_birds() -> pd.DataFrame:
    """Index of wild birds by county of `counties` and the origin's quarter 0 to 3; the smallest where it is missing."""
    index = data.table(TABLES / "h5n1_us_wild_bird_index.csv").set_index("county_fips")
    found = index.reindex(counties().index)
    return found.fillna(index.min()).set_axis(range(4), axis=1)


@functools.cache
def flocks() -> pd.DataFrame:
    """Confirmed layer and turkey flocks of 2022-23: date, week, county_fips, kind, birds (if blank, the median)."""
    table = data.table(TABLES / "h5n1_us_flocks_2022_2023.csv")
    table = table[table["type"].isin(KINDS) & table["county_fips"].isin(counties().index)].copy()
    table["kind"] = table["type"].map(KINDS)
    table["date"] = pd.to_datetime(table["confirmed"])
    table["week"] = (table["date"] - FIRST_DAY).dt.days // 7
    table["birds"] = table["birds"].fillna(table.groupby("kind")["birds"].transform("median"))
    return table[table["week"] < WEEKS][["date", "week", "county_fips", "kind", "birds"]].reset_index(drop=True)


@functools.cache
def prices() -> "pd.Series[float]":
    """USD a dozen of large grade A eggs by month, 2010 to 2024."""
    table = data.table(TABLES / "egg_prices_us_monthly.csv")
    return pd.Series(table["usd_per_dozen"].to_numpy(float), index=pd.PeriodIndex(table["month"], freq="M"))


@functools.cache
def hens() -> "pd.Series[float]":
    """Table-egg layers by date, as the Department of Agriculture counts them."""
    table = data.table(TABLES / "egg_layers_us.csv").dropna(subset="table_egg_layers")
    return table.set_index("date")["table_egg_layers"].astype(float)


def week_dates(weeks: int) -> pd.DatetimeIndex:
    """The fourth day of each week, by which its month and quarter are taken."""
    return pd.date_range(FIRST_DAY + pd.Timedelta(days=3), periods=weeks, freq="7D")


def calendar_quarter(dates: pd.DatetimeIndex) -> Whole:
    """Quarters since that of January 2022, from 0.

    >>> calendar_quarter(pd.DatetimeIndex(["2022-12-31", "2023-04-01"])).tolist()
    [3, 5]
    """
    return np.asarray(4 * (dates.year - FIRST_DAY.year) + dates.quarter - 1, dtype=np.int64)


def index_quarter(dates: pd.DatetimeIndex) -> Whole:
    """The column of the index of wild birds: January to March 0, April to July 1, August to November 2, December 3.

    >>> index_quarter(pd.DatetimeIndex(["2022-07-31", "2022-08-01", "2022-12-01"])).tolist()
    [1, 2, 3]
    """
    return np.asarray(np.searchsorted([3, 7, 11], dates.month, side="left"), dtype=np.int64)
