"""Charts of simulated worlds: every series over time, and what a scenario averts so far."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.charts.style import (
    BANDS,
    COLOURS,
    LINES,
    bands,
    few_worlds,
    legend_below,
    panels,
    plain,
    time_axis,
    wrapped,
)
from causal_lpm.inference.policies.predictions import series_dims
from causal_lpm.inference.policies.statements import kind_of, said
from causal_lpm.validate import known

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["averted_chart", "worlds_chart"]


def worlds_chart(predictions: xr.Dataset, series: str | Sequence[str] | None = None, *, title: str = "") -> "Figure":
    """One panel a series, all groups together: median, and middle 50% and 90% of all runs, of each world.

    Args:
        predictions: (world, draw, replicate, group, day), at most seven worlds.
        series: Which; all, if not given.
        title: Above the panels.

    Raises:
        ValueError: an unknown series, more worlds or series than can be told apart.
        ModuleNotFoundError: matplotlib is not installed.
    """
    found = [str(name) for name in predictions.data_vars]
    chosen = found if series is None else [series] if isinstance(series, str) else list(series)
    for name in chosen:
        known("series", name, found)
    worlds = [str(world) for world in predictions["world"].values]
    few_worlds(worlds)
    figure, grid = panels(len(chosen))
    for axes, name in zip(grid, chosen, strict=True):
        daily = _daily(predictions, name)
        x, time = time_axis((axes,), daily, str(daily.dims[-1]))
        _lines(axes, x, daily, worlds)
        plain(axes.set_xlabel(time))
    if title:
        plain(figure.suptitle(wrapped(title), fontsize="medium"))
    legend_below(figure, dict(zip(worlds, grid[0].get_lines(), strict=True)), columns=2, title=_spread(predictions))
    return figure


def averted_chart(predictions: xr.Dataset, series: str, reference: str, *, title: str = "") -> "Figure":
    """A series in all worlds, and below it what each averts so far: the reference minus it, in the same run.

    Args:
        predictions: (world, draw, replicate, group, day), of new events a day, at most seven worlds.
        series: Which.
        reference: Name of the world with which all others are compared.
        title: Above the panels.

    Raises:
        ValueError: an unknown series or world, a single world, more worlds than can be told apart.
        ModuleNotFoundError: matplotlib is not installed.
    """
    known("series", series, map(str, predictions.data_vars))
    worlds = [str(world) for world in predictions["world"].values]
    known("world", reference, worlds)
    few_worlds(worlds)
    if len(worlds) == 1:
        raise ValueError(f"there is no world beside {reference!r} to compare: simulate another one.")
    figure, (upper, lower) = panels(2, height=2.7)
    daily = _daily(predictions, series)
    x, time = time_axis((upper, lower), daily, str(daily.dims[-1]))
    _lines(upper, x, daily, worlds)
    for world, colour, line in zip(worlds, COLOURS, LINES, strict=False):
        if world != reference:
            averted = (daily.sel(world=reference) - daily.sel(world=world)).cumsum(str(daily.dims[-1]))
            bands(lower, x, _runs(averted), colour, line, BANDS[:1])
    lower.axhline(0, color="black", linewidth=0.8)
    plain(lower.set_ylabel(f"{series}\n(averted so far)"))
    how = f"averted: {reference} minus the other ({said(kind_of(predictions))})"
    plain(lower.set_title(how, loc="left", fontsize="small"))
    plain(lower.set_xlabel(time))
    figure.align_ylabels()
    if title:
        plain(figure.suptitle(wrapped(title), fontsize="medium"))
    legend_below(figure, dict(zip(worlds, upper.get_lines(), strict=True)), columns=2, title=_spread(predictions))
    return figure


def _lines(axes: Any, x: npt.NDArray[Any], daily: xr.DataArray, worlds: Sequence[str]) -> None:
    levels = BANDS if len(worlds) == 1 else BANDS[:1]
    for world, colour, line in zip(worlds, COLOURS, LINES, strict=False):
        bands(axes, x, _runs(daily.sel(world=world)), colour, line, levels)
    axes.set_ylim(bottom=0)
    plain(axes.set_ylabel(f"{daily.name}\n({daily.attrs.get('units', 'unit not stated')})"))


def _daily(predictions: xr.Dataset, series: str) -> xr.DataArray:
    """(world, draw, replicate, day), of all groups together."""
    group, day = series_dims(predictions[series])
    return predictions[series].sum(group, keep_attrs=True).transpose("world", "draw", "replicate", day)


def _runs(values: xr.DataArray) -> npt.NDArray[Any]:
    """`[run, day]`."""
    return np.asarray(values.values.reshape(-1, values.shape[-1]), dtype=np.float64)


def _spread(predictions: xr.Dataset) -> str:
    runs = predictions.sizes["draw"] * predictions.sizes["replicate"]
    inner = "middle 90%" if predictions.sizes["world"] > 1 else "middle 50% and 90%"
    return "one run" if runs == 1 else f"median and {inner} of {runs} runs"
