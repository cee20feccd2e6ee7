"""Data of a calibration from a CSV file, wide or long, with one sentence for whatever is wrong with it."""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from causal_lpm.validate import known, unique_entries

__all__ = ["read_series"]

MISSING = {"", "na", "nan"}


def read_series(
    path: str | os.PathLike[str], groups: Mapping[str, Sequence[str]] | None = None
) -> dict[str, xr.DataArray]:
    r"""The data sites of a CSV file.

    The first column that is called `date` (as 2020-03-09) or `day` (whole numbers) says when. A column `group` makes it
    a long table, with a row for each day and group. Every other column is a data site. An empty cell is a missing
    number.

    Args:
        path: The file.
        groups: Site -> labels of its groups in the model's order; without it, groups stay in the file's order.

    Returns:
        Site -> float64 `(date or day)` or `(group, date or day)`, NaN where missing.

    Raises:
        ValueError: a file that is not such a table; the sentence names the line.
        OSError: it cannot be read.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "cases.csv")
    ...     _ = file.write_text("date,cases\n2020-03-01,3\n2020-03-02,\n")
    ...     read_series(file)["cases"].values
    array([ 3., nan])
    """
    table = _read(Path(path))
    when = "date" if "date" in table.columns else "day"
    sites = [name for name in table.columns if name not in (when, "group")]
    if not sites:
        raise ValueError(f"{table.name} has no column of data: give one for each data site of the model.")
    rows = table.by_group()
    times = table.times(when, next(iter(rows.values())))
    for label, numbers in rows.items():
        _same(table.name, when, label, table.times(when, numbers), times)
    found = {}
    for site in sites:
        labels = table.ordered(list(rows), (groups or {}).get(site))
        values = np.array([[table.number(site, row) for row in rows[label]] for label in labels])
        if "group" in table.columns:
            found[site] = xr.DataArray(values, {"group": labels, when: times}, ("group", when))
        else:
            found[site] = xr.DataArray(values[0], {when: times}, (when,))
    return found


@dataclass(frozen=True)
class _Table:
    """Cells as text, with the number of the line that each row began on."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def cell(self, column: str, row: int) -> str:
        return self.rows[row][1][self.columns.index(column)].strip()

    def where(self, row: int) -> str:
        return f"{self.name}, line {self.rows[row][0]}"

    def by_group(self) -> dict[str, list[int]]:
        """Group -> its rows; one without a name, if there is no such column."""
        found: dict[str, list[int]] = {}
        for row in range(len(self.rows)):
            label = self.cell("group", row) if "group" in self.columns else ""
            found.setdefault(label, []).append(row)
        return found

    def ordered(self, labels: list[str], declared: Sequence[str] | None) -> list[str]:
        if declared is None or "group" not in self.columns:
            return labels
        for label in labels:
            known(f"group in {self.name}", label, declared)
        for label in declared:
            if label not in labels:
                raise ValueError(
                    f"{self.name} has no rows of group {label!r}: leave cells empty where nothing is known."
                )
        return list(declared)

    def number(self, column: str, row: int) -> float:
        text = self.cell(column, row)
        if text.lower() in MISSING:
            return float("nan")
        try:
            return float(text)
        except ValueError as error:
            raise ValueError(
                f"{self.where(row)}: {text!r} in column {column!r} is not a number: leave the cell empty where "
                "none is known."
            ) from error

    def times(self, when: str, rows: list[int]) -> np.ndarray:
        return np.array([self._date(row) for row in rows]) if when == "date" else self._days(rows)

    def _date(self, row: int) -> np.datetime64:
        text = self.cell("date", row)
        try:
            if len(text) != len("2020-03-09"):
                raise ValueError(text)
            return np.datetime64(text, "ns")
        except ValueError as error:
            raise ValueError(f"{self.where(row)}: {text!r} is not a date like 2020-03-09.") from error

    def _days(self, rows: list[int]) -> np.ndarray:
        days = []
        for row in rows:
            text = self.cell("day", row)
            if not text.isdecimal():
                raise ValueError(f"{self.where(row)}: {text!r} is not a day like 0, 1, 2.")
            days.append(int(text))
            if len(days) > 1 and days[-1] != days[-2] + 1:
                raise ValueError(
                    f"{self.where(row)}: day {days[-1]} comes after day {days[-2]}: give every day once and in order, "
                    "with empty cells where a number is missing."
                )
        return np.array(days)


def _same(name: str, when: str, label: str, times: np.ndarray, first: np.ndarray) -> None:
    if np.array_equal(times, first):
        return
    apart = np.setxor1d(times, first)
    if len(apart):
        text = str(apart[0])[:10]
        raise ValueError(
            f"{name}: some groups have a row for {when} {text} and others, such as {label!r}, do not match: give each "
            "group a row for every one, with empty cells where a number is missing."
        )
    raise ValueError(
        f"{name}: the rows of group {label!r} are in another order than those of the first: sort by {when}."
    )


def _read(path: Path) -> _Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, tuple(row)) for row in reader if any(cell.strip() for cell in row)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not a CSV file in UTF-8: {error}.") from error
    if len(lines) < 2:
        raise ValueError(f"{path.name} has no rows: give a line of column names and a line for each day.")
    columns = tuple(cell.strip() for cell in lines[0][1])
    unique_entries(f"{path.name}: the column", columns)
    if len({"date", "day"} & set(columns)) != 1:
        hint = "; separate columns by commas" if len(columns) == 1 else ""
        raise ValueError(
            f"{path.name} has the columns {', '.join(map(repr, columns))}: exactly one must be "
            f"called date or day{hint}."
        )
    for number, row in lines[1:]:
        if len(row) != len(columns):
            raise ValueError(f"{path.name}, line {number}: {len(row)} cells under {len(columns)} column names.")
    return _Table(path.name, columns, tuple(lines[1:]))
