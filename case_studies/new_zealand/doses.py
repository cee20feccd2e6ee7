"""The doses of 2021: who would take one, in which order people were called, and how many were given where and when."""

import functools
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from case_studies.new_zealand.districts import DISTRICTS, ETHNICITIES, district_number
from case_studies.new_zealand.inputs import TABLES
from case_studies.new_zealand.people import Country
from causal_lpm import data

__all__ = ["CLASSES", "OPENED", "UNWILLING", "Doses", "covered", "given", "uptake"]

Floats: TypeAlias = npt.NDArray[np.float64]
CLASSES = ("frontline", "at risk", "60 and over", "55 and over", "50 and over", "40 and over", "30 and over", "from 12")
"""In the order in which they were called; at risk are all from 65 on, and people with illnesses."""
OPENED = (
    "2021-02-20",
    "2021-05-01",
    "2021-07-28",
    "2021-08-06",
    "2021-08-13",
    "2021-08-18",
    "2021-08-25",
    "2021-09-01",
)
"""When bookings opened: announcements of 12 February, 10 March, 28 July, 5, 9, 12 and 19 August 2021, as newspapers of
those days have them (30 and over: the plan of 12 August, not its report); days between the first and the last of a
class are not told apart."""
FROM_AGE = (60, 55, 50, 40, 30, 12)
FRONTLINE, AT_RISK = 530_000, 1_700_000
"""Persons of groups 1 and 2, and of group 3, of which all from 65 on are part: announcement of 10 March 2021. Who of
those from 20 to 64 belongs to them is not in the tables, and drawn at random."""
UNWILLING = 255
"""The class of those who take no dose by 15 December 2021, in any world."""
TABLE_AGES = (12, 16, *range(20, 95, 5))
"""The first age of each group of the table of those vaccinated by 15 December 2021."""


@dataclass(frozen=True, eq=False)
class Doses:
    """What was given, by the Sunday with which a week ends.

    Attributes:
        weeks: Sundays from 3 January 2021 to 2 January 2022.
        first: Persons with a first dose in the week, `[weeks, 80]`, by district * 4 + ethnicity.
        second_after: Weeks from the first dose of a week to the second, whole, `[weeks]`.
    """

    weeks: pd.DatetimeIndex
    first: Floats
    second_after: npt.NDArray[np.int64]


@functools.cache
def given() -> Doses:
    """First doses by week, district and ethnicity, and when their second ones followed.

    Weeks are those of the weekly table; in each district and ethnicity all weeks are scaled so that they add up to the
    persons with one dose in the table of 15 December. Second doses are given in the order of the first ones, by all of
    the country's, so their week follows from that of the first.
    """
    table = data.table(TABLES / "nz_covid_vaccinated_weekly_dhb.csv")
    where = table["dhb"].map(district_number) * len(ETHNICITIES)
    where += table["ethnicity"].str.replace("other", "Other").map(ETHNICITIES.index)
    weeks = pd.DatetimeIndex(sorted(table["week_ending"].unique()))
    first = np.zeros((len(weeks), len(DISTRICTS) * len(ETHNICITIES)))
    np.add.at(first, (weeks.get_indexer(table["week_ending"]), where), table["first_dose"])
    by_december = first[weeks <= pd.Timestamp("2021-12-19")].sum(0)
    first *= covered()[0].sum(1).reshape(-1) / by_december
    ones, twos = (
        table.groupby("week_ending")[name].sum().cumsum().to_numpy() for name in ("first_dose", "second_dose")
    )
    follows = np.searchsorted(twos, ones - table.groupby("week_ending")["first_dose"].sum().to_numpy() / 2)
    return Doses(weeks, first, np.maximum(3, follows - np.arange(len(weeks))))


@functools.cache
def covered() -> tuple[Floats, Floats]:
    """Persons with one dose by 15 December, and persons, by district, age of `TABLE_AGES` and ethnicity."""
    table = data.table(TABLES / "nz_covid_vaccinated_dhb_age_2021-12-15.csv")
    age = table["age"].str.extract(r"^(\d+)", expand=False).astype(int).map(TABLE_AGES.index)
    cells = (table["dhb"].map(district_number), age, table["ethnicity"].map(ETHNICITIES.index))
    found = np.zeros((2, len(DISTRICTS), len(TABLE_AGES), len(ETHNICITIES)))
    np.add.at(found[0], cells, table["one_dose"])
    np.add.at(found[1], cells, table["population"])
    return found[0], found[1]


@functools.lru_cache(maxsize=2)
def uptake(country: Country, seed: int = 0) -> torch.Tensor:
    """The class in which everybody is called, uint8 `[agents]`; `UNWILLING` for those who do not come.

    In each district, age and ethnicity the share who had a dose by 15 December 2021 is willing, at random. Shares of a
    district and ethnicity are scaled so that there are as many persons as had one: the table of 15 December counts
    fewer people than the one of which they are.
    """
    people = country.people
    age, district, ethnicity = (people[name].numpy() for name in ("age", "district", "ethnicity"))
    rng = np.random.default_rng([seed % 2**64, country.people.size])
    one, persons = covered()
    share = np.minimum(np.divide(one, persons, out=np.zeros_like(one), where=persons > 0), 1.0)
    group = np.searchsorted(TABLE_AGES, age, side="right") - 1
    chance = np.where(group < 0, 0.0, share[district, np.maximum(group, 0), ethnicity])
    cell, weight = district.astype(np.int64) * len(ETHNICITIES) + ethnicity, country.weight.numpy()[district]
    expected = np.bincount(cell, weight * chance, minlength=one.shape[0] * len(ETHNICITIES))
    scale = one.sum(1).reshape(-1) / np.maximum(expected, 1.0)
    willing = rng.random(len(age)) < chance * scale[cell]
    classes = np.full(len(age), len(CLASSES) - 1, dtype=np.uint8)
    for number in range(len(FROM_AGE) - 2, -1, -1):
        classes[age >= FROM_AGE[number]] = 2 + number
    working = (age >= 20) & (age < 65)
    adults, old = float(weight[working].sum()), float(weight[age >= 65].sum())
    luck = rng.random(len(age))
    ill = max(0.0, AT_RISK - old) / adults
    classes[(working & (luck >= FRONTLINE / adults) & (luck < FRONTLINE / adults + ill)) | (age >= 65)] = 1
    classes[working & (luck < FRONTLINE / adults)] = 0
    return torch.from_numpy(np.where(willing, classes, UNWILLING).astype(np.uint8))
