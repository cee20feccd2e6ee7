"""What was reported in New York City from September 2020 to March 2021, as tensors by borough, week and month."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from case_studies import nyc_first_wave
from case_studies.nyc_first_wave.delays import REPORTED
from case_studies.stimulus_nyc.data import TABLES, labour_market
from case_studies.stimulus_nyc.question import BOROUGHS, PAID
from causal_lpm import data

__all__ = ["AGES", "DAYS", "FIRST_DAY", "HISTORY", "MONTHS", "SEEN", "WEEKS", "WEEK_STARTS", "Winter", "winter"]

FIRST_DAY = pd.Timestamp("2020-09-01")
"""Day 0; weeks run from Tuesday to Monday."""
WEEKS = 30
DAYS = 7 * WEEKS
WEEK_STARTS = pd.date_range(FIRST_DAY, periods=WEEKS, freq="7D")
MONTHS = tuple(str(month) for month in pd.period_range("2020-09", "2021-03", freq="M"))
HISTORY = 35
"""Days before the first that matter to infections and reports."""
AGES = {"under 18": (0, 17), "18 to 44": (18, 44), "45 to 64": (45, 64), "65 and over": (65, 120)}
PLACES = ("gps_retail_and_recreation", "gps_transit_stations", "gps_workplaces")
SEEN = "2020-04-19", "2020-08-31"
"""After the last infection that the first-wave study counts, to the eve of day 0."""


@dataclass(frozen=True)
class Winter:
    """The winter as it was reported; boroughs in the order of `BOROUGHS`, ages in that of `AGES`.

    Attributes:
        persons: float32 `[5, 4]`, residents in 2019 by age.
        fatality: float32 `[5, 4]`, infection fatality expected from the finer ages of the residents.
        cases: float64 `[5, weeks]`, confirmed.
        deaths: float64 `[5, weeks]`, confirmed and probable.
        cases_before: float32 `[8]`, cases of the city in the month before each month and, last, in the last one, per
            100,000 residents.
        unemployment: float64 `[5, months]`, share of the labour force.
        unemployment_before: float32 `[5]`, in August 2020.
        labour_force: float64 `[5, months]`, share of adults.
        visits: float64 `[months]`, by how much visits to shops, transit and workplaces fell, 0 = January 2020.
        paid: dollars paid to an adult in each month.
        vaccinated: float32 `[weeks, 5, 4]`, share of residents with a first dose by the end of the week.
        recent: float32 `[5, HISTORY]`, cases on the days whose infections fall into the days before day 0.
        summer: float32 `[5]`, cases of infections from 19 April to 31 August 2020.
        immune: float32 `[3, 5]`, share infected by 18 April 2020: 5%, 50% and 95% of the first-wave study.
        found: share of infections that were diagnosed in June 2020, posterior mean of the first-wave study.
    """

    persons: torch.Tensor
    fatality: torch.Tensor
    cases: torch.Tensor
    deaths: torch.Tensor
    cases_before: torch.Tensor
    unemployment: torch.Tensor
    unemployment_before: torch.Tensor
    labour_force: torch.Tensor
    visits: torch.Tensor
    paid: tuple[float, ...]
    vaccinated: torch.Tensor
    recent: torch.Tensor
    summer: torch.Tensor
    immune: torch.Tensor
    found: float


@functools.cache
def winter() -> Winter:
    """The tables of this study, put together."""
    persons, fatality = _residents()
    daily = data.table(TABLES / "nyc_covid_daily_borough.csv").pivot(index="date", columns="borough")
    cases, deaths = (daily[column][list(BOROUGHS)] for column in ("cases_confirmed", "deaths"))
    monthly = cases.sum(axis=1).groupby(cases.index.to_period("M")).sum()
    months = pd.PeriodIndex(["2020-08", *MONTHS], freq="M")
    work = labour_market().set_index(["month", "borough"]).unstack()[["unemployment", "labour_force"]]
    rates, force = (
        work[column][list(BOROUGHS)].loc[months].to_numpy().T for column in ("unemployment", "labour_force")
    )
    delay = pd.Timedelta(days=round(sum(days * p for days, p in enumerate(REPORTED.probabilities))))
    before = pd.date_range(FIRST_DAY - pd.Timedelta(days=HISTORY), periods=HISTORY)
    first = _first_wave()
    return Winter(
        persons,
        fatality,
        _weekly(cases),
        _weekly(deaths),
        _floats(1e5 * monthly.loc[months] / float(persons.sum())),
        torch.from_numpy(rates[:, 1:] / 100),
        _floats(rates[:, 0] / 100),
        torch.from_numpy(force[:, 1:].copy()) / persons[:, 1:].double().sum(1, keepdim=True),
        _visits(),
        tuple(PAID.get(month, 0.0) for month in MONTHS),
        _vaccinated(persons),
        _floats(cases.loc[before + delay].T),
        _floats(cases.loc[pd.Timestamp(SEEN[0]) + delay : pd.Timestamp(SEEN[1]) + delay].sum()),
        torch.tensor([first["infected"][name] for name in BOROUGHS]).T / 100,
        float(first["posterior"]["ascertainment_late"][0]),
    )


def _first_wave() -> dict[str, dict[str, list[float]]]:
    """What the study of the first wave found, as it is committed."""
    file = Path(str(nyc_first_wave.__file__)).with_name("expected.json")
    found: dict[str, dict[str, list[float]]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _floats(values: object) -> torch.Tensor:
    return torch.tensor(np.asarray(values, dtype=np.float32))


def _weekly(daily: pd.DataFrame) -> torch.Tensor:
    days = daily.loc[pd.date_range(FIRST_DAY, periods=DAYS)].to_numpy(dtype=np.float64)
    return torch.from_numpy(days.reshape(WEEKS, 7, len(BOROUGHS)).sum(1).T.copy())


def _residents() -> tuple[torch.Tensor, torch.Tensor]:
    """Persons and infection fatality by borough and age class; years are alike within the classes of the table."""
    table = data.table(TABLES / "nyc_population_borough_age.csv")
    decades = data.table(TABLES / "ifr_verity2020.csv")["ifr_pct_verity2020"].to_numpy() / 100
    persons = np.zeros((len(BOROUGHS), len(AGES)))
    dying = np.zeros_like(persons)
    for borough, age, number in table[["borough", "age", "population"]].itertuples(index=False):
        if borough not in BOROUGHS:
            continue
        first, last = _years(age)
        years = np.arange(first, last + 1)
        for k, (low, high) in enumerate(AGES.values()):
            inside = years[(years >= low) & (years <= high)]
            each = number / len(years)
            persons[BOROUGHS.index(borough), k] += each * len(inside)
            dying[BOROUGHS.index(borough), k] += each * decades[np.minimum(inside // 10, 8)].sum()
    return _floats(persons), _floats(dying / persons)


def _years(age: str) -> tuple[int, int]:
    """First and last year of a class such as 25-34, 85+ or 75up; the open one ends at 99."""
    parts = age.replace("up", "+").rstrip("+").split("-")
    return int(parts[0]), int(parts[1]) if len(parts) > 1 else 99


def _visits() -> torch.Tensor:
    mobility = data.table(TABLES / "us_city_google_mobility_daily.csv").set_index("date")[list(PLACES)].mean(axis=1)
    monthly = mobility.groupby(mobility.index.to_period("M")).mean().loc[list(MONTHS)]
    return -torch.from_numpy(monthly.to_numpy(dtype=np.float64).copy())


def _vaccinated(persons: torch.Tensor) -> torch.Tensor:
    """Shares with a first dose: proportional fitting of each week's doses to its totals by borough and by age."""
    ends = WEEK_STARTS + pd.Timedelta(days=6)
    boroughs = data.table(TABLES / "nyc_vaccinated_weekly_borough.csv").pivot(
        index="date", columns="borough", values="cum_1plus"
    )
    ages = data.table(TABLES / "nyc_vaccinated_weekly_age.csv").pivot(index="date", columns="age", values="cum_1plus")
    at = pd.DatetimeIndex(ends).union(boroughs.index)
    by_borough = boroughs[list(BOROUGHS)].reindex(at).interpolate("time").reindex(ends).fillna(0.0).to_numpy()
    split = np.zeros((len(ends), len(AGES)))
    fine = ages.reindex(at).interpolate("time").reindex(ends).fillna(0.0)
    for age in fine.columns:
        first, _ = _years(str(age))
        split[:, next(k for k, (low, high) in enumerate(AGES.values()) if low <= first <= high)] += fine[age]
    found = np.zeros((len(ends), *persons.shape))
    for week, (rows, columns) in enumerate(zip(by_borough, split, strict=True)):
        if rows.sum() == 0:
            continue
        columns = columns * rows.sum() / columns.sum()
        doses = persons.numpy().astype(np.float64)
        for _ in range(50):
            doses *= (rows / doses.sum(1))[:, None]
            doses *= columns / doses.sum(0)
        found[week] = doses / persons.numpy()
    return _floats(found.clip(max=1.0))
