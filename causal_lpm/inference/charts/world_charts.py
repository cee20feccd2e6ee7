"""Charts of worlds over time: every series, what is averted so far, reproduction numbers."""

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
    banner,
    few_worlds,
    legend_below,
    outer_labels,
    panels,
    plain,
    shade,
    time_axis,
    world_bands,
    wrapped,
)
from causal_lpm.inference.policies.counted import is_stock, units_of
from causal_lpm.inference.policies.statements import said, said_of_predictions
from causal_lpm.validate import known

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["averted_chart", "effect_ribbon", "reproduction_ribbon", "worlds_chart"]

SAMPLES = ("chain", "draw", "replicate")


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
    levels, spread = (BANDS, "middle 50% and 90%") if len(worlds) == 1 else (BANDS[:1], "middle 90%")
    figure, grid = panels(len(chosen))
    lines: dict[str, Any] = {}
    for axes, name in zip(grid, chosen, strict=True):
        values = _of_group(_shared(predictions[name]), None, total=True)
        x, time = time_axis((axes,), values, "day")
        lines = world_bands(axes, x, {world: _runs(values.sel(world=world)) for world in worlds}, levels)
        plain(axes.set_ylabel(f"{name}\n({_unit(predictions[name])})"))
        plain(axes.set_xlabel(time))
    _head(figure, grid[0], predictions, title)
    legend_below(figure, lines, 2, _counted(predictions, f"median and {spread} of "))
    return figure


def averted_chart(
    predictions: xr.Dataset,
    outcome: str,
    reference: str,
    others: Sequence[str] | None = None,
    *,
    group: str | None = None,
    title: str = "",
) -> "Figure":
    """Worlds, and below them what each averts so far in the same draw and replicate: as it was minus what if.

    Light bands hold 90% of all runs, so parameters and luck. Of one other world with several draws and replicates, a
    dark band holds 90% of the draws after averaging over replicates, and how much of its variance is still luck stands
    in the legend: of two replicates that may be nearly all. The days of a stock, such as prevalence, are not added up:
    below is then the difference on the day.

    Args:
        predictions: (world, draw, replicate, group, day).
        outcome: What is counted.
        reference: Name of the world with which the others are compared.
        others: At most six; all, if not given.
        group: Which; all together, if not given.
        title: Above the panels.

    Raises:
        ValueError: an unknown outcome, world or group, a single world, more worlds than can be told apart.
        ModuleNotFoundError: matplotlib is not installed.
    """
    known("series", outcome, map(str, predictions.data_vars))
    worlds = [str(world) for world in predictions["world"].values]
    others = [world for world in worlds if world != reference] if others is None else list(others)
    for world in (*others, reference):
        known("world", world, worlds)
    if not others:
        raise ValueError(f"there is no world beside {reference!r} to compare: simulate another one.")
    # The reference comes first, so that the factual world always has the same colour.
    few_worlds([reference, *others])
    values = _of_group(_shared(predictions[outcome]), group, total=True).transpose("world", "draw", "replicate", "day")
    figure, (upper, lower) = panels(2, height=2.7)
    x, time = time_axis((upper, lower), values, "day")
    runs = {world: _runs(values.sel(world=world)) for world in (reference, *others)}
    lines = world_bands(upper, x, runs, BANDS[:1])
    handles = {f"{world}: median, 90%": line for world, line in lines.items()}
    stock = is_stock(predictions[outcome])
    for world, colour, line in zip(others, COLOURS[1:], LINES[1:], strict=False):
        gap = values.sel(world=reference) - values.sel(world=world)
        gap = gap if stock else gap.cumsum("day")
        bands(lower, x, _runs(gap), colour, line, BANDS[:1])
        if len(others) == 1:
            handles |= _parts(lower, x, gap, colour)
    lower.axhline(0, color="black", linewidth=0.8)
    of_group = "" if group is None else f" of {group}"
    plain(upper.set_ylabel(f"{outcome}{of_group}\n({_unit(predictions[outcome])})"))
    plain(lower.set_ylabel(f"{outcome}{of_group}\n({'fewer on the day' if stock else 'averted so far'})"))
    kind = str(predictions.attrs.get("kind", "kind not stated"))
    other = others[0] if len(others) == 1 else "the other"
    plain(lower.set_title(f"averted: {reference} minus {other} ({said(kind)})", loc="left", fontsize="small"))
    plain(lower.set_xlabel(time if _is_daily(predictions[outcome]) else "step"))
    _head(figure, upper, predictions, title)
    figure.align_ylabels()
    legend_below(figure, handles, 2, _counted(predictions))
    return figure


def effect_ribbon(tree: xr.DataTree, outcome: str, averted: tuple[str, str], group: str | None = None) -> "Figure":
    """Two worlds of a result and what is averted so far, as `averted_chart` draws it, with the banner of the result.

    `averted` names the worlds (other, reference) of which the reference minus the other is drawn, of one group or all.

    Raises:
        ValueError: there are no predictions, or an unknown outcome, world or group.
    """
    other, reference = averted
    figure = averted_chart(_predictions(tree), outcome, reference, [other], group=group)
    banner(figure, tree)
    return figure


def _parts(axes: Any, x: npt.NDArray[Any], gap: xr.DataArray, colour: str) -> dict[str, Any]:
    """Handles of what is drawn of a gap, whose part that is parameters is drawn here, where there are two parts."""
    draws, replicates = gap.sizes["draw"], gap.sizes["replicate"]
    if draws == 1 or replicates == 1:
        return {"averted: median, 90%": shade(colour, 0.2)}
    low, high = np.quantile(gap.mean("replicate").values, [0.05, 0.95], axis=0)
    axes.fill_between(x, low, high, color=colour, alpha=0.45, linewidth=0)
    of_mean = f"averted, 90%: mean of {replicates} replicates a draw, {_luck_left(gap):.0%} of its variance is luck"
    return {"averted, 90%: parameters and luck": shade(colour, 0.2), of_mean: shade(colour, 0.6)}


def _luck_left(gap: xr.DataArray) -> float:
    """How much of the variance between means of draws is luck that was not averaged away, on the last day."""
    last = gap.isel(day=-1).transpose("draw", "replicate").values.astype(np.float64)
    between = float(last.mean(1).var(ddof=1))
    luck = float(last.var(1, ddof=1).mean()) / last.shape[1]
    return min(luck / between, 1.0) if between else 0.0


def reproduction_ribbon(
    tree: xr.DataTree, name: str = "R_t", worlds: Sequence[str] | None = None, group: str | None = None
) -> "Figure":
    """A reproduction number over time with its 50% and 90% bands, from the predictions or the posterior.

    `name` is an outcome of the predictions, or a parameter whose last dimension is time. Of the predictions, at most
    seven worlds are drawn; where there are several groups, one must be chosen.

    Raises:
        ValueError: nothing has this name, an unknown world or group, or more worlds than can be told apart.
    """
    values, where = _found(tree, name)
    values = _of_group(_shared(values), group, total=False)
    found = [str(world) for world in values["world"].values] if "world" in values.dims else []
    names = found if worlds is None else list(worlds)
    for world in names:
        known("name", world, found)
    few_worlds(names)
    levels, spread = (BANDS, "50% and 90%") if len(names) < 2 else (BANDS[:1], "90%")
    figure, (axes,) = panels(1, height=3.2)
    x, time = time_axis((axes,), values, str(values.dims[-1]))
    runs = {world: _runs(values.sel(world=world)) for world in names} or {name: _runs(values)}
    lines = world_bands(axes, x, runs, levels)
    axes.axhline(1, color="black", linewidth=0.8)
    kind = str(tree[where].attrs.get("kind", "")) if names else ""
    outer_labels((axes,), time, f"{name} (new infections per infection)")
    plain(axes.set_title(said(kind) if len(names) > 1 else "", loc="left", fontsize="small"))
    banner(figure, tree)
    legend_below(figure, {f"{world}: median, {spread}": line for world, line in lines.items()}, columns=2)
    return figure


def _found(tree: xr.DataTree, name: str) -> tuple[xr.DataArray, str]:
    places = [where for where in ("predictions", "posterior") if where in tree.children]
    for where in places:
        dataset = tree[where].to_dataset()
        if name in dataset.data_vars:
            if set(dataset[name].dims) <= set(SAMPLES):
                raise ValueError(f"{name!r} of {where!r} has no time: give the name of a series.")
            return dataset[name], where
    known("reproduction number", name, [str(key) for where in places for key in tree[where].data_vars])
    raise AssertionError("known refuses what is not there")


def _predictions(tree: xr.DataTree) -> xr.Dataset:
    if "predictions" not in tree.children:
        raise ValueError("the result has no predictions: run predict, and with_group(tree, 'predictions', ...).")
    return tree["predictions"].to_dataset()


def _shared(values: xr.DataArray) -> xr.DataArray:
    """Groups and days by these names, where an outcome has its own: `OUTCOME_group`, `OUTCOME_day`."""
    own = {f"{values.name}_{dim}": dim for dim in ("group", "day")}
    return values.rename({old: new for old, new in own.items() if old in values.dims})


def _of_group(values: xr.DataArray, group: str | None, total: bool) -> xr.DataArray:
    if "group" not in values.dims:
        return values
    labels = [str(label) for label in values["group"].values]
    if group is not None:
        known("group", group, labels)
        return values.isel(group=labels.index(group))
    if total:
        return values.sum("group")
    if len(labels) > 1:
        raise ValueError(f"{values.name!r} has the groups {', '.join(labels)}, which do not add up: choose one.")
    return values.isel(group=0)


def _runs(values: xr.DataArray) -> npt.NDArray[Any]:
    """`[sample, time]`, whatever the samples are called."""
    runs: npt.NDArray[Any] = values.values.reshape(-1, values.shape[-1])
    return runs


def _is_daily(values: xr.DataArray) -> bool:
    """The longest series is daily; one of its own length, such as weekly reports, is not."""
    return "day" in values.dims


def _unit(values: xr.DataArray) -> str:
    return units_of(values, f"a {'day' if _is_daily(values) else 'step'}, as the model counts")


def _counted(predictions: xr.Dataset, spread: str = "") -> str:
    """How many runs a chart is of."""
    runs = predictions.sizes["draw"] * predictions.sizes["replicate"]
    return "one run" if runs == 1 else f"{spread}{runs} runs"


def _head(figure: "Figure", axes: Any, predictions: xr.Dataset, title: str) -> None:
    """A title, and what every chart says of the runs behind it."""
    if title:
        plain(figure.suptitle(wrapped(title), fontsize="medium"))
    if text := said_of_predictions(predictions):
        plain(axes.set_title(wrapped(text, 100), loc="left", fontsize="small"))
