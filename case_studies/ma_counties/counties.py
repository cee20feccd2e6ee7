"""What was known about each county at the end of a week: deaths, features, people by age."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from case_studies.ma_counties.inputs import AGES, COUNTIES, FIRST_WEEK
from causal_lpm import data

__all__ = ["Counties", "epiweek_start", "load"]

TABLES = Path(__file__).with_name("data")
MOBILITY = ("gps_retail_and_recreation", "gps_transit_stations", "gps_workplaces", "gps_residential")
SIGNALS = ("cases", "deaths", "doctor_visits", "wili", "wcli")


def epiweek_start(week: int) -> pd.Timestamp:
    """The Sunday on which an epidemiological week of the CDC begins, the week as year and number.

    >>> epiweek_start(202014)
    Timestamp('2020-03-29 00:00:00')
    """
    year, number = divmod(week, 100)
    if not 1 <= number <= 53:
        raise ValueError(f"{week} is no epidemiological week: give the year and a number from 1 to 53, as in 202014.")
    fourth = pd.Timestamp(year, 1, 4)  # the first week has at least four days of the year
    first = fourth - pd.Timedelta(days=fourth.isoweekday() % 7)
    return first + pd.Timedelta(weeks=number - 1)


@dataclass(frozen=True)
class Counties:
    """All counties, week by week from `FIRST_WEEK`.

    Attributes:
        names: One a county.
        persons: float32 `[counties, ages]`.
        deaths: float32 `[counties, weeks]`, persons; a week of more corrections than deaths counts as none.
        features: float32 `[counties, weeks, signals]`: means of the week of cases, deaths, the share of doctor visits
            and of surveyed persons with symptoms, and the state's mobility; what was not yet collected is 0.
    """

    names: tuple[str, ...]
    persons: torch.Tensor
    deaths: torch.Tensor
    features: torch.Tensor

    def weeks_until(self, origin: int) -> int:
        """The number of weeks from the first one to the end of the week `origin`.

        Raises:
            ValueError: the week lies outside the data.
        """
        weeks = int((epiweek_start(origin) - epiweek_start(FIRST_WEEK)).days) // 7 + 1
        if not 1 <= weeks <= self.deaths.shape[1]:
            raise ValueError(f"week {origin} lies outside the data, which begin in week {FIRST_WEEK}.")
        return weeks

    def known(self, origin: int) -> "Counties":
        """The same, without anything after the end of the week `origin`."""
        weeks = self.weeks_until(origin)
        return Counties(self.names, self.persons, self.deaths[:, :weeks], self.features[:, :weeks])

    def standardised(self) -> torch.Tensor:
        """Features less their mean, by their standard deviation, each county and signal apart; of these weeks only."""
        spread = self.features.std(1, keepdim=True)
        return (self.features - self.features.mean(1, keepdim=True)) / spread.clamp(min=1e-6)

    def ahead(self, origin: int, horizon: int) -> torch.Tensor:
        """Deaths in the weeks after `origin`, `[counties, horizon]`: what forecasts are compared with."""
        weeks = self.weeks_until(origin)
        return self.deaths[:, weeks : weeks + horizon]


def load(until: int = 202034) -> Counties:
    """The ten counties until the end of an epidemiological week.

    Raises:
        ValueError: a day is missing for a county.
    """
    begin = epiweek_start(FIRST_WEEK)
    days = pd.date_range(begin, epiweek_start(until) + pd.Timedelta(days=6))
    daily = data.table(TABLES / "gradabm_ma_county_daily.csv")
    daily["time_value"] = pd.to_datetime(daily["time_value"])
    signals = np.stack([_days(daily, county, days) for county in COUNTIES])  # [counties, days, signals]
    weekly = signals.reshape(len(COUNTIES), len(days) // 7, 7, len(SIGNALS))
    deaths = weekly[..., SIGNALS.index("deaths")].sum(2).clip(min=0)
    mobility = np.broadcast_to(_mobility(days), (len(COUNTIES), len(days) // 7, len(MOBILITY)))
    features = np.concatenate([weekly.mean(2), mobility], -1)
    return Counties(
        tuple(COUNTIES.values()),
        torch.from_numpy(_persons()).float(),
        torch.from_numpy(deaths).float(),
        torch.from_numpy(features).float(),
    )


def _days(daily: pd.DataFrame, county: int, days: pd.DatetimeIndex) -> np.ndarray:
    table = daily[daily["geo_value"] == county].set_index("time_value")
    if missing := sorted(set(days) - set(table.index)):
        raise ValueError(
            f"county {county} has no data on {missing[0].date()}: the table ends before the forecast does."
        )
    return np.asarray(table.loc[days, list(SIGNALS)].fillna(0.0), dtype=np.float64)


def _mobility(days: pd.DatetimeIndex) -> np.ndarray:
    """Mobility of the state `[weeks, signals]`: the archive's weeks end on the same Saturdays."""
    table = data.table(TABLES / "us_state_google_mobility_weekly.csv")
    table = table[table["state"] == "MA"].set_index("week_ending")
    return np.asarray(table.loc[days[6::7], list(MOBILITY)], dtype=np.float64)


def _persons() -> np.ndarray:
    table = data.table(TABLES / "gradabm_ma_county_age_population.csv")
    counts = table.pivot(index="fips", columns="age_group", values="population").loc[list(COUNTIES)]
    return np.asarray(counts[sorted(counts.columns)], dtype=np.float64).reshape(len(COUNTIES), len(AGES))
