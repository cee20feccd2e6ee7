"""What a health office sees of a simulation: a share of a daily series, scattered; and the data that it has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from causal_lpm.agents import negative_binomial
from causal_lpm.inference.program.program import read, series_of
from causal_lpm.inference.studies.series_file import read_series
from causal_lpm.ops import observed
from causal_lpm.simulations.bound_models import BoundModel
from causal_lpm.templates.parameters import parameter
from causal_lpm.validate import known

if TYPE_CHECKING:
    import pandas as pd

    from causal_lpm.simulations.set_up import SetUp

__all__ = ["ReportedModel", "reported_model"]

SITE = "reported_{}"
OWN = ("reported", "dispersion")


@dataclass(frozen=True, eq=False)
class ReportedModel:
    """A model with its reports, as `fit` takes it.

    Attributes:
        model: That simulates.
        by_place: Series that are reported -> whether each place is, or all together.
        reported: Share, a number or a distribution.
        dispersion: Of the negative binomial.
    """

    model: BoundModel
    by_place: Mapping[str, bool]
    reported: Any
    dispersion: Any

    def __call__(self) -> Any:
        # Before the simulation: a draw of the prior then moves no agent.
        share = parameter("reported", self.reported, 0.0, 1.0).unsqueeze(-1)
        scatter = parameter("dispersion", self.dispersion, 1e-3, 1e10).unsqueeze(-1)
        run = self.model()
        for name, each in self.by_place.items():
            series = series_of(run)[name]
            counts = series if each else series.sum(-2, keepdim=True)
            observed(SITE.format(name), negative_binomial(share * counts, scatter).to_event(1))
        return run


def reported_model(
    simulation: SetUp, data: Any, priors: Mapping[str, Any], reported: Any, dispersion: Any
) -> tuple[ReportedModel, dict[str, Any]]:
    """The model over the days of the data, and the data by the names of its sites.

    Raises:
        ValueError: as `Simulation.calibrate`.
    """
    own = dict(zip(OWN, (reported, dispersion), strict=True))
    for name in priors:
        known("parameter", name, [*simulation.parameters, *own])
    own |= {name: prior for name, prior in priors.items() if name in own}
    parameters = {**simulation.parameters, **{name: prior for name, prior in priors.items() if name not in own}}
    column = simulation.column
    places = () if column is None else simulation.population.places[column]
    given = _series(data, places)
    one_day = replace(simulation.model(1), parameters=parameters)
    there = read(one_day).series
    by_place = {}
    for name, numbers in given.items():
        known("series", name, there)
        by_place[name] = np.ndim(numbers) == 2
        groups = np.shape(numbers)[0] if by_place[name] else 1
        if by_place[name] and groups != there[name].shape[-2]:
            raise ValueError(
                f"the data of {name!r} have {groups} groups and the model counts {there[name].shape[-2]}: give one "
                "row a place, or the sum of all."
            )
    days = {np.shape(numbers)[-1] for numbers in given.values()}
    if len(days) != 1:
        raise ValueError(f"the series have {sorted(days)} days: give equally many of each, NaN where missing.")
    model = ReportedModel(one_day.over(days.pop()), by_place, own["reported"], own["dispersion"])
    if not read(model, simulate=False).of("parameter"):
        raise ValueError(
            "no parameter has a prior, so that there is nothing to learn: give one, as in "
            "priors={'r0': dist.LogNormal(0.9, 0.3)} of pyro.distributions."
        )
    return model, {SITE.format(name): numbers for name, numbers in given.items()}


def _series(data: Any, places: tuple[str, ...]) -> dict[str, Any]:
    """Series -> numbers."""
    if isinstance(data, str | os.PathLike):
        data = read_series(data, places)
    if hasattr(data, "to_xarray") and not isinstance(data, Mapping):  # a table of pandas, one column a series
        data = _of_table(data, places) if hasattr(data, "columns") else {str(data.name): data}
    if not isinstance(data, Mapping) or not data:
        raise ValueError(
            "there are no data: give series -> numbers a day, such as {'cases': [3, 5, 8]}, or a CSV file."
        )
    found = {}
    for name, numbers in data.items():
        if np.ndim(numbers) not in (1, 2):
            raise ValueError(f"the data of {name!r} have {np.ndim(numbers)} dimensions: give [days] or [places, days].")
        found[name] = _by_name(str(name), numbers, places) if np.ndim(numbers) == 2 else numbers
        _check_daily(str(name), found[name])
    return found


def _by_name(name: str, numbers: Any, places: tuple[str, ...]) -> Any:
    """The rows in the order of the places, where they have names, as those of pandas and xarray do."""
    if hasattr(numbers, "columns"):  # a table of pandas, a row a place
        when = "date" if hasattr(numbers.columns, "date") else "day"
        coordinates = {"group": numbers.index.to_numpy(), when: numbers.columns.to_numpy()}
        numbers = xr.DataArray(numbers.to_numpy(), coordinates, ("group", when))
    if not isinstance(numbers, xr.DataArray) or not places:
        return numbers
    if _has_names(numbers, 1):
        numbers = numbers.transpose()
    if not _has_names(numbers, 0):  # numbered as the places are
        return numbers
    labels = numbers[numbers.dims[0]].values.tolist()
    for label in labels:
        known(f"place in the data of {name!r}", label, places)
    if sorted(labels) != sorted(places):
        raise ValueError(
            f"the data of {name!r} have the places {', '.join(labels)}, and each of {', '.join(places)} is needed "
            "once: give NaN where nothing is known."
        )
    return numbers.isel({numbers.dims[0]: [labels.index(place) for place in places]})


def _has_names(numbers: xr.DataArray, axis: int) -> bool:
    dim = numbers.dims[axis]
    return dim in numbers.coords and all(isinstance(label, str) for label in numbers[dim].values.tolist())


def _of_table(table: pd.DataFrame, places: tuple[str, ...]) -> dict[str, Any]:
    """The series of a table of pandas: as in a file where it has a column `date` or `day`, else of its index."""
    import pandas as pd

    table = table.rename(columns=str)
    when = [name for name in ("date", "day") if name in table]
    if len(when) == 2:
        raise ValueError("the table has a column date and a column day: leave one of them out.")
    if when == ["date"] and not pd.api.types.is_datetime64_any_dtype(table["date"]):
        try:
            table["date"] = pd.to_datetime(table["date"], format="%Y-%m-%d")
        except ValueError as error:
            raise ValueError(
                "the column 'date' has something else than dates such as 2020-03-09: make dates of it, as in "
                "pandas.to_datetime(column, format='%d/%m/%Y')."
            ) from error
    numbers = [name for name in table if name not in (*when, "group")]
    for name in numbers:
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise ValueError(
                f"the column {name!r} of the table has no numbers: call it date if it says when, or leave it out."
            )
    if not when:
        return {name: table[name] for name in numbers}
    twice = table.duplicated([name for name in ("group", *when) if name in table])
    if twice.any():
        row = table[twice].iloc[0]
        where = f" of {row['group']!r}" if "group" in table else ""
        raise ValueError(f"the table has the {when[0]} {row[when[0]]}{where} twice: give one row a day and group.")
    if "group" not in table:
        return dict(table.set_index(when)[numbers].items())
    for label in table["group"].unique():
        known("group in the table", str(label), places)
    by_place = table.set_index(["group", *when])[numbers].astype(float).to_xarray().reindex(group=list(places))
    return {str(name): series for name, series in by_place.data_vars.items()}


def _check_daily(name: str, numbers: Any) -> None:
    times: Any
    if isinstance(numbers, xr.DataArray):
        times = numbers[numbers.dims[-1]].values
    elif hasattr(numbers, "to_frame"):  # of pandas
        times = numbers.index
    else:
        return
    of_days = (numbers.dims[-1] if isinstance(numbers, xr.DataArray) else numbers.index.name) == "day"
    if of_days and np.asarray(times).dtype.kind in "iu" and times[0] not in (0, 1):
        raise ValueError(
            f"the data of {name!r} begin on day {times[0]}, and the simulation begins with their first day: give the "
            "days before, NaN where nothing is known, or number them from 0."
        )
    if len(times) < 2:
        return
    steps = np.diff(np.asarray(times))
    day = np.timedelta64(1, "D") if steps.dtype.kind == "m" else 1
    if not (steps == day).all():
        raise ValueError(f"the data of {name!r} are not daily: give one number a day, NaN where there is none.")
