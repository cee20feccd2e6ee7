"""Data of a calibration from a CSV file, wide or long, with one sentence for whatever is wrong with it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.files.csv_table import CsvTable, read_table
from causal_lpm.validate import known

__all__ = ["read_series"]

Times = npt.NDArray[Any]


def read_series(path: str | os.PathLike[str], groups: Sequence[str] = ()) -> dict[str, xr.DataArray]:
    r"""The data sites of a CSV file.

    The column that is called `date` (as 2020-03-09, in equal steps) or `day` (whole numbers) says when. A column
    `group` makes it a long table, with a row for each day and group. Every other column is a data site. An empty cell
    is a missing number.

    Args:
        path: The file.
        groups: Their labels in the model's order; without it, groups stay in the file's order.

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
    table = read_table(Path(path))
    if len({"date", "day"} & set(table.columns)) != 1:
        raise ValueError(f"{table.name} has the columns {table.header}: exactly one must be called date or day.")
    when = "date" if "date" in table.columns else "day"
    sites = [name for name in table.columns if name not in (when, "group")]
    if not sites:
        raise ValueError(f"{table.name} has no column of data: give one for each data site of the model.")
    rows = _by_group(table)
    read = table.dates if when == "date" else table.days
    times = read(when, next(iter(rows.values())))
    for label, numbers in rows.items():
        _same(table.name, when, label, read(when, numbers), times)
    labels = _ordered(table, list(rows), groups)
    grouped = "group" in table.columns
    dims = ("group", when) if grouped else (when,)
    coordinates = xr.Coordinates({"group": labels, when: times} if grouped else {when: times})  # once: it takes long
    found = {}
    for site in sites:
        values = np.array([[table.number(site, row) for row in rows[label]] for label in labels])
        found[site] = xr.DataArray(values if grouped else values[0], coordinates, dims)
    return found


def _by_group(table: CsvTable) -> dict[str, list[int]]:
    """Group -> its rows; one without a name, if there is no such column."""
    found: dict[str, list[int]] = {}
    for row in range(len(table.rows)):
        label = table.cell("group", row) if "group" in table.columns else ""
        found.setdefault(label, []).append(row)
    return found


def _ordered(table: CsvTable, labels: list[str], declared: Sequence[str]) -> list[str]:
    if not declared or "group" not in table.columns:
        return labels
    for label in labels:
        known(f"group in {table.name}", label, declared)
    for label in declared:
        if label not in labels:
            raise ValueError(f"{table.name} has no rows of group {label!r}: leave cells empty where nothing is known.")
    return list(declared)


def _same(name: str, when: str, label: str, times: Times, first: Times) -> None:
    if np.array_equal(times, first):
        return
    text = str(np.setxor1d(times, first)[0])[:10]
    raise ValueError(
        f"{name}: some groups have a row for {when} {text} and others, such as {label!r}, do not match: give each "
        "group a row for every one, with empty cells where a number is missing."
    )
