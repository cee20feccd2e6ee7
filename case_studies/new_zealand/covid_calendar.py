"""Days, weeks and what was closed: alert levels by district from 18 August 2021 to 4 January 2022."""

import functools
from collections.abc import Mapping

import pandas as pd
import torch

from case_studies.new_zealand.districts import AUCKLAND, DISTRICTS, district_number

__all__ = [
    "AHEAD",
    "BOUNDARY_OPENS",
    "DAYS",
    "FIRST_DAY",
    "LEVELS",
    "SEEN",
    "changes",
    "day_of",
    "levels",
    "schools_open",
]

FIRST_DAY = pd.Timestamp("2021-08-18")
"""Day 0, a Wednesday and the first of alert level 4; the first case was found on the evening before."""
SEEN = 105
"""Days to 30 November, 15 weeks: what the model is calibrated on."""
AHEAD = 28
"""Days of the forecast, 1 to 28 December."""
DAYS = SEEN + AHEAD
LEVELS = ("level 4", "level 3", "step 1", "step 2", "level 2")
"""Kinds of restrictions, each with contacts of its own; the "red" of December counts as step 2, "orange" as level 2."""
STEPS = {
    "Auckland": (("2021-09-22", 1), ("2021-10-06", 2), ("2021-11-10", 3)),
    "Northland": (("2021-09-03", 1), ("2021-09-08", 4), ("2021-10-09", 1), ("2021-10-20", 4), ("2021-12-03", 3)),
    "Waikato": (
        ("2021-09-01", 1), ("2021-09-08", 4), ("2021-10-04", 1), ("2021-10-28", 2), ("2021-11-03", 3), ("2021-11-17", 4)
    ),
    "elsewhere": (("2021-09-01", 1), ("2021-09-08", 4)),
}  # fmt: skip
"""From which day which kind: announcements of the government, as newspapers of those days have them. All began at
level 4. Parts of Waikato and Northland that differed for some days are not told apart, nor those of Lakes, Bay of
Plenty, Tairawhiti, Hawke's Bay and Whanganui that were red in December (from memory)."""
SCHOOL = {
    "Auckland": (("2021-11-17", 0.5), ("2021-12-16", 0.0)),
    "Northland": (("2021-09-09", 1.0), ("2021-10-02", 0.0), ("2021-10-20", 1.0), ("2021-12-16", 0.0)),
    "Waikato": (("2021-09-09", 1.0), ("2021-10-02", 0.0), ("2021-11-17", 1.0), ("2021-12-16", 0.0)),
    "elsewhere": (("2021-09-09", 1.0), ("2021-10-02", 0.0), ("2021-10-18", 1.0), ("2021-12-16", 0.0)),
}
"""From which day which share of pupils is at school; all were at home before. Half: they took turns, an assumption."""
BOUNDARY_OPENS = "2021-12-15"
"""From this day on, who was vaccinated or tested could leave Auckland."""


def day_of(date: str | pd.Timestamp) -> int:
    """The number of a date.

    >>> day_of("2021-12-01")
    105
    """
    return int((pd.Timestamp(date) - FIRST_DAY).days)


@functools.cache
def levels(days: int) -> torch.Tensor:
    """The kind of restrictions, a number of `LEVELS`, int64 `[20, days]`."""
    return _by_day(STEPS, days).long()


@functools.cache
def schools_open(days: int) -> torch.Tensor:
    """The share of pupils at school, float32 `[20, days]`."""
    return _by_day(SCHOOL, days)


@functools.cache
def changes(days: int) -> frozenset[int]:
    """Days from which levels or schools of some district are others than on the day before; and day 0."""
    both = torch.cat([levels(days).float(), schools_open(days)])
    return frozenset([0, *(1 + (both.diff(dim=1) != 0).any(0).nonzero()[:, 0]).tolist()])


def _by_day(steps: Mapping[str, tuple[tuple[str, float], ...]], days: int) -> torch.Tensor:
    found = torch.zeros(len(DISTRICTS), days)
    named = {district_number(name): name for name in steps if name in DISTRICTS}
    places = {number: named.get(number, "elsewhere") for number in range(len(DISTRICTS))}
    places |= dict.fromkeys(AUCKLAND, "Auckland")
    for number, place in places.items():
        for date, value in steps[place]:
            found[number, day_of(date) :] = value
    return found
