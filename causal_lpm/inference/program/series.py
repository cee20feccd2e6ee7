"""Data as they are given: numbers in order, days that are missing, dates that ascend."""

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.distributions import constraints

from causal_lpm.inference.files.dates import fault_in, shown
from causal_lpm.inference.files.plain_numbers import number_of
from causal_lpm.inference.program.time_labels import are_dates, dates_of_labels

__all__ = ["Series", "as_series", "check_alignment", "check_support", "distribution_name", "numbers_of"]


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


def numbers_of(sites: Mapping[str, Series]) -> dict[str, npt.NDArray[Any]]:
    """Site -> its numbers as they are in results, NaN where missing."""
    return {name: series.values.numpy() for name, series in sites.items()}


def as_series(name: str, given: Any, shape: tuple[int, ...]) -> Series:
    """Data of the site `name`, whose values have `shape`.

    Args:
        name: The site.
        given: Anything that numpy reads, with NaN where missing; a pandas Series, a DataFrame or a DataArray brings its
            dates and the names of its groups.
        shape: `[*batch, days]` of one simulation; `[days]`, `[1, days]` and, with labels, `[days, 1]` are the same.

    Raises:
        ValueError: another shape, infinite numbers, nothing but missing days; labels of days that are not understood,
            out of order, there twice or with gaps.

    >>> as_series("cases", [3, None, 4], (1, 3)).present
    tensor([[ True, False,  True]])
    """
    given = _as_row(given, shape)
    values = _numbers(name, given)
    sizes, wanted = ([size for size in whole if size > 1] for whole in (values.shape, shape))
    days, groups = _days(given), _groups(given)
    if values.ndim == 1 and sizes == wanted and shape[-1:] == (1,):
        days, groups = None, days  # one day: what labels a Series are its groups
    # Order before shape: what is turned or backwards is told so, whatever its size.
    if groups is not None and are_dates(groups) and not (days is not None and are_dates(days)):
        raise ValueError(f"the data of site {name!r} have dates down the side: give days last; .T turns a table.")
    dates = None if days is None else dates_of_labels(name, days)
    names = None if groups is None else tuple(map(str, groups))
    if sizes != wanted:
        raise ValueError(_other_shape(name, values.shape, shape, names))
    if np.isinf(values).any():
        raise ValueError(f"the data of site {name!r} contain infinity: give NaN where a day is missing.")
    if np.isnan(values).all():
        raise ValueError(
            f"the data of site {name!r} are missing on all days: leave the site out of the data and the model."
        )
    tensor = torch.from_numpy(values.reshape(shape))
    return Series(tensor, ~tensor.isnan(), dates, names)


def _as_row(given: Any, shape: tuple[int, ...]) -> Any:
    """A table of one column, days down the side, as that column."""
    turned = getattr(given, "ndim", 0) == 2 and tuple(given.shape) == (*shape[-1:], 1) and shape[-1] > 1
    if turned and hasattr(given, "iloc"):
        return given.iloc[:, 0]
    return given[:, 0] if turned and hasattr(given, "dims") else given


def _other_shape(name: str, given: tuple[int, ...], shape: tuple[int, ...], groups: tuple[str, ...] | None) -> str:
    sizes, wanted = ([size for size in whole if size > 1] for whole in (given, shape))
    simulated = math.prod(shape[:-1])
    if len(given) == 2 and given[1] == shape[-1] and given[0] > simulated:
        last = f"{groups[-1]!r}" if groups else f"number {given[0] - 1}, counted from 0"
        return (
            f"the data of site {name!r} have {given[0]} groups and a simulation gives {simulated}: a tally without "
            f"groups= ends with the last group that has anybody in it, and here nobody is in {last}; say how many "
            f"there are, as in tally(..., groups={given[0]}), or leave that row out."
        )
    turned = " (Yours seem to be transposed: .T turns a table.)" if sizes == wanted[::-1] else ""
    return (
        f"the data of site {name!r} have shape {given}, a simulation gives {shape}: give one number a group "
        f"and day, days last, NaN where a day is missing.{turned}"
    )


def _numbers(name: str, given: Any) -> npt.NDArray[Any]:
    inner = getattr(given, "values", given)
    whole = given if callable(inner) else inner
    if isinstance(whole, torch.Tensor):
        whole = whole.numpy(force=True)
    try:
        if hasattr(whole, "to_numpy"):  # an array of pandas, which has a missing value of its own
            whole = whole.to_numpy(dtype=np.float64, na_value=np.nan)
        if isinstance(whole, np.ma.MaskedArray):  # its fill value is no datum
            whole = np.ma.filled(np.ma.asarray(whole, dtype=np.float64), np.nan)
        array = np.asarray(whole)
        if array.dtype.kind in "cmM" or (array.dtype.kind == "O" and any(map(_is_no_number, array.flat))):
            raise ValueError(f"{array.flat[0]!r} is no real number")
        if array.dtype.kind in "US":
            array = np.array([float("nan") if not text else number_of(text) for text in array.astype(str).flat])
            array = array.reshape(np.shape(whole))
        return np.array(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the data of site {name!r} are not numbers ({error}): give numbers [days] or [groups, days], NaN where a "
            "day is missing."
        ) from error


def _is_no_number(value: Any) -> bool:
    """Dates, durations, complex numbers and texts, some of which numpy would take for numbers."""
    return value is not None and not isinstance(value, numbers.Real | np.bool_)


def _days(given: Any) -> Any:
    """What labels the days of a pandas Series, a DataFrame or a DataArray; None for all else."""
    if hasattr(given, "coords") and hasattr(given, "dims"):
        last = given.dims[-1] if given.dims else None
        return given.coords[last].values if last in given.coords else None
    index: Any = given.columns if hasattr(given, "columns") else getattr(given, "index", None)
    if callable(index):
        return None  # of a list
    if hasattr(index, "to_timestamp"):
        index = index.to_timestamp()
    if getattr(index, "tz", None) is None:
        return index
    here = index.tz_localize(None)
    return here if fault_in(here.values) is None else index.tz_convert(None)  # where clocks are changed


def _groups(given: Any) -> Any:
    """What labels the groups of a DataFrame or a DataArray of two dimensions; None for all else."""
    if hasattr(given, "coords") and hasattr(given, "dims"):
        first = given.dims[0] if len(given.dims) == 2 else None
        return given.coords[first].values if first in given.coords else None
    return given.index if hasattr(given, "columns") else None


def check_alignment(data: Mapping[str, Series]) -> None:
    """Raises ValueError where sites contradict each other: day 0 of a simulation has one date, group 0 one name."""
    for (name, one), (other, two) in combinations(data.items(), 2):
        if one.dates is not None and two.dates is not None and len(one.dates) == len(two.dates) > 1:
            same_step = one.dates[1] - one.dates[0] == two.dates[1] - two.dates[0]
            if same_step and one.dates[0] != two.dates[0]:
                raise ValueError(
                    f"the data of site {name!r} begin on {shown(one.dates[0])} and those of {other!r} on "
                    f"{shown(two.dates[0])}, and both have {len(one.dates)} steps: give the same days to both, NaN "
                    "where a number is missing; where the model means other days, leave the dates of one out."
                )
        if one.groups and two.groups and one.groups != two.groups and sorted(one.groups) == sorted(two.groups):
            raise ValueError(
                f"the groups of site {name!r} are {', '.join(one.groups)} and those of {other!r} "
                f"{', '.join(two.groups)}: put both into the order of the model."
            )


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
