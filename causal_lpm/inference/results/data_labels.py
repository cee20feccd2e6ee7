"""What the data of a result are called: names of groups and dates of days, given on to series of the same sizes."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["with_labels_of_data"]

KINDS = ("group", "day")


def with_labels_of_data(
    predictions: xr.Dataset, observed: xr.Dataset, *, groups: bool = True, dates: bool = True
) -> xr.Dataset:
    """Predictions with the labels and dates of the data sites, wherever numbers of groups or days agree.

    A site whose labels are others than those of its neighbours gets a dimension of its own, `SITE_group` or `SITE_day`,
    as in `observed`, the data of the result. A series that is no data site has the labels that all data of its size
    share. A data site with more days than the data goes on with the dates of the data. `groups` and `dates` say which
    of the two are given on.

    >>> data = xr.Dataset({"cases": (("group", "day"), np.ones((2, 3)))}, {"group": ["Bronx", "Queens"]})
    >>> series = xr.Dataset({"infections": (("group", "day"), np.ones((2, 3)))}, {"group": ["0", "1"]})
    >>> with_labels_of_data(series, data)["infections"]["group"].values.tolist()
    ['Bronx', 'Queens']
    """
    for kind, wanted in zip(KINDS, (groups, dates), strict=True):
        if wanted:
            series = [site for site, values in observed.data_vars.items() if not {"term", "table"} & set(values.attrs)]
            labels = {str(site): found for site in series if (found := _labels(observed, site, kind))}
            predictions = _given_on(predictions, kind, labels)
    return predictions


def _labels(observed: xr.Dataset, site: Hashable, kind: str) -> tuple[Any, ...]:
    """Of the groups or days of a data site; none where there are none."""
    dim = _dim(observed[site], kind)
    name = dim if kind == "group" else dim.removesuffix("day") + "date"
    return tuple(observed[name].values.tolist()) if name in observed.coords else ()


def _dim(series: xr.DataArray, kind: str) -> str:
    """`group` or `day`, or that with the name of the series in front."""
    return next(str(dim) for dim in series.dims if str(dim) in (kind, f"{series.name}_{kind}"))


def _given_on(predictions: xr.Dataset, kind: str, labels: Mapping[str, tuple[Any, ...]]) -> xr.Dataset:
    for dim in dict.fromkeys(_dim(series, kind) for series in predictions.data_vars.values()):
        size = predictions.sizes[dim]
        here = [name for name, series in predictions.data_vars.items() if _dim(series, kind) == dim]
        longer = {site: _longer(each, size) if kind == "day" else each for site, each in labels.items()}
        own = {str(name): longer[str(name)] for name in here if len(longer.get(str(name), ())) == size}
        found = set(own.values()) or {each for each in labels.values() if len(each) == size}
        if len(found) == 1:
            predictions = _labelled(predictions, dim, kind, found.pop())
        else:
            for site, each in own.items():
                apart = f"{site}_{kind}"
                predictions = predictions.assign({site: predictions[site].rename({dim: apart})})
                predictions = _labelled(predictions, apart, kind, each)
            if not any(dim in series.dims for series in predictions.data_vars.values()):
                predictions = predictions.drop_dims(dim)
    return predictions


def _longer(dates: tuple[Any, ...], size: int) -> tuple[Any, ...]:
    """Dates of more days than the data have, where those follow each other evenly: of forecasts of the same site."""
    if not 1 < len(dates) < size or len(steps := set(np.diff(np.array(dates)).tolist())) > 1:
        return dates
    step = steps.pop()
    return (*dates, *(dates[-1] + step * number for number in range(1, size - len(dates) + 1)))


def _labelled(predictions: xr.Dataset, dim: str, kind: str, labels: tuple[Any, ...]) -> xr.Dataset:
    if kind == "group":
        return predictions.assign_coords({dim: list(labels)})
    dates = np.array(labels, dtype="datetime64[ns]")
    return predictions.assign_coords({dim.removesuffix("day") + "date": (dim, dates)})
