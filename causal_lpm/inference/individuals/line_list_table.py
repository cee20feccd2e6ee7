"""The table of a line list: one row an agent, a day and an event, checked as far as no model is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from causal_lpm.validate import known

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "frame", "records"]

Table: TypeAlias = "pd.DataFrame | Mapping[str, Any] | str | Path"
"""Columns agent, day, event and perhaps happened: a data frame, columns by name, or a path of a CSV or Parquet file."""

NEEDED = ("agent", "day", "event")
COLUMNS = (*NEEDED, "happened")


def records(table: Table) -> pd.DataFrame:
    """The rows of a line list.

    Args:
        table: See `Table`.

    Returns:
        `agent` int64, `day` float64 (NaN: before the simulation), `event` text, `happened` float64 (NaN: unknown; of a
        table without this column 1), and `given`: whether the table had `happened`.

    Raises:
        ValueError: columns that are missing or unknown; agents that are no whole numbers from 0; days that are no
            numbers from 0; outcomes that are no whole numbers from 0; events without a name; one event of an agent
            twice on a day; a file that is neither CSV nor Parquet.

    >>> records({"agent": [4, 1], "day": [0, 0], "event": "infection"})["happened"].tolist()
    [1.0, 1.0]
    >>> records({"agent": [4, 4], "day": [0, 0], "event": "infection"})
    Traceback (most recent call last):
    ValueError: the line list has 'infection' of agent 4 on day 0 twice, in rows 0 and 1: leave one of them out.
    """
    import pandas as pd

    rows = frame(table)
    for name in NEEDED:
        if name not in rows:
            raise ValueError(
                f"the line list has no column {name!r}: give {', '.join(NEEDED)} and, where it is not 1, happened."
            )
    for name in rows:
        known("column of the line list", str(name), COLUMNS)
    events = rows["event"]
    for row, event in enumerate(events):
        if not isinstance(event, str):
            raise ValueError(f"row {row} of the line list has the event {event!r}: give its name in the model.")
    found = pd.DataFrame(
        {
            "agent": _whole("agent", rows["agent"], empty="").astype(np.int64),
            "day": _numbers("day", rows["day"]),
            "event": events.astype(object).to_numpy(),
            "happened": _whole("happened", rows["happened"], empty=", or nothing where it is unknown")
            if "happened" in rows
            else 1.0,
            "given": "happened" in rows,
        }
    )
    _refuse_twice(found)
    return found


def frame(table: Table, text: Iterable[str] = ()) -> pd.DataFrame:
    """The table as a data frame with rows numbered from 0; `text` names columns of a CSV file that stay text.

    Raises:
        ValueError: a file that is neither CSV nor Parquet, columns of different lengths.
        TypeError: something that is no table.

    >>> frame({"agent": [4, 1], "event": "infection"})["event"].tolist()
    ['infection', 'infection']
    """
    import pandas as pd

    if isinstance(table, str | Path):
        path = Path(table)
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise ValueError(
                f"the line list {path.name} is neither a .csv nor a .parquet file: save it as one of them."
            )
        if not path.exists():
            raise FileNotFoundError(f"there is no line list at {path}: give the path of a .csv or .parquet file.")
        if path.suffix.lower() == ".csv":
            return pd.read_csv(path, dtype=dict.fromkeys(text, object))
        return pd.read_parquet(path)
    if isinstance(table, pd.DataFrame):
        return table.reset_index(drop=True)
    if not isinstance(table, Mapping):
        raise TypeError(
            f"the line list is a {type(table).__name__}: give a data frame, a mapping of columns, or a path."
        )
    columns = {name: [column] if np.ndim(column) == 0 else list(column) for name, column in table.items()}
    length = max(map(len, columns.values()), default=0)
    # One value, such as the name of the event, is meant for all rows.
    columns = {n: c * length if np.ndim(table[n]) == 0 else c for n, c in columns.items()}
    for name, column in columns.items():
        if len(column) != length:
            raise ValueError(f"column {name!r} of the line list has {len(column)} rows where another has {length}.")
    return pd.DataFrame(columns)


def _numbers(name: str, column: Any) -> npt.NDArray[np.float64]:
    """The column as floats from 0, NaN where a cell is empty."""
    found = np.empty(len(column))
    for row, cell in enumerate(column):
        try:
            found[row] = np.nan if cell is None else float("x" if isinstance(cell, str | bool) else cell)
        except (TypeError, ValueError):
            found[row] = np.inf
        if not (np.isnan(found[row]) or 0 <= found[row] < np.inf):
            instead = ", such as the days since the simulation began" if name == "day" else ""
            raise ValueError(f"row {row} of the line list has the {name} {cell!r}: give a number from 0{instead}.")
    return found


def _whole(name: str, column: Any, empty: str) -> npt.NDArray[np.float64]:
    found = _numbers(name, column.astype(float) if column.dtype == bool else column)
    wrong = ~((found == np.trunc(found)) | (np.isnan(found) if empty else False))
    if wrong.any():
        row = int(wrong.nonzero()[0][0])
        raise ValueError(
            f"row {row} of the line list has the {name} {column.iloc[row]}: give a whole number from 0{empty}."
        )
    return found


def _refuse_twice(rows: pd.DataFrame) -> None:
    again = rows.duplicated(["agent", "day", "event"])
    if again.any():
        second = int(again.to_numpy().nonzero()[0][0])
        agent, day, event = (rows[name].iloc[second] for name in NEEDED)
        same = (rows["agent"] == agent) & (rows["event"] == event) & ((rows["day"] == day) | (day != day))
        first = int(same.to_numpy().nonzero()[0][0])
        when = "before the simulation" if np.isnan(day) else f"on day {day:g}"
        raise ValueError(
            f"the line list has {event!r} of agent {agent} {when} twice, in rows {first} and {second}: leave one of "
            "them out."
        )
