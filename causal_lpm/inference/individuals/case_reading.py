"""Line lists by calendar date, as surveillance keeps them: dates, missing values and infectors are checked."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from causal_lpm.inference.files.dates import date_of, in_nanoseconds
from causal_lpm.inference.individuals.cases import UNKNOWN_INFECTOR, Cases
from causal_lpm.inference.individuals.line_list_table import Table, frame
from causal_lpm.validate import known, unique_entries

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_line_list"]


def read_line_list(
    table: Table,
    dates: Iterable[str],
    case: str | None = "case",
    infector: str | None = None,
    missing: Iterable[str] = (),
) -> Cases:
    """The cases of a line list: one row a case, with the dates of what happened to it, and perhaps who infected it.

    Args:
        table: A data frame, a mapping of columns, or the path of a CSV or Parquet file.
        dates: Names of the columns with dates: text such as 2020-03-09, or dates of any kind, whose time of day does
            not count. Empty cells, NA and NaN are missing.
        case: Name of the column with the identifier of each case; None: the number of the row, from 0.
        infector: Name of the column with the identifier of the case that infected it, empty where it is unknown.
        missing: Further texts in columns of dates and of infectors that stand for a missing value, such as "unknown".

    Raises:
        ValueError: no rows or no dates, unknown columns, a cell that is no date, a date outside the years 1678 to 2261,
            a case without an identifier or that is there twice, an infector that is no case of the list, or is the
            case itself.

    >>> read_line_list({"case": ["a", "b"], "onset": ["2020-03-01", "3 March"]}, dates=["onset"])
    Traceback (most recent call last):
    ValueError: row 1 of the line list has the onset '3 March', which is no date like 2020-03-09: correct it, or leave
    it empty where none is known.
    >>> from causal_lpm.data import path
    >>> read_line_list(path("measles_hagelloch_1861.csv"), dates=["prodrome", "rash"], infector="infector")
    Cases(188 cases, 188 with prodrome, 188 with rash, 184 with an infector)
    """
    columns = [dates] if isinstance(dates, str) else list(dates)
    if not columns:
        raise ValueError("no dates were given: name the columns of the line list that have dates.")
    unique_entries("the column of dates", columns)
    identifiers = [name for name in (case, infector) if name is not None]
    rows = frame(table, text=(*columns, *identifiers)).copy()
    if case == "case" and case not in rows.columns:
        raise ValueError(
            f"the line list has no column 'case': give case= the one that identifies a case, of "
            f"{', '.join(map(repr, map(str, rows.columns)))}, or case=None to count the rows."
        )
    for name in (*columns, *identifiers):
        known("column of the line list", name, map(str, rows.columns))
    if not len(rows):
        raise ValueError("the line list has no rows: give one a case.")
    empty = {"", "na", "nan", "nat", *(text.strip().lower() for text in missing)}
    for name in columns:
        rows[name] = _dates(name, rows[name], empty)
    cases = [str(row) for row in range(len(rows))] if case is None else _cases(rows[case])
    if infector is None:
        return Cases(rows, tuple(columns), torch.full((len(rows),), UNKNOWN_INFECTOR))
    return Cases(rows, tuple(columns), _infectors(infector, rows[infector], cases, empty))


def _dates(name: str, column: pd.Series[Any], empty: set[str]) -> Any:
    """The dates of a column, datetime64[ns]."""
    found = np.full(len(column), np.datetime64("NaT"), dtype="datetime64[ns]")
    for row, cell in enumerate(column):
        if _missing(cell, empty):
            continue
        try:
            # datetime64[us] and the like arrive as Timestamp, which is a datetime.
            day = date_of(cell.strip()) if isinstance(cell, str) else in_nanoseconds([_day(cell)])[0]
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"row {row} of the line list has the {name} {cell!r}, which is no date like 2020-03-09: correct it, or "
                "leave it empty where none is known."
            ) from error
        found[row] = day
    return found


def _day(cell: Any) -> np.datetime64:
    if not isinstance(cell, datetime.date | np.datetime64):  # a datetime is a date
        raise TypeError(cell)
    text = str(cell)[:10]  # the day where it was written down, whatever the time zone
    return np.datetime64(text, "D")


def _missing(cell: Any, empty: set[str]) -> bool:
    return cell is None or cell != cell or str(cell).strip().lower() in empty


def _identifier(cell: Any) -> str:
    """Text; 45 and 45.0 are the same, since a column of numbers with an empty cell is one of floats."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _cases(column: pd.Series[Any]) -> list[str]:
    found: dict[str, int] = {}
    for row, cell in enumerate(column):
        if _missing(cell, {""}):
            raise ValueError(f"row {row} of the line list has no {column.name}: give each case an identifier.")
        if (before := found.setdefault(_identifier(cell), row)) != row:
            raise ValueError(
                f"the line list has the {column.name} {_identifier(cell)!r} twice, in rows {before} and {row}: leave "
                "one of them out."
            )
    return list(found)


def _infectors(name: str, column: pd.Series[Any], cases: list[str], empty: set[str]) -> torch.Tensor:
    number = {case: row for row, case in enumerate(cases)}
    found = torch.full((len(column),), UNKNOWN_INFECTOR)
    for row, cell in enumerate(column):
        if _missing(cell, empty):
            continue
        by = _identifier(cell)
        if number.get(by, row) == row:
            wrong = "is the case itself" if by in number else "is no case of the list"
            raise ValueError(
                f"row {row} of the line list has the {name} {by!r}, which {wrong}: correct it, or leave it empty where "
                "none is known."
            )
        found[row] = number[by]
    return found
