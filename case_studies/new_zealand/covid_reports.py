"""What was reported of the outbreak, and how the model's infections become reports: weeks, areas, ages."""

import functools
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from case_studies.new_zealand.covid_calendar import FIRST_DAY, SEEN
from case_studies.new_zealand.covid_parameters import (
    ADMISSION_ETHNICITY,
    ADMITTED,
    REPORTED,
    VE_ADMISSION,
)
from case_studies.new_zealand.districts import DISTRICTS, district_number
from case_studies.new_zealand.inputs import TABLES
from causal_lpm import data
from causal_lpm.agents import reporting_delay

__all__ = [
    "AGES",
    "AREAS",
    "SPANS",
    "expected",
    "fitted_sites",
    "reported_admissions",
    "reported_cases",
    "sites",
    "spans",
]

Floats: TypeAlias = npt.NDArray[np.float64]
AGES = tuple(range(0, 80, 10))
"""The first age of each group, the last open, as admissions are counted."""
AREAS = {
    "Waitemata": (1,),
    "Auckland": (2,),
    "Counties Manukau": (3,),
    "Northland": (0,),
    "Waikato": (4,),
    "Bay of Plenty and Lakes": (5, 6),
    "elsewhere": tuple(range(7, 20)),
}
"""Districts whose cases are added up for the fit; forecasts are scored by district."""
SPANS = (2, 2, 2, 2, 2, 2, 3)
"""Weeks whose cases are added up for the fit."""
FIRST_SUNDAY = pd.Timestamp("2021-08-29")
"""The end of the first whole week of admissions, Monday to Sunday, after 18 August."""
ADMISSION_WEEKS = 14
"""Weeks of admissions to 28 November."""
BEFORE = (FIRST_SUNDAY - FIRST_DAY).days - 6
"""Days before that week begins."""


@functools.cache
def reported_cases(days: int) -> Floats:
    """Reported cases by district and day from 18 August 2021, `[20, days]`."""
    table = data.table(TABLES / "nz_covid_cases_daily_dhb.csv").set_index("date")
    dates = pd.date_range(FIRST_DAY, periods=days)
    found: Floats = np.zeros((len(DISTRICTS), days))
    for name in table.columns:
        found[district_number(name)] = table.loc[dates, name]
    return found


@functools.cache
def reported_admissions() -> Floats:
    """Admissions by ten years of age and week, Monday to Sunday, from 23 August to 28 November, `[8, 14]`."""
    table = data.table(TABLES / "nz_covid_admissions_weekly_age.csv")
    age = table["age"].str.extract(r"^(\d+)", expand=False).astype(int) // 10
    week = (table["week_ending"] - FIRST_SUNDAY).dt.days // 7
    inside = (week >= 0) & (week < ADMISSION_WEEKS)
    found: Floats = np.zeros((len(AGES), ADMISSION_WEEKS))
    np.add.at(found, (age[inside], week[inside]), table["admissions"][inside])
    return found


def sites() -> dict[str, Floats]:
    """The data that the model is calibrated on: cases by area and span, admissions by age in two halves."""
    cases = torch.tensor(reported_cases(SEEN))
    found = {"cases_by_span": spans(cases), "admissions_by_half": _halves(torch.tensor(reported_admissions()))}
    return {name: values.numpy() for name, values in found.items()}


def expected(infections: torch.Tensor, p: Mapping[str, torch.Tensor], weight: torch.Tensor) -> dict[str, torch.Tensor]:
    """Daily series that are expected to be reported, in persons.

    Args:
        infections: Infected agents by day, `[*dims, 3, 8, 20, 4, days]`: doses that protect, age, district, ethnicity.
        p: Parameters `[*dims, 1]`.
        weight: Persons an agent stands for, `[20]`.

    Returns:
        `infections` by ethnicity, `cases` by district, `admissions` by age and `admitted` by ethnicity, with the group
        before the days.
    """
    persons = infections * weight[:, None, None]
    risk = p["admission_level"] * p["admission_slope"] ** (torch.arange(8.0) - 2)
    risk = risk[..., None, :, None] * (1 - VE_ADMISSION)[:, None, None] * ADMISSION_ETHNICITY
    admitted = reporting_delay(
        (persons.sum(-3) * risk.clamp(max=1.0)[..., None]).flatten(-4, -2), ADMITTED.probabilities
    ).unflatten(-2, (3, 8, 4))
    reported = reporting_delay(persons.sum((-5, -4, -2)), REPORTED.probabilities)
    return {
        "infections": persons.sum((-5, -4, -3)),
        "cases": p["ascertainment"][..., None] * reported,
        "admissions": admitted.sum((-4, -2)),
        "admitted": admitted.sum((-4, -3)),
    }


def fitted_sites(series: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Data site -> what is expected of it, from daily series of `SEEN` days or more."""
    weeks = series["admissions"][..., BEFORE : BEFORE + 7 * ADMISSION_WEEKS]
    weekly = weeks.unflatten(-1, (ADMISSION_WEEKS, 7)).sum(-1)
    return {"cases_by_span": spans(series["cases"][..., :SEEN]), "admissions_by_half": _halves(weekly)}


def spans(cases: torch.Tensor) -> torch.Tensor:
    """`[*dims, 20, 105]` -> `[*dims, areas, spans]`."""
    areas = torch.stack([cases[..., list(members), :].sum(-2) for members in AREAS.values()], -2)
    return torch.stack([part.sum(-1) for part in areas.split([7 * weeks for weeks in SPANS], -1)], -1)


def _halves(weekly: torch.Tensor) -> torch.Tensor:
    return torch.stack([part.sum(-1) for part in weekly.split(ADMISSION_WEEKS // 2, -1)], -1)
