"""Infections from outside of the population: so many a day, by group, constant or from a table by date."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from causal_lpm import validate
from causal_lpm.agents.columns import flags, shortly, whole_numbers
from causal_lpm.kernels import group_sum
from causal_lpm.ops.look_up import look_up
from causal_lpm.ops.looking import check
from causal_lpm.ops.number_types import single_precision

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Importation", "rates_by_day"]


@dataclass(frozen=True, eq=False)
class Importation:
    """Infections from outside as a hazard of everybody: a rate a day, shared by the members of a group.

    If all of a group of N were susceptible, `rate` infections a day would be brought to it, on average; each person has
    the hazard rate / N. It is added to the hazard of infection inside the population, so that the same luck decides
    both, and a border closed in one world averts infections and moves none.

    Args:
        rate: Infections a day: a number, `[groups]`, or `[groups or 1, days]` from `rates_by_day`.
        by: Group of each agent, integers `[agents]` from 0; -1: never infected from outside. None: one group of all.
        agents: How many agents there are, where there is no `by`.

    Raises:
        ValueError: a rate that is negative, NaN or infinite; groups without a rate; neither `by` nor `agents`.

    >>> borders = Importation(torch.tensor([0.5, 2.0]), by=torch.tensor([0, 1, 1, 1, 1]))
    >>> borders.hazard(torch.tensor(0.0))
    tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000])
    >>> borders.hazard(torch.tensor(0.0), present=torch.tensor([True, True, True, False, False]))
    tensor([0.5000, 1.0000, 1.0000, 1.0000, 1.0000])
    """

    rate: torch.Tensor | float
    by: torch.Tensor | None = None
    agents: int | None = None
    group: torch.Tensor = field(init=False)
    a_head: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        rate = torch.atleast_1d(single_precision("the rate of importation", self.rate))
        rate = rate[:, None] if rate.dim() == 1 else rate
        if rate.dim() != 2 or 0 in rate.shape:
            raise ValueError(f"the rate of importation has shape {tuple(rate.shape)}: give [groups] or [groups, days].")
        if not bool(((rate >= 0) & rate.isfinite()).all()):
            raise ValueError(f"the rate of importation is {shortly(rate)}: give infections a day, 0 or more.")
        if self.by is None and self.agents is None:
            raise ValueError("importation needs by=, the group of each agent, or agents=, their number.")
        groups = len(rate)
        if self.by is None:
            group = torch.zeros(validate.whole_number("agents", self.agents), dtype=torch.int64)
        else:
            group = whole_numbers("by", self.by, -1, groups - 1, torch.int64, people="groups")
        if self.by is None and groups > 1:
            raise ValueError(f"the rate of importation has {groups} groups: say who is in which with by=.")
        size = torch.bincount(group[group >= 0], minlength=groups).clamp(min=1)
        # Behind the groups stands a row of zeros, for those in none.
        a_head = torch.cat([rate.to(size.device) / size[:, None], torch.zeros_like(rate[:1])])
        object.__setattr__(self, "group", torch.where(group < 0, groups, group))
        object.__setattr__(self, "a_head", a_head)

    def hazard(self, t: Any, factor: Any = 1.0, present: torch.Tensor | None = None) -> torch.Tensor:
        """The hazard a day of infection from outside, float32 `[*dims, agents]`.

        Args:
            t: The time in days, `s["t"]`.
            factor: Times the rate: a number or `[*dims, 1]`, such as a policy that closes the borders.
            present: bool `[*dims, agents]`: who is there today and shares the rate of a group, such as the living in a
                population with empty places; None: everybody.

        Raises:
            ValueError: a day behind those of the table; a negative factor; a `present` that is not one bool an agent.
        """
        day, days = int(t), self.a_head.shape[-1]
        if days > 1 and not 0 <= day < days:
            raise ValueError(f"the rates of importation end on day {days - 1} and the day is {day}: give more days.")
        times = single_precision("factor of importation", factor)
        check(
            (times,),
            lambda: bool((times >= 0).all()),
            lambda: f"the factor of importation is {shortly(times)}: give 0 (closed) or more.",
        )
        today = self.a_head[:, day if days > 1 else 0]
        if present is not None:
            everybody = torch.ones_like(self.group, dtype=torch.bool)
            size, now = (
                group_sum(flags("present", who, len(self.group)), self.group, len(today))
                for who in (everybody, present)
            )
            today = (today * (size / now.clamp(min=1)))[
                ..., None, :
            ]  # 1 where all are there, so that nothing is rounded anew
        return look_up(today, self.group) * times


def rates_by_day(
    table: pd.DataFrame,
    value: str,
    first_day: str | datetime.date,
    days: int,
    group: str | None = None,
    labels: Sequence[str] = (),
) -> torch.Tensor:
    """Rates of each simulated day from a table by date, each valid until the next date in the table.

    Args:
        table: One row a date (and group), with the column `date`.
        value: Column of the rates, a day.
        first_day: The date of day 0; the table begins there or before.
        days: How many days are simulated.
        group: Column of the group; None: one group of all.
        labels: The groups in the order of their numbers, with `group`.

    Returns:
        float32 `[groups or 1, days]`.

    Raises:
        ValueError: a column that there is not, a date that is none or twice in a group, a table that begins later or
            lacks a group, a group without label, a missing or negative rate.

    >>> import pandas as pd
    >>> arrivals = pd.DataFrame({"date": ["2024-01-01", "2024-01-03"], "cases": [0.5, 2.0]})
    >>> rates_by_day(arrivals, "cases", first_day="2024-01-02", days=3)
    tensor([[0.5000, 2.0000, 2.0000]])
    """
    import numpy as np
    import pandas as pd

    days = validate.whole_number("days", days)
    for column in ("date", value, *([group] if group is not None else [])):
        validate.known("column of the importation table", column, map(str, table.columns))
    try:
        dates, begin = pd.to_datetime(table["date"], format="ISO8601"), pd.Timestamp(first_day)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"the dates of the importation table cannot be read ({error}): give dates such as 2024-01-31."
        ) from error
    rates = pd.to_numeric(table[value], errors="coerce")
    if bool((~(rates >= 0) | np.isinf(rates)).any()):
        raise ValueError(f"column {value!r} of the importation table has missing or negative rates: fill them in.")
    number = (dates - begin).dt.days
    if bool(number.isna().any()):
        raise ValueError("a date is missing in the importation table: give each row one, or leave it out.")
    names = ["everybody"] if group is None else list(labels)
    of = pd.Series(names[0], index=table.index) if group is None else table[group].astype(str)
    for name in sorted(set(of)):
        validate.known("group of the importation table", name, names)
    found = []
    for name in names:
        mine = pd.Series(rates[of == name].to_numpy(), index=number[of == name].to_numpy()).sort_index()
        if mine.index.has_duplicates:
            twice = begin + pd.Timedelta(days=int(mine.index[mine.index.duplicated()][0]))
            raise ValueError(f"{twice.date()} is twice in the importation table of {name}: give each date one rate.")
        if mine.empty or mine.index[0] > 0:
            raise ValueError(f"the importation table of {name} has no rate on {begin.date()}: begin on that date.")
        place = np.searchsorted(mine.index.to_numpy(), np.arange(days), side="right") - 1
        found.append(mine.to_numpy()[place])
    return torch.tensor(np.stack(found), dtype=torch.float32)
