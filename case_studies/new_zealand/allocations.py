"""Who gets the first doses of a week: stocks of districts and ethnicities, and the order in which people are served."""

import functools
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from case_studies.new_zealand.covid_calendar import FIRST_DAY
from case_studies.new_zealand.covid_question import RULES
from case_studies.new_zealand.covid_reports import reported_cases
from case_studies.new_zealand.districts import DISTRICTS, ETHNICITIES
from case_studies.new_zealand.doses import CLASSES, OPENED, UNWILLING, covered, given, uptake
from case_studies.new_zealand.people import Country

__all__ = ["BLOCK", "Plan", "called", "cell_of", "planned", "served"]

Floats: TypeAlias = npt.NDArray[np.float64]
CELLS = len(DISTRICTS) * len(ETHNICITIES)
BLOCK = 4
"""Weeks before the outbreak whose doses are given together, in the last but one of them."""
NOT_ASKING = 256
RECENT = 14
"""Days of reported cases by which districts are chosen."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Stocks of first doses, in agents.

    Attributes:
        day: The day of each step, counted from 18 August 2021: the Sunday of a week, or the last but one of a block.
        stock: int64 `[rules, steps, 80]`, first doses by district * 4 + ethnicity.
        order: int16 `[steps, 256]`, the priority in which classes are called; 256 of those who do not ask.
        second_after: Days from the first dose of each step to the second, `[steps]`.
    """

    day: tuple[int, ...]
    stock: torch.Tensor
    order: torch.Tensor
    second_after: tuple[int, ...]


def cell_of(country: Country) -> torch.Tensor:
    """District * 4 + ethnicity of everybody, int32 `[agents]`."""
    people = country.people
    return people["district"].int() * len(ETHNICITIES) + people["ethnicity"].int()


def called(date: pd.Timestamp) -> npt.NDArray[np.int64]:
    """The priority of each class on a date: all whose bookings are open are 0, the others follow in their order.

    >>> called(pd.Timestamp("2021-08-08")).tolist()
    [0, 0, 0, 0, 1, 2, 3, 4]
    """
    closed = pd.to_datetime(list(OPENED)) > date
    return np.cumsum(closed)


def served(waiting: Floats, order: npt.NDArray[np.int64], doses: float) -> Floats:
    """First doses by class and cell: the best priority first, and those of the same in proportion to who waits.

    Args:
        waiting: Persons who would take one, `[classes, cells]`.
        order: The priority of each class `[classes]`, or of each class in each cell `[classes, cells]`; 0 is first.
        doses: Persons who can be served.

    Raises:
        ValueError: doses or waiting persons below 0.

    >>> served(np.array([[2.0, 6.0], [9.0, 1.0]]), np.array([0, 1]), 13).tolist()
    [[2.0, 6.0], [4.5, 0.5]]
    """
    if not doses >= 0 or not (waiting >= 0).all():
        wrong = doses if not doses >= 0 else float(waiting.min())
        raise ValueError(f"there are {wrong:g} doses or people who wait: give numbers from 0.")
    ranks = np.broadcast_to(order if order.ndim == 2 else order[:, None], waiting.shape)
    found = np.zeros_like(waiting)
    left = doses
    for rank in np.unique(ranks):
        own = np.where(ranks == rank, waiting, 0.0)
        everybody = own.sum()
        if everybody <= 0:
            continue
        share = min(1.0, left / everybody)
        found += share * own
        left -= share * everybody
    return found


@functools.lru_cache(maxsize=2)
def planned(country: Country) -> Plan:
    """The stocks of every rule; the country's first doses of a step are the same in all, where enough people wait."""
    weight = country.weight.double().numpy().repeat(len(ETHNICITIES))
    waiting = _waiting(country) * weight
    steps, first, after = _steps()
    doses = first.sum(1)
    stock = np.zeros((len(RULES), len(steps), CELLS))
    order = np.full((len(steps), UNWILLING + 1), NOT_ASKING)
    for rule in range(len(RULES)):
        left = waiting.copy()
        for step, date in enumerate(steps):
            order[step, : len(CLASSES)] = called(date)
            got = _served(rule, left, first[step], doses[step], date)
            stock[rule, step], left = got.sum(0), np.maximum(left - got, 0.0)
    whole = np.floor(stock.cumsum(1) / weight + 0.5).astype(np.int64)
    days = tuple(int((date - FIRST_DAY).days) for date in steps)
    return Plan(days, torch.tensor(np.diff(whole, axis=1, prepend=0)), torch.tensor(order, dtype=torch.int16), after)


def _waiting(country: Country) -> Floats:
    """Willing agents by class and cell, `[8, 80]`."""
    classes, cell = uptake(country).long(), cell_of(country).long()
    inside = classes != UNWILLING
    counted = torch.bincount(classes[inside] * CELLS + cell[inside], minlength=len(CLASSES) * CELLS)
    return counted.reshape(len(CLASSES), CELLS).double().numpy()


def _steps() -> tuple[list[pd.Timestamp], Floats, tuple[int, ...]]:
    """Dates, first doses `[steps, 80]` and days to the second: blocks of weeks before the outbreak, then weeks."""
    doses = given()
    before = int((doses.weeks < FIRST_DAY).sum())
    ends = [*range(before % BLOCK or BLOCK, before + 1, BLOCK), *range(before + 1, len(doses.weeks) + 1)]
    begins = [0, *ends[:-1]]
    parts = [doses.first[begin:end].sum(0) for begin, end in zip(begins, ends, strict=True)]
    at = [max(begin, end - 2) if end <= before else end - 1 for begin, end in zip(begins, ends, strict=True)]
    dates = [doses.weeks[week] for week in at]
    return dates, np.stack(parts), tuple(7 * int(doses.second_after[week]) for week in at)


def _served(rule: int, waiting: Floats, recorded: Floats, doses: float, date: pd.Timestamp) -> Floats:
    """First doses of a step by class and cell."""
    order = called(date)
    if rule == 0:
        return np.concatenate([served(waiting[:, [c]], order, recorded[c]) for c in range(CELLS)], 1)
    if rule == 1:
        return served(waiting, order, doses)
    if rule == 4:
        others = np.tile(np.arange(len(ETHNICITIES)) > 1, len(DISTRICTS))
        return served(waiting, order[:, None] + len(CLASSES) * others, doses)
    share = _shares(rule, waiting, date)
    got = np.zeros_like(waiting)
    for number in range(len(DISTRICTS)):
        own = slice(number * len(ETHNICITIES), (number + 1) * len(ETHNICITIES))
        got[:, own] = served(waiting[:, own], order, doses * share[number])
    rest = max(0.0, doses - got.sum())  # what a district does not need goes to all
    return got + served(np.maximum(waiting - got, 0.0), order, rest)


def _shares(rule: int, waiting: Floats, date: pd.Timestamp) -> Floats:
    """The share of the doses that each district gets at first: by people who would take one, or by recent cases."""
    people = _willing_by_district()
    if rule == 2:
        return people
    until = int((date - FIRST_DAY).days)
    if until <= 0:
        return people
    cases = reported_cases(until)[:, -RECENT:].sum(1)
    return cases / cases.sum() if cases.sum() > 0 else people


@functools.cache
def _willing_by_district() -> Floats:
    one = covered()[0].sum((1, 2))
    found: Floats = one / one.sum()
    return found
