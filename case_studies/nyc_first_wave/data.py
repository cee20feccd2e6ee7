"""What was reported in New York City from 1 March to 27 June 2020, as tensors by borough and week."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from case_studies.nyc_first_wave.question import BOROUGHS
from causal_lpm import data

__all__ = [
    "BOROUGHS",
    "DAYS",
    "FIRST_DAY",
    "SERIES",
    "TABLES",
    "TESTED",
    "WEEKS",
    "WEEK_STARTS",
    "FirstWave",
    "day_of",
    "first_wave",
]

FIRST_DAY = pd.Timestamp("2020-03-01")
"""Day 0, a Sunday: weeks run from Sunday to Saturday."""
WEEKS = 17
DAYS = 7 * WEEKS
WEEK_STARTS = pd.date_range(FIRST_DAY, periods=WEEKS, freq="7D")
TESTED = 2
"""First week with tests beyond the few of early March: 15 March."""
SERIES = {"cases": "cases_confirmed", "admissions": "hospitalized", "deaths": "deaths"}
"""Data site -> column; confirmed cases by day of diagnosis, admissions, deaths by day of death.

Deaths are confirmed and probable ones, admissions of confirmed and probable cases: nychealth/coronavirus-data.
"""

TABLES = Path(__file__).with_name("data")
"""The folder of the study's tables; its README.md says what they are."""
PLACES = ("gps_retail_and_recreation", "gps_transit_stations", "gps_workplaces")
CENTRE = 3
"""Days: the published mobility is the mean of the last seven days, so a day's own value stands three days later."""


@dataclass(frozen=True)
class FirstWave:
    """The reported first wave; boroughs in the order of `BOROUGHS`.

    Attributes:
        persons: float32 `[5]`, residents in 2019.
        series: name of the data site -> float64 `[5, weeks]`, persons a week.
        daily_deaths: float32 `[days]`, confirmed and probable deaths a day, whole city.
        fall: float32 `[days]`, by how much people's visits to shops, transit and workplaces fell, 0 = the five
            weeks from 3 January 2020.
        fatality: float32 `[5]`, infection fatality expected from the ages of the residents.
        hospitalisation: float32 `[5]`, share of the infected expected in hospital, likewise.
    """

    persons: torch.Tensor
    series: dict[str, torch.Tensor]
    daily_deaths: torch.Tensor
    fall: torch.Tensor
    fatality: torch.Tensor
    hospitalisation: torch.Tensor

    def until(self, weeks: int) -> dict[str, torch.Tensor]:
        """The first weeks, `[5, weeks]`: what a forecast made then may see.

        Weeks before `TESTED` are missing (NaN): their counts follow the first tests, not the epidemic.

        Raises:
            ValueError: no week with tests, or more weeks than there are.
        """
        if not TESTED < weeks <= WEEKS:
            raise ValueError(f"the forecast origin is after week {weeks}: give {TESTED + 1} to {WEEKS}.")
        tested = torch.arange(weeks) >= TESTED
        return {name: torch.where(tested, values[:, :weeks], torch.nan) for name, values in self.series.items()}


def day_of(date: str) -> int:
    """The number of a date, counted from 1 March 2020.

    >>> day_of("2020-03-22")
    21
    """
    return int((pd.Timestamp(date) - FIRST_DAY).days)


@functools.lru_cache(maxsize=1)
def first_wave() -> FirstWave:
    """The tables of this study, put together."""
    reported = data.table(TABLES / "nyc_covid_daily_borough.csv")
    week = (reported["date"] - FIRST_DAY).dt.days // 7
    inside = reported[(week >= 0) & (week < WEEKS)].assign(week=week)
    weekly = {
        name: inside.pivot_table(index="borough", columns="week", values=column, aggfunc="sum").loc[list(BOROUGHS)]
        for name, column in SERIES.items()
    }
    by_day = inside.groupby("date")["deaths"].sum()
    ages = data.table(TABLES / "nyc_population_borough_age.csv")
    ages = ages[ages["borough"].isin(BOROUGHS)]
    persons = ages.groupby("borough")["population"].sum().loc[list(BOROUGHS)]
    return FirstWave(
        _floats(persons),
        {name: torch.tensor(table.to_numpy(dtype=np.float64)) for name, table in weekly.items()},
        _floats(by_day),
        _fall(),
        _by_age(ages, "ifr_pct_verity2020"),
        _by_age(ages, "hosp_pct_verity2020"),
    )


def _floats(values: pd.Series) -> torch.Tensor:
    return torch.tensor(values.to_numpy(dtype=np.float32))


def _fall() -> torch.Tensor:
    mobility = data.table(TABLES / "us_city_google_mobility_daily.csv")
    city = mobility[mobility["city"] == "New York City"].set_index("date")[list(PLACES)].mean(axis=1)
    days = pd.date_range(FIRST_DAY + pd.Timedelta(days=CENTRE), periods=DAYS)
    return -_floats(city.loc[days])


def _by_age(ages: pd.DataFrame, column: str) -> torch.Tensor:
    """A risk by decade of age, averaged over the residents of each borough: equal attack rates at all ages."""
    decades = data.table(TABLES / "ifr_verity2020.csv")[column].to_numpy() / 100
    lower = ages["age"].str.extract(r"(\d+)")[0].astype(int)
    upper = ages["age"].str.extract(r"-(\d+)")[0].astype(float).fillna(99).astype(int)
    risk = [
        decades[np.minimum(np.arange(low, high + 1) // 10, 8)].mean() for low, high in zip(lower, upper, strict=True)
    ]
    table = ages.assign(weighted=ages["population"] * risk).groupby("borough")[["weighted", "population"]].sum()
    return _floats((table["weighted"] / table["population"]).loc[list(BOROUGHS)])
