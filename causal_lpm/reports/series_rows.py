"""Series as columns for a chart: the median and a band of each world by day, and of what each averts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.policies.counted import is_stock, units_of
from causal_lpm.inference.policies.predictions import series_dims
from causal_lpm.inference.policies.summaries import ENOUGH_FOR_PERCENTILES

__all__ = ["Columns", "Lines", "averted_lines", "columns_of", "dates_of", "plain_number", "world_lines"]

Columns = dict[str, list[Any]]
"""Column -> values, as many in each."""
DIGITS = 5  # significant ones of a number in a chart
STEPS = {1: "a day", 7: "a week"}


@dataclass(frozen=True)
class Lines:
    """Lines of one chart over the same days.

    Attributes:
        outcome: What is counted.
        units: How, as `"new per day per 100,000"`.
        spread: What the band is, in words.
        x: Days, or dates as ISO text.
        dated: Whether they are dates.
        values: Name of a line -> `[5, day]`: median, lower and upper end of the wide band and of the narrow one.
    """

    outcome: str
    units: str
    spread: str
    x: list[Any]
    dated: bool
    values: Mapping[str, npt.NDArray[np.float64]]


def world_lines(predictions: xr.Dataset, outcome: str, group: str | None = None) -> Lines:
    """Each world, over all groups or one of them; per 100,000 where it is known how many persons there are."""
    samples, units, factor = _samples(predictions, outcome, group)
    values = {str(world): _quantiles(samples.sel(world=world).values * factor) for world in samples["world"].values}
    return _lines(predictions, samples, outcome, units, values)


def averted_lines(predictions: xr.Dataset, outcome: str, references: Mapping[str, str]) -> Lines:
    """The reference minus the other world in the same draw and replicate: added up over days where these are new cases.

    A number that is there at the end of a day, such as those in bed, is not added up.
    """
    samples, units, factor = _samples(predictions, outcome, None)
    adds_up = not is_stock(predictions[outcome])
    values = {}
    for other, reference in references.items():
        gap = (samples.sel(world=reference).values - samples.sel(world=other).values) * factor
        values[f"{other} against {reference}"] = _quantiles(gap.cumsum(-1) if adds_up else gap)
    said = f"averted so far{' per 100,000' * (factor != 1.0)}" if adds_up else f"fewer, {units}"
    return _lines(predictions, samples, outcome, said, values)


def columns_of(lines: Lines) -> Columns:
    """The columns of a chart: `id` of a line, `x`, `median`, `low`, `high`, `inner_low`, `inner_high`."""
    found: Columns = {"id": [], "x": []}
    names = ("median", "low", "high", "inner_low", "inner_high")
    found |= {name: [] for name in names}
    for number, values in enumerate(lines.values.values()):
        found["id"] += [f"w{number}"] * len(lines.x)
        found["x"] += lines.x
        for name, row in zip(names, values, strict=True):
            found[name] += [plain_number(value) for value in row]
    return found


def plain_number(value: float) -> float | None:
    """A number as JSON has it, short; None for NaN and infinity.

    >>> plain_number(1 / 3), plain_number(float("nan"))
    (0.33333, None)
    """
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def _samples(predictions: xr.Dataset, outcome: str, group: str | None) -> tuple[xr.DataArray, str, float]:
    """(world, sample, day), its units, and by what it is multiplied for these."""
    series = predictions[outcome].astype(float)
    groups, day = series_dims(predictions[outcome])
    counted = series.sum(groups) if group is None else series.sel({groups: group})
    stacked = counted.stack(sample=("draw", "replicate")).transpose("world", "sample", day)
    units = units_of(predictions[outcome], f"{_step(predictions[outcome], day)}, as the model counts")
    if "group_size" not in predictions.coords or groups != "group":
        return stacked, units, 1.0
    persons = predictions["group_size"]
    size = float(persons.sum() if group is None else persons.sel(group=group))
    return stacked, f"{units} per 100,000", 1e5 / size


def _lines(
    predictions: xr.Dataset,
    samples: xr.DataArray,
    outcome: str,
    units: str,
    values: Mapping[str, npt.NDArray[np.float64]],
) -> Lines:
    _, day = series_dims(predictions[outcome])
    dates = dates_of(predictions[outcome], day)
    numbers = np.arange(samples.sizes[day])
    x = numbers.tolist() if dates is None else np.datetime_as_string(dates, unit="D").tolist()
    return Lines(outcome, units, _spread(samples.sizes["sample"], predictions), x, dates is not None, values)


def dates_of(series: xr.DataArray, day: str) -> npt.NDArray[np.datetime64] | None:
    """The dates of a series, `[day]`, where it has them."""
    found = [coord.values for coord in series.coords.values() if coord.dims == (day,) and coord.dtype.kind == "M"]
    return found[0] if found else None


def _step(series: xr.DataArray, day: str) -> str:
    """What lies between two numbers: by their dates; without these, the longest series is daily."""
    dates = dates_of(series, day)
    if dates is not None and len(dates) > 1:
        return STEPS.get(int((dates[1] - dates[0]) / np.timedelta64(1, "D")), "a step")
    return "a day" if day == "day" else "a step"


def _quantiles(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`[sample, day]` to `[5, day]`; where there are few samples the wide band is from the smallest to the largest."""
    enough = len(values) >= ENOUGH_FOR_PERCENTILES
    points = (0.5, 0.05, 0.95, 0.25, 0.75) if enough else (0.5, 0.0, 1.0, 0.5, 0.5)
    found: npt.NDArray[np.float64] = np.quantile(values, points, axis=0)
    return found


def _spread(count: int, predictions: xr.Dataset) -> str:
    draws, replicates = predictions.sizes["draw"], predictions.sizes["replicate"]
    runs = " of ".join(_parts(draws, replicates))
    if count == 1:
        return "one run"
    return (
        f"median, 50% and 90% of {runs}"
        if count >= ENOUGH_FOR_PERCENTILES
        else f"median, smallest to largest of {runs}"
    )


def _parts(draws: int, replicates: int) -> Iterator[str]:
    if replicates > 1 or draws == 1:
        yield f"{replicates} replicate{'s' * (replicates != 1)}"
    if draws > 1:
        yield f"{draws} draws"
