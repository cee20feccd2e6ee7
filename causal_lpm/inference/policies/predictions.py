"""The one form of predictions: what is counted in each world, by draw, replicate, group and day.

A draw is a value of the parameters, a replicate is luck. A study, whose parameters are fixed, is one draw.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.files.dates import calendar

__all__ = ["check_labels", "predictions_dataset", "series_dims"]

DIMS = ("world", "draw", "replicate")


def predictions_dataset(
    values: Mapping[str, npt.NDArray[Any]],
    worlds: Sequence[str],
    *,
    seed: int,
    coupling: str,
    kind: str = "paired",
    start_date: str | None = None,
    group_labels: Sequence[str] | None = None,
    group_size: npt.ArrayLike | None = None,
    units: str | Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Outcomes as variables (world, draw, replicate, group, day) with attributes `kind`, `seed` and `coupling`.

    Where outcomes differ in their numbers of groups or days, the largest number keeps the names `group` and `day`; the
    others have `OUTCOME_group`, `OUTCOME_day`. One world has nothing to be paired with and is interventional, unless
    its luck was inferred.

    Args:
        values: Outcome -> `[world, draw, replicate, group, day]`.
        worlds: Their names, in order.
        seed: Of all luck.
        coupling: What worlds have in common beside the parameters.
        kind: "paired", "interventional" or "counterfactual".
        start_date: Date of day 0, as `"2020-03-01"`; adds a coordinate `date`.
        group_labels: One a group.
        group_size: Persons in each group; adds a coordinate `group_size`, of which rates per 100,000 are made.
        units: Of all outcomes, or of each of which they are known.

    >>> seen = predictions_dataset({"deaths": np.ones((2, 1, 4, 1, 30))}, ["open", "closed"], seed=0, coupling="")
    >>> dict(seen.sizes), seen.attrs["kind"]
    ({'world': 2, 'draw': 1, 'replicate': 4, 'group': 1, 'day': 30}, 'paired')
    """
    shapes = {name: value.shape[3:] for name, value in values.items()}
    groups, days = (max(shape[i] for shape in shapes.values()) for i in (0, 1))
    check_labels(group_labels, groups)
    _, draws, replicates, *_ = next(iter(values.values())).shape
    coords: dict[str, Any] = {"world": list(worlds), "draw": np.arange(draws), "replicate": np.arange(replicates)}
    variables = {}
    of_each = dict.fromkeys(values, units) if isinstance(units, str) else (units or {})
    for name, value in values.items():
        g, d = shapes[name]
        group, day = "group" if g == groups else f"{name}_group", "day" if d == days else f"{name}_day"
        variables[name] = ((*DIMS, group, day), value, {"units": of_each[name]} if name in of_each else {})
        coords[group] = ["all"] if g == 1 else [str(number) for number in range(g)]
        # Not as "units": xarray would read days since something as a date, and days alone as a duration.
        coords[day] = (day, np.arange(d), {"long_name": "days since the start"})
    if group_labels is not None:
        coords["group"] = [str(label) for label in group_labels]
    if group_size is not None:
        coords["group_size"] = ("group", np.asarray(group_size), {"units": "persons"})
    if start_date is not None:
        coords["date"] = ("day", calendar(start_date, days))
    said = kind if len(worlds) > 1 or kind == "counterfactual" else "interventional"
    return xr.Dataset(variables, coords, {"kind": said, "seed": seed, "coupling": coupling})


def check_labels(labels: Sequence[str] | None, groups: int) -> None:
    """Raises ValueError unless there is a label for each group, or none at all."""
    if labels is not None and len(labels) != groups:
        raise ValueError(f"there are {len(labels)} labels for {groups} groups: give one label a group.")


def series_dims(series: xr.DataArray) -> tuple[str, str]:
    """The names of the dimensions of groups and of days: `group` or `OUTCOME_group`, `day` or `OUTCOME_day`."""
    group, day = (
        next(str(dim) for dim in series.dims if dim in (kind, f"{series.name}_{kind}")) for kind in ("group", "day")
    )
    return group, day
