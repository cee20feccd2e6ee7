"""What a map shows: one number a place in each world, of a day or in total, and the words for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.validate import known, whole_number

__all__ = ["Mapped", "mapped"]

Numbers = npt.NDArray[np.float64]
SAMPLES = ("chain", "draw", "replicate", "sample")


@dataclass(frozen=True)
class Mapped:
    """Numbers by world and place.

    Attributes:
        values: `[world, place, day]`, NaN for unknown; one day where there is no time.
        worlds: Their names; one empty name where there are no worlds.
        places: Labels.
        days: What to write for each day; empty where there is no time.
        what: Name of what is counted.
        unit: In words; empty where it is not known.
        runs: How many runs the numbers are the mean of.
    """

    values: Numbers
    worlds: tuple[str, ...]
    places: tuple[str, ...]
    days: tuple[str, ...]
    what: str
    unit: str
    runs: int

    def on(self, day: int | None) -> tuple[Numbers, str, str]:
        """`[world, place]` of a day, or in total where that means something; when that is, and the unit, in words.

        Raises:
            ValueError: a day that there is not; a total of what is no number of new ones.
        """
        if not self.days:
            if day is not None:
                raise ValueError(f"day is {day}, and {self.what} has no days: leave day out.")
            return self.values[..., 0], "", self.unit
        last = len(self.days) - 1
        if day is not None:
            number = whole_number("day", day, -len(self.days), last) % len(self.days)
            return self.values[..., number], self.days[number], self.unit
        if self.unit and not self.unit.startswith(("new", "per ")):
            raise ValueError(
                f"{self.what} counts the {self.unit}, which days do not add up: give the number of a day, from 0 to "
                f"{last}."
            )
        rest = " per 100,000" if self.unit.endswith("per 100,000") else ""
        return self.values.sum(-1), f"total of {self.days[0]} to {self.days[-1]}", f"all new ones{rest}"


def mapped(values: Any, outcome: str | None = None, worlds: Any = None, per_100k: bool = False) -> Mapped:
    """What to draw, from predictions, series by place, or one number a place.

    Args:
        values: `xarray.Dataset` of predictions or a tree that has them; a `DataArray` with one dimension of labelled
            places, and perhaps `world`, `day` and dimensions of samples, over which the mean is taken; a mapping or
            `pandas.Series`, place -> number.
        outcome: Which one, of predictions with several.
        worlds: Which, in this order; all, if not given.
        per_100k: Whether to divide by the number of persons of each place, which predictions know as `group_size`.

    Raises:
        ValueError: an unknown outcome or world; places without labels; no numbers of persons.
        TypeError: something else.
    """
    array = _array(values, outcome)
    name = str(array.name or "value")
    unit = " ".join(filter(None, (str(array.attrs.get("units", "")), "per 100,000" if per_100k else "")))
    day = next((str(dim) for dim in array.dims if dim in ("day", f"{name}_day")), None)
    if per_100k:
        if "group_size" not in array.coords:
            raise ValueError(f"{name} does not say how many persons live in each place: leave per_100k out.")
        array = array / array["group_size"] * 1e5
    samples = [dim for dim in array.dims if dim in SAMPLES]
    place = [str(dim) for dim in array.dims if dim not in (*samples, "world", day)]
    if len(place) != 1 or (place[0] not in array.coords and place[0] not in ("group", f"{name}_group")):
        raise ValueError(
            f"{name} has the dimensions {', '.join(map(str, array.dims))}: a map needs one with the labels of places, "
            "beside world, day and samples."
        )
    labels = tuple(str(label) for label in array[place[0]].values)
    mean = array.astype(np.float64).mean(samples) if samples else array.astype(np.float64)
    names = [str(world) for world in mean["world"].values] if "world" in mean.dims else [""]
    chosen = names if worlds is None else [worlds] if isinstance(worlds, str) else list(worlds)
    for world in chosen:
        known("world", world, names)
    order = [dim for dim in ("world", place[0], day) if dim in mean.dims]
    numbers = mean.transpose(*order).values.reshape(len(names), len(labels), -1)[[names.index(w) for w in chosen]]
    runs = int(np.prod([array.sizes[dim] for dim in samples]))
    return Mapped(numbers, tuple(chosen), labels, _days(array, day), name, unit, runs)


def _array(values: Any, outcome: str | None) -> xr.DataArray:
    if isinstance(values, xr.DataTree):
        if "predictions" not in values.children:
            raise ValueError("the result has no predictions, which a map shows: run predict, or give its data set.")
        values = values["predictions"].to_dataset()
    if isinstance(values, xr.Dataset):
        names = [str(name) for name in values.data_vars]
        if outcome is None and len(names) != 1:
            raise ValueError(f"the predictions have {', '.join(map(repr, names))}: name the outcome to be drawn.")
        known("outcome", outcome or names[0], names)
        return values[outcome or names[0]]
    if isinstance(values, xr.DataArray):
        return values
    if isinstance(values, Mapping) or hasattr(values, "to_dict"):
        pairs = dict(values if isinstance(values, Mapping) else values.to_dict())
        try:
            numbers = np.array([float(number) for number in pairs.values()])
        except (TypeError, ValueError) as error:
            raise ValueError(f"the values to be drawn are no numbers ({error}): give one number a place.") from error
        return xr.DataArray(numbers, {"place": [str(label) for label in pairs]}, ["place"], name=outcome)
    raise TypeError(
        f"a map of a {type(values).__name__} cannot be drawn: give predictions, a DataArray with labelled places, or "
        "{place: number}."
    )


def _days(array: xr.DataArray, day: str | None) -> tuple[str, ...]:
    if day is None:
        return ()
    dates = [coord.values for coord in array.coords.values() if coord.dims == (day,) and coord.dtype.kind == "M"]
    if dates:
        return tuple(str(date) for date in np.datetime_as_string(dates[0], unit="D"))
    numbers = array[day].values if day in array.coords else np.arange(array.sizes[day])
    return tuple(f"day {number}" for number in numbers)
