"""A table of a CSV file as cells of text, with one sentence, and the line, for whatever is wrong with it."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.files.dates import date_of, fault_in, shown
from causal_lpm.inference.files.plain_numbers import number_of, quoted, whole_number_of
from causal_lpm.validate import fits_in_memory, unique_entries

__all__ = ["CsvTable", "read_table"]

MISSING = {"", "na", "nan"}
MOST_NAMES = 12  # of columns, in a sentence
BYTES_PER_BYTE = 20  # of a file, in memory: a cell of three digits is an object of fifty bytes


@dataclass(frozen=True)
class CsvTable:
    """Cells as text, with the number of the line that each row began on.

    Attributes:
        name: Of the file.
        columns: Name -> its position.
        rows: Line and cells.
    """

    name: str
    columns: dict[str, int]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def header(self) -> str:
        """The names of the columns, or the first of many."""
        names = [repr(name) for name in self.columns]
        more = [f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
        return ", ".join(names[:MOST_NAMES] + more)

    def cell(self, column: str, row: int) -> str:
        """The text of a cell."""
        return self.rows[row][1][self.columns[column]].strip()

    def where(self, row: int) -> str:
        """File and line of a row."""
        return f"{self.name}, line {self.rows[row][0]}"

    def number(self, column: str, row: int) -> float:
        """The number of a cell, NaN where it is missing.

        Raises:
            ValueError: it is no number.
        """
        text = self.cell(column, row)
        if text.lower() in MISSING:
            return float("nan")
        try:
            return number_of(text)
        except ValueError as error:
            raise ValueError(
                f"{self.where(row)}: {quoted(text)} in column {column!r} is not a number like 12, -3.5 or 2e-3: leave "
                "the cell empty where none is known."
            ) from error

    def dates(self, column: str, rows: Sequence[int]) -> npt.NDArray[np.datetime64]:
        """The dates of some rows, datetime64[ns].

        Raises:
            ValueError: a cell that is no date like 2020-03-09; dates that do not ascend in equal steps.
        """
        found = []
        for row in rows:
            try:
                found.append(date_of(self.cell(column, row)))
            except ValueError as error:
                raise ValueError(f"{self.where(row)}: {error}.") from error
        dates = np.array(found, dtype="datetime64[ns]")
        if (fault := fault_in(dates)) is not None:
            at, what = fault
            this, before = shown(dates[at]), shown(dates[at - 1])
            if what == "a gap":
                raise ValueError(
                    f"{self.where(rows[at])}: the dates have a gap before {this}: give every step, with empty cells "
                    "where a number is missing."
                )
            raise ValueError(
                f"{self.where(rows[at])}: the dates are out of order: {this} comes after {before}; sort the rows by "
                "date, each date once."
            )
        return dates

    def days(self, column: str, rows: Sequence[int]) -> npt.NDArray[np.int64]:
        """The numbers of days of some rows.

        Raises:
            ValueError: a cell that is no day like 0, 1, 2; days that do not follow each other.
        """
        days: list[int] = []
        for row in rows:
            text = self.cell(column, row)
            try:
                days.append(whole_number_of(text))
            except ValueError as error:
                raise ValueError(f"{self.where(row)}: {quoted(text)} is not a day like 0, 1, 2.") from error
            if len(days) > 1 and days[-1] != days[-2] + 1:
                raise ValueError(
                    f"{self.where(row)}: day {days[-1]} comes after day {days[-2]}: give every day once and in order, "
                    "with empty cells where a number is missing."
                )
        return np.array(days)


def read_table(path: Path) -> CsvTable:
    """Reads a CSV file in UTF-8, with or without the mark that spreadsheets put first; empty lines do not count.

    Raises:
        ValueError: a file that is no such table, or larger than memory; a column without a name, or one that is there
            twice; a row that is longer or shorter than the others.
        OSError: it cannot be read.
    """
    fits_in_memory(f"the cells of {path.name}", BYTES_PER_BYTE * path.stat().st_size, "give fewer rows or columns")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, tuple(row)) for row in reader if any(cell.strip() for cell in row)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not a CSV file in UTF-8: {error}.") from error
    if len(lines) < 2:
        raise ValueError(f"{path.name} has no rows: give a line of column names and a line for each day.")
    names = [cell.strip() for cell in lines[0][1]]
    if "\0" in "".join(names):
        raise ValueError(f"{path.name} is not a CSV file in UTF-8: it looks like UTF-16; save it as UTF-8.")
    if len(names) == 1 and ";" in names[0]:
        raise ValueError(f"{path.name} has the columns {names[0]!r}: separate columns by commas, decimals by points.")
    if "" in names:
        raise ValueError(f"{path.name}: column {names.index('') + 1} has no name: give it one, or leave it out.")
    unique_entries(f"{path.name}: the column", names)
    for number, row in lines[1:]:
        if len(row) != len(names):
            raise ValueError(f"{path.name}, line {number}: {len(row)} cells under {len(names)} column names.")
    return CsvTable(path.name, {name: at for at, name in enumerate(names)}, tuple(lines[1:]))
