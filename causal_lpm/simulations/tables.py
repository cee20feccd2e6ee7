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

__all__ = ["counted", "html_of", "leading", "seeds_of", "series_frame", "summary_frame", "unfinished"]

WEEK, OVER = 7, 0.01
EVERYWHERE = "all"


def counted(series: Iterable[Hashable], units: Mapping[str, str]) -> list[str]:
    """The series whose totals mean something: new events; a stock has none.

    >>> counted(["cases", "infectious"], {"infectious": "stock"})
    ['cases']
    """
    return [str(name) for name in series if units.get(str(name), "new") == "new"]


def leading(predictions: xr.Dataset, units: Mapping[str, str]) -> list[str]:
    """The series of new events, those that are counted by place first: what is shown where nothing is asked for."""
    names = counted(predictions.data_vars, units)
    return sorted(names, key=lambda name: series_dims(predictions[name])[0] != "group")


def series_frame(predictions: xr.Dataset, by: str) -> pd.DataFrame:
    """One row a world, seed, place and day, one column a series; world and place only where there are several.

    A series that is not counted by place has rows of its own, of the place "all", and is missing in those of places, so
    that the sum over a day's rows is right for every series.

    Args:
        predictions: (world, draw, replicate, group, day).
        by: What the groups are called.

    Raises:
        ValueError: series with different groups or days, which do not fit in one table.
    """
    import pandas as pd

    placed, whole = [], {}
    for name, series in predictions.data_vars.items():
        group, day = series_dims(series)
        if (group, day) == ("group", "day"):
            placed.append(name)
        elif day == "day" and series.sizes[group] == 1:
            whole[name] = series.isel({group: 0}, drop=True).expand_dims(group=[EVERYWHERE])
        else:
            raise ValueError(
                f"the series {name!r} has groups or days of its own, which do not fit in one table: take it from "
                "to_xarray()."
            )
    kept = [name for name in ("date",) if name in predictions.coords]
    frame = predictions.reset_coords(drop=False)[[*placed, *kept]].to_dataframe().reset_index()
    if whole:
        alone = predictions.drop_dims("group").reset_coords(drop=False)[kept].assign(whole)
        frame = pd.concat([frame.astype({"group": str}), alone.to_dataframe().reset_index()], ignore_index=True)
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


def unfinished(predictions: xr.Dataset, units: Mapping[str, str]) -> str:
    """Which worlds have not come to an end, in words: their totals, and what they avert, are of these days only.

    A world is over where the first series of new events has, on the last seven days, below a hundredth of the highest
    seven of any world. Means over seeds; "" where all are over, where there is one world, or no such series.
    """
    names = leading(predictions, units)
    if not names or predictions.sizes["world"] == 1:
        return ""
    group, day = series_dims(predictions[names[0]])
    daily = predictions[names[0]].sum(group).mean(("draw", "replicate"))
    weekly = daily.rolling({day: min(WEEK, daily.sizes[day])}).mean()
    last, highest = weekly.isel({day: -1}), float(weekly.max())
    going_on = [
        f"{world!r} still has {count:,.3g} {names[0]} a day"
        for world, count in zip(map(str, predictions["world"].values), last.values.tolist(), strict=True)
        if count > 0 and count >= OVER * highest
    ]
    if not going_on:
        return ""
    days = f"after {daily.sizes[day]} days"
    return f"Not over {days}: {', '.join(going_on)}. What is averted by then may only be put off."


def html_of(title: str, line: str, table: pd.DataFrame | None = None) -> str:
    """A title, a line and a table as HTML for a notebook."""
    shown = "" if table is None else table.to_html(float_format=lambda value: f"{value:,.4g}", border=0)
    return f"<div><strong>{html.escape(title)}</strong><br>{html.escape(line)}{shown}</div>"
