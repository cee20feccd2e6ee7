"""Tables that are given as files: read as text first, so that what is wrong with a cell is said as it was written."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from causal_lpm.inference import quoted, read_table

__all__ = ["dates_of", "given_table", "numbers_of"]

DAY_OR_MONTH = r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?"


def given_table(file: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The cells of a CSV file as text, by column.

    Raises:
        ValueError: a file that is no such table, has no rows, lacks one of the columns, or has one twice.
    """
    read = read_table(file)
    if missing := [column for column in columns if column not in read.columns]:
        raise ValueError(f"{file.name} has no column {missing[0]!r}: give {', '.join(columns)}.")
    rows = [[cell.strip() for cell in cells] for _, cells in read.rows]
    return pd.DataFrame(rows, columns=list(read.columns))


def dates_of(file: Path, column: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    """The days, or months, that a column of text holds; raises ValueError for a cell that is none."""
    dates = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)
    if bool((wrong := dates.isna() | ~column.str.fullmatch(DAY_OR_MONTH)).any()):
        raise ValueError(
            f"{file.name} has the {column.name} {quoted(column[wrong].iloc[0])}: give ISO dates, as 2024-01-06."
        )
    return dates


def numbers_of(file: Path, column: "pd.Series[str]") -> "pd.Series[float]":
    """The numbers that a column of text holds; raises ValueError for a cell that is none, or infinite."""
    numbers = pd.to_numeric(column, errors="coerce")
    if bool((wrong := ~np.isfinite(numbers)).any()):
        raise ValueError(f"{file.name} has {quoted(column[wrong].iloc[0])} in {column.name}: give numbers.")
    return numbers
