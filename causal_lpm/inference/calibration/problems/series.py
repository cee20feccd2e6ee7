"""Data as they are given: numbers in order, days that are missing, dates that ascend."""

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.distributions import constraints

__all__ = ["Series", "as_series", "check_support", "distribution_name"]

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")  # of labels that are texts


@dataclass(frozen=True)
class Series:
    """The data of one site.

    Attributes:
        values: float64, of the site's shape; NaN where missing.
        present: bool, of the same shape.
        dates: One a day where the data had them, datetime64; else None.
        groups: One label a group where the data had them; else None.
    """

    values: torch.Tensor
    present: torch.Tensor
    dates: npt.NDArray[Any] | None = None
    groups: tuple[str, ...] | None = None


def as_series(name: str, given: Any, shape: tuple[int, ...]) -> Series:
    """Data of the site `name`, whose values have `shape`.

    Args:
        name: The site.
        given: Anything that numpy reads, with NaN where missing; a pandas Series or DataArray brings its dates.
        shape: `[*batch, days]` of one simulation; `[days]` and `[1, days]` are the same.

    Raises:
        ValueError: another shape, infinite numbers, nothing but missing days, dates out of order or twice.

    >>> as_series("cases", [3, None, 4], (1, 3)).present
    tensor([[ True, False,  True]])
    """
    values = _numbers(name, given)
    dates = _dates(name, given)
    sizes, wanted = ([size for size in whole if size > 1] for whole in (values.shape, shape))
    if sizes != wanted:
        turned = " (Yours seem to be transposed: .T turns a table.)" if sizes == wanted[::-1] else ""
        raise ValueError(
            f"the data of site {name!r} have shape {values.shape}, a simulation gives {shape}: give one number a group "
            f"and day, days last, NaN where a day is missing.{turned}"
        )
    if np.isinf(values).any():
        raise ValueError(f"the data of site {name!r} contain infinity: give NaN where a day is missing.")
    if np.isnan(values).all():
        raise ValueError(
            f"the data of site {name!r} are missing on all days: leave the site out of the data and the model."
        )
    tensor = torch.from_numpy(values.reshape(shape))
    return Series(tensor, ~tensor.isnan(), dates, _groups(given))


def _numbers(name: str, given: Any) -> npt.NDArray[Any]:
    inner = getattr(given, "values", given)
    whole = given if callable(inner) else inner
    if isinstance(whole, torch.Tensor):
        whole = whole.numpy(force=True)
    try:
        if hasattr(whole, "to_numpy"):  # an array of pandas, which has a missing value of its own
            whole = whole.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.array(whole, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the data of site {name!r} are not numbers ({error}): give numbers [days] or [groups, days], NaN where a "
            "day is missing."
        ) from error


def _index(given: Any) -> Any:
    """What labels the days of a pandas Series or a DataArray; None for all else."""
    if hasattr(given, "coords") and hasattr(given, "dims"):
        last = given.dims[-1] if given.dims else None
        return given.coords[last].values if last in given.coords else None
    index: Any = given.columns if hasattr(given, "columns") else getattr(given, "index", None)
    if callable(index):
        return None  # of a list
    if hasattr(index, "to_timestamp"):
        index = index.to_timestamp()
    return index.tz_localize(None) if getattr(index, "tz", None) is not None else index


def _groups(given: Any) -> tuple[str, ...] | None:
    """What labels the groups of a DataFrame or a DataArray of two dimensions; None for all else."""
    if hasattr(given, "coords") and hasattr(given, "dims") and len(given.dims) == 2:
        first = given.dims[0]
        return tuple(map(str, given.coords[first].values)) if first in given.coords else None
    return tuple(map(str, given.index)) if hasattr(given, "columns") else None


def _dates(name: str, given: Any) -> npt.NDArray[Any] | None:
    index = _index(given)
    if index is None:
        return None
    dates: npt.NDArray[Any] = np.asarray(index)
    if dates.dtype.kind != "M":
        if not dates.size or not all(isinstance(label, date) or DATE.fullmatch(str(label)) for label in dates.flat):
            return None
        dates = dates.astype("datetime64[ns]")
    if np.isnat(dates).any():
        raise ValueError(f"the dates of site {name!r} have a gap (NaT): give every day its date.")
    steps = np.diff(dates)
    if len(steps) and not (steps > np.timedelta64(0)).all():
        at = int(np.flatnonzero(steps <= np.timedelta64(0))[0]) + 1
        raise ValueError(
            f"the dates of site {name!r} are out of order: {np.datetime_as_string(dates[at], 'D')} comes after "
            f"{np.datetime_as_string(dates[at - 1], 'D')}; sort the data by date, each date once."
        )
    if len(steps) and (steps != steps[0]).any():
        at = int(np.flatnonzero(steps != steps[0])[0]) + 1
        raise ValueError(
            f"the dates of site {name!r} have a gap before {np.datetime_as_string(dates[at], 'D')}: give every step, "
            "NaN where a number is missing."
        )
    return dates


def check_support(name: str, series: Series, fn: Any) -> None:
    """Raises ValueError where data are impossible for the site's distribution, such as negative counts."""
    support = fn.support
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    bounds = [getattr(support, end, None) for end in ("lower_bound", "upper_bound")]
    if getattr(support, "event_dim", 0) or isinstance(bounds[0], torch.Tensor):
        return  # joint numbers, or bounds that parameters may set
    if isinstance(bounds[1], torch.Tensor):
        lowest = float(bounds[0] or 0)
        support = (
            constraints.integer_interval(lowest, math.inf)
            if getattr(support, "is_discrete", False)
            else constraints.greater_than_eq(lowest)
        )
    numbers = series.values[series.present]
    fits = support.check(numbers)
    if not bool(fits.all()):
        worst = float(numbers[~fits][0])
        whole = getattr(support, "is_discrete", False)
        what = "a negative count" if whole and worst < 0 else f"a number that is {'not whole or ' * whole}out of range"
        raise ValueError(
            f"the data of site {name!r} contain {worst:g}, {what} for a {distribution_name(fn)}: correct it, or give "
            "NaN where the number is not known."
        )


def distribution_name(fn: Any) -> str:
    """Of the distribution of each number, as Pyro calls it."""
    while hasattr(fn, "base_dist") and type(fn).__name__ == "Independent":
        fn = fn.base_dist
    return type(fn).__name__
