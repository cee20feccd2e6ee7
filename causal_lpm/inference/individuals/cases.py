"""The cases of a line list by calendar date: counted as an epidemic curve, or as what is known of agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from causal_lpm.inference.files.dates import date_of, shown
from causal_lpm.measures import InfectorList
from causal_lpm.validate import known

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["UNKNOWN_INFECTOR", "Cases"]

UNKNOWN_INFECTOR = -1
"""Stands where no infector is known."""
MISSING = "missing"


@dataclass(frozen=True)
class Cases:
    """One row a case, numbered from 0 in the order of the table; made by `read_line_list`.

    Attributes:
        table: The columns of the table: dates as datetime64[ns], NaT where there is none; all others as they came.
        dates: Names of the columns with dates.
        infector: int64 `[cases]`, the number of each case's infector, -1 where none is known.

    >>> from causal_lpm.inference import read_line_list
    >>> list_of_three = {"case": [1, 2, 3], "from": [None, 1, 1], "onset": ["2020-03-01", "2020-03-04", None]}
    >>> cases = read_line_list(list_of_three, dates=["onset"], infector="from")
    >>> cases
    Cases(3 cases, 2 with onset, 2 with an infector)
    >>> cases.infector.tolist(), cases.days("onset").tolist()
    ([-1, 0, 0], [0.0, 3.0, nan])
    >>> cases.epidemic_curve("onset").values
    array([1, 0, 0, 1])
    """

    table: pd.DataFrame
    dates: tuple[str, ...]
    infector: torch.Tensor

    def days(self, date: str, start: str | None = None) -> torch.Tensor:
        """Whole days from `start` to the date of each case, float64 `[cases]`; NaN where it is missing, from 0 on.

        Args:
            date: Name of a column with dates.
            start: Day 0, such as 2020-03-09. None: the first date of the column.

        Raises:
            ValueError: an unknown column, one without dates, a date before `start`.
        """
        given = self._dates(date)
        first = _first(given) if start is None else _date("start", start)
        days = (given - first) / np.timedelta64(1, "D")
        if (early := days < 0).any():
            case = int(early.argmax())
            raise ValueError(
                f"row {case} of the line list has the {date} {shown(given[case])}, before day 0, which is "
                f"{shown(first)}: give an earlier start."
            )
        return torch.from_numpy(days)

    def epidemic_curve(
        self, date: str, by: str | Iterable[Any] | None = None, start: str | None = None, end: str | None = None
    ) -> xr.DataArray:
        """Cases by day, and by group.

        Args:
            date: Name of the column with the dates that are counted.
            by: Name of a column, or one label a case, such as an age group. Who has none is in the group "missing".
            start: First day; None: the first date.
            end: Last day; None: the last date.

        Returns:
            int64 `[date]` or `[by, date]` with every day, also those without cases. Its attribute `undated` is the
            number of cases without a date, which are not in it.

        Raises:
            ValueError: unknown columns, a date before `start` or after `end`, labels that are not one a case.
        """
        import pandas as pd
        import xarray as xr

        days = self.days(date, start)
        dated = ~days.isnan()
        first = _first(self._dates(date)) if start is None else _date("start", start)
        number = int(days[dated].max()) + 1
        if end is not None:
            days_asked = int((_date("end", end) - first) / np.timedelta64(1, "D")) + 1
            if days_asked < number:
                raise ValueError(
                    f"the line list has the {date} {shown(first + np.timedelta64(number - 1, 'D'))}, after the end "
                    f"{end}: give a later end."
                )
            number = days_asked
        labels, group = self._groups(by)
        at = torch.from_numpy(group)[dated] * number + days[dated].long()
        counts = torch.bincount(at, minlength=len(labels) * number).reshape(len(labels), number).numpy()
        times = pd.DatetimeIndex(first + np.arange(number) * np.timedelta64(1, "D"), name="date")
        attributes = {"undated": int((~dated).sum()), "long_name": f"cases by {date}", "units": "cases per day"}
        if by is None:
            return xr.DataArray(counts[0], {"date": times}, ("date",), date, attributes)
        name = by if isinstance(by, str) else str(getattr(by, "name", None) or "group")
        return xr.DataArray(counts, {name: labels, "date": times}, (name, "date"), date, attributes)

    def infector_list(self, date: str, start: str | None = None) -> InfectorList:
        """Days and infectors as `causal_lpm.measures` take them: serial intervals, offspring, reproduction numbers.

        Args:
            date: Name of a column with dates.
            start: Day 0; None: the first date of the column.

        Raises:
            ValueError: as for `days`.
        """
        return InfectorList(self.days(date, start), self.infector)

    def observations(
        self, events: Mapping[str, str], start: str | None = None, agents: Iterable[int] | None = None
    ) -> pd.DataFrame:
        """What `LineList` takes: one row an agent, a day and an event; who has no date is left out.

        A missing date says that nothing is known of the event, unless `LineList` is told that it is complete, as the
        deaths of a list are in which an empty date means that somebody survived.

        Args:
            events: Name of an event of the model -> name of the column with its date.
            start: The date of the simulation's day 0; None: the first of the dates of `events`.
            agents: The agent that each case is, `[cases]`; None: that of its row.

        Returns:
            Columns agent, day, event.

        Raises:
            ValueError: no events, unknown columns, a date before `start`, agents that are not one a case.
        """
        import pandas as pd

        if not events:
            raise ValueError("no events were given: give the event of the model -> the column with its date.")
        numbers = np.arange(len(self.table)) if agents is None else np.asarray(list(agents))
        if len(numbers) != len(self.table):
            raise ValueError(f"{len(numbers)} agents were given for {len(self.table)} cases: give one a case.")
        first = start if start is not None else shown(min(_first(self._dates(date)) for date in events.values()))
        rows = []
        for event, date in events.items():
            days = self.days(date, first)
            there = (~days.isnan()).numpy()
            rows.append(pd.DataFrame({"agent": numbers[there], "day": days.numpy()[there].astype(int), "event": event}))
        return pd.concat(rows, ignore_index=True)

    def _dates(self, date: str) -> Any:
        known("date of the line list", date, self.dates)
        dates = self.table[date]
        if dates.isna().all():
            raise ValueError(f"column {date!r} of the line list has no date at all: give another one.")
        return dates.to_numpy()

    def _groups(self, by: str | Iterable[Any] | None) -> tuple[list[Any], Any]:
        """The labels of the groups, and each case's number of its group."""
        import pandas as pd

        if by is None:
            return [None], np.zeros(len(self.table), dtype=np.int64)
        if isinstance(by, str):
            known("column of the line list", by, map(str, self.table.columns))
        column = self.table[by] if isinstance(by, str) else pd.Series(by)
        if len(column) != len(self.table):
            raise ValueError(f"{len(column)} labels were given for {len(self.table)} cases: give one a case.")
        codes, labels = pd.factorize(pd.Categorical(column), sort=True)
        names = [*labels.tolist()]
        if not all(isinstance(name, int | float | str) for name in names):  # intervals of ages, for instance
            names = [str(name) for name in names]
        if (nobody := codes < 0).any():
            codes, names = np.where(nobody, len(names), codes), [*map(str, names), MISSING]
        return names, codes.astype(np.int64)

    def __repr__(self) -> str:
        dates = "".join(f", {int(self.table[date].notna().sum())} with {date}" for date in self.dates)
        return f"Cases({len(self.table)} cases{dates}, {int((self.infector >= 0).sum())} with an infector)"


def _first(dates: Any) -> Any:
    return dates[~np.isnat(dates)].min()


def _date(what: str, text: str) -> Any:
    try:
        return date_of(str(text))
    except ValueError as error:
        raise ValueError(f"the {what} of the days: {error}.") from error
