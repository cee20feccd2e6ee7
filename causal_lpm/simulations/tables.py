"""Series and comparisons as tables, for programs and for notebooks."""

from __future__ import annotations

import html
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from causal_lpm.inference.policies.predictions import series_dims

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["counted", "html_of", "seeds_of", "series_frame", "summary_frame"]


def counted(series: Iterable[Hashable], units: Mapping[str, str]) -> list[str]:
    """The series whose totals mean something: new events; a stock has none.

    >>> counted(["cases", "infectious"], {"infectious": "stock"})
    ['cases']
    """
    return [str(name) for name in series if units.get(str(name), "new") == "new"]


def series_frame(predictions: xr.Dataset, by: str) -> pd.DataFrame:
    """One row a world, seed, place and day, one column a series; world and place only where there are several.

    Args:
        predictions: (world, draw, replicate, group, day).
        by: What the groups are called.

    Raises:
        ValueError: series with different groups or days, which do not fit in one table.
    """
    for name, series in predictions.data_vars.items():
        if series_dims(series) != ("group", "day"):
            raise ValueError(
                f"the series {name!r} has groups or days of its own, which do not fit in one table: take it from "
                "to_xarray()."
            )
    kept = [name for name in ("date",) if name in predictions.coords]
    frame = predictions.reset_coords(drop=False)[[*predictions.data_vars, *kept]].to_dataframe().reset_index()
    frame.insert(0, "seed", frame.pop("draw") + frame.pop("replicate"))  # one of the two is 0 throughout
    frame = frame.rename(columns={"group": by})
    for column in ("world", by):
        if frame[column].nunique() == 1:
            frame = frame.drop(columns=column)
    first = [name for name in ("world", "seed", by, "day", "date") if name in frame]
    return frame[[*first, *predictions.data_vars]].sort_values(
        first[:-1] if "date" in first else first, ignore_index=True
    )


def summary_frame(predictions: xr.Dataset, units: Mapping[str, str]) -> pd.DataFrame:
    """The total of each series of new events and the peak of each stock, over seeds: index series, or (world, series).

    Columns: `mean`, `5%`, `95%`, and `what` says which of the two.
    """
    import pandas as pd

    rows = {}
    for world in predictions["world"].values:
        for name, series in predictions.sel(world=world).data_vars.items():
            group, day = series_dims(series.rename(name))
            daily = series.sum(group)
            stock = units.get(str(name)) == "stock"
            values = (daily.max(day) if stock else daily.sum(day)).values.reshape(-1)
            low, high = np.quantile(values, [0.05, 0.95])
            rows[str(world), str(name)] = [values.mean(), low, high, "at the peak" if stock else "in all"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "5%", "95%", "what"])
    frame.index = pd.MultiIndex.from_tuples(frame.index, names=["world", "series"])
    return frame.droplevel("world") if predictions.sizes["world"] == 1 else frame


def seeds_of(predictions: xr.Dataset) -> str:
    """How many seeds there are, in words."""
    count = predictions.sizes["draw"] * predictions.sizes["replicate"]
    return f"{count} seed{'s' * (count != 1)}"


def html_of(title: str, line: str, table: pd.DataFrame | None = None) -> str:
    """A title, a line and a table as HTML for a notebook."""
    shown = "" if table is None else table.to_html(float_format=lambda value: f"{value:,.4g}", border=0)
    return f"<div><strong>{html.escape(title)}</strong><br>{html.escape(line)}{shown}</div>"
