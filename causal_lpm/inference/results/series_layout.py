"""Dimensions and coordinates of series: data sites share (group, day) where they can, else each has its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.results.sample_arrays import (
    SAMPLE_DIMS,
    Arrays,
    check_name,
    number_samples,
    split_chains,
)
from causal_lpm.validate import unique_entries

__all__ = ["SeriesLayout"]

RESERVED = ("group", "day", "date")


class SeriesLayout:
    """How the data sites of a model lie in a data set.

    Args:
        sampled: mappings site -> `[draw, day]` or `[draw, group, day]`, such as the posterior predictive.
        observed: site -> `[day]` or `[group, day]`.
        groups: site -> labels of its groups; without them they are numbered.
        dates: site -> the date of each day.

    All share `group` and `day` (`shared`) where they have the same groups, days, labels and dates.

    Raises:
        ValueError: a site's shapes, labels and dates do not fit each other.

    Example:
        >>> layout = SeriesLayout([], {"cases": np.ones((2, 30)), "deaths": np.ones(30)}, {}, {})
        >>> layout.shared, layout.dims("deaths")
        (False, ('deaths_group', 'deaths_day'))
    """

    def __init__(
        self,
        sampled: Sequence[Arrays],
        observed: Arrays,
        groups: Mapping[str, Sequence[str]],
        dates: Mapping[str, npt.ArrayLike],
    ) -> None:
        self._shapes: dict[str, tuple[int, int]] = {}
        for arrays in sampled:
            for site, values in arrays.items():
                self._add(site, np.shape(values)[1:])
        for site, values in observed.items():
            self._add(site, np.shape(values))
        self._groups = {site: _labels(site, shape[0], groups.get(site)) for site, shape in self._shapes.items()}
        self._dates = {site: _dates(site, shape[1], dates.get(site)) for site, shape in self._shapes.items()}
        signatures = {
            (shape, tuple(self._groups[site]), None if (days := self._dates[site]) is None else days.tobytes())
            for site, shape in self._shapes.items()
        }
        self.shared = len(signatures) <= 1

    def _add(self, site: str, shape: tuple[int, ...]) -> None:
        check_name("data site", site)
        if site in RESERVED:
            raise ValueError(f"a data site cannot be named {site!r}: that is a dimension; rename the site.")
        if len(shape) > 2:
            raise ValueError(f"the series of {site!r} have shape {shape}: give [day] or [group, day].")
        groups, days = (1, 1, *shape)[-2:]
        full = (groups, days)
        if self._shapes.setdefault(site, full) != full:
            raise ValueError(
                f"the series of {site!r} are {full[0]} groups x {full[1]} days in one place and "
                f"{self._shapes[site][0]} x {self._shapes[site][1]} in another: make them equal; missing data are NaN."
            )

    def dims(self, site: str) -> tuple[str, str]:
        """The names of a site's two dimensions."""
        return ("group", "day") if self.shared else (f"{site}_group", f"{site}_day")

    def samples(self, group: str, arrays: Arrays, chains: int) -> xr.Dataset:
        """Series `[chain * draw, (group,) day]` as variables (chain, draw, group, day)."""
        parts = {site: split_chains(group, site, values, chains) for site, values in arrays.items()}
        if len(counts := {values.shape[1] for values in parts.values()}) > 1:
            raise ValueError(f"the sites of {group!r} have {sorted(counts)} draws: give as many of each.")
        variables = {
            site: ((*SAMPLE_DIMS, *self.dims(site)), values.reshape(*values.shape[:2], *self._shapes[site]))
            for site, values in parts.items()
        }
        return number_samples(self._described(variables))

    def observed(self, arrays: Arrays) -> xr.Dataset:
        """Data `[(group,) day]` as variables (group, day)."""
        return self._described(
            {site: (self.dims(site), np.asarray(values).reshape(self._shapes[site])) for site, values in arrays.items()}
        )

    def _described(self, variables: Mapping[str, Any]) -> xr.Dataset:
        coords: dict[str, Any] = {}
        for site in variables:
            group, day = self.dims(site)
            coords[group] = self._groups[site]
            # Not as "units": xarray would read days since something as a date, and days alone as a duration.
            coords[day] = (day, np.arange(self._shapes[site][1]), {"long_name": "days since the start"})
            if (dates := self._dates[site]) is not None:
                coords["date" if self.shared else f"{site}_date"] = (day, dates)
        return xr.Dataset(variables, coords)


def _labels(site: str, count: int, given: Sequence[str] | None) -> list[str]:
    if isinstance(given, str):
        raise ValueError(f"the labels of the groups of {site!r} are the text {given!r}: give a list, one label a group.")
    labels = ["all"] if given is None and count == 1 else list(map(str, range(count) if given is None else given))
    if len(labels) != count:
        raise ValueError(f"the site {site!r} has {count} groups and {len(labels)} labels: give one label a group.")
    unique_entries(f"label of the groups of {site!r}", labels)
    return labels


def _dates(site: str, days: int, given: npt.ArrayLike | None) -> npt.NDArray[Any] | None:
    if given is None:
        return None
    dates: npt.NDArray[Any] = np.asarray(given, dtype="datetime64[ns]")
    if dates.shape != (days,):
        raise ValueError(f"the site {site!r} has {days} days and {dates.size} dates: give one date a day.")
    return dates
