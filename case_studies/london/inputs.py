"""The tables of the study as they are used: persons, fatality by age, and deaths by borough and week."""

import functools
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from case_studies.london.question import AGES, BOROUGHS
from causal_lpm import data

__all__ = [
    "DAYS",
    "FIRST_AGES",
    "FIRST_DAY",
    "REPORTED",
    "SEEN_DAYS",
    "SEEN_WEEKS",
    "TABLES",
    "ages_of_london",
    "fatality",
    "persons",
    "week_starts",
]

Floats: TypeAlias = npt.NDArray[np.float64]
TABLES = Path(__file__).with_name("data")
"""The folder of the study's tables; its README.md says what they are."""
FIRST_DAY = pd.Timestamp("2020-02-10")
"""Day 0, a Monday: weeks run from Monday to Sunday."""
REPORTED = 4
"""First week with deaths: 9 March."""
SEEN_WEEKS = 16
"""Weeks until 31 May, the last day that is calibrated on."""
SEEN_DAYS = 7 * SEEN_WEEKS
DAYS = 7 * 29
"""Days until 30 August, the last Sunday with data."""
FIRST_AGES = tuple(int(age.rstrip("+").split("-")[0]) for age in AGES)


def week_starts(first: int, last: int) -> pd.DatetimeIndex:
    """Mondays of the weeks from `first` to before `last`; week 0 begins on day 0."""
    return pd.date_range(FIRST_DAY + pd.Timedelta(weeks=first), periods=last - first, freq="7D")


@functools.cache
def persons() -> torch.Tensor:
    """Residents by borough, float64 `[32]`."""
    table = data.table(TABLES / "london_population_borough.csv").set_index("borough")["persons"]
    return torch.tensor(table.loc[list(BOROUGHS)].to_numpy(np.float64))


@functools.cache
def ages_of_london() -> "pd.Series[float]":
    """Residents of London by the first year of five-year groups, 0 to 90."""
    table = data.table(TABLES / "london_population_age.csv")
    return pd.Series(table["persons"].to_numpy(float), index=table["age"].str.extract(r"^(\d+)")[0].astype(int))


@functools.cache
def fatality() -> torch.Tensor:
    """Share of the infected who die, by age group, float64 `[5]`: decades of Verity et al. by London's ages."""
    percent = data.table(TABLES / "ifr_verity2020.csv")["ifr_pct_verity2020"].to_numpy(float)
    people = ages_of_london()
    risk = percent[np.minimum(people.index.to_numpy() // 10, len(percent) - 1)] / 100
    group = np.searchsorted(FIRST_AGES, people.index.to_numpy(), side="right") - 1
    dying, all_of = (np.bincount(group, weights) for weights in (people.to_numpy() * risk, people.to_numpy()))
    return torch.from_numpy(dying / all_of)
