"""Charts over time: fans with the forecast's origin, differences of worlds, reproduction numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.charts.style import (
    BANDS,
    COLOURS,
    GREY,
    LINES,
    bands,
    banner,
    few_worlds,
    legend_below,
    outer_labels,
    panels,
    plain,
    time_axis,
    wrapped,
)
from causal_lpm.inference.policies.counted import is_stock, units_of
from causal_lpm.inference.policies.statements import said, said_of_predictions
from causal_lpm.validate import known

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["effect_ribbon", "fan_chart", "reproduction_ribbon"]

SAMPLES = ("chain", "draw", "replicate")


def fan_chart(
    tree: xr.DataTree,
    site: str,
    origin: int | None = None,
    held_out: npt.ArrayLike | None = None,
    groups: Sequence[str] | None = None,
) -> "Figure":
    """The data of a site in the 50% and 90% bands of its posterior predictive, with the origin of the forecast.

    Args:
        tree: a result.
        site: of `posterior_predictive`.
        origin: the first day of the forecast; by default, the day after the last one with data, if days follow.
        held_out: later data that the calibration did not see, `[day]` or `[group, day]`, drawn as open circles; NaN
            where there are none.
        groups: which to draw, at most twelve; all, if not given.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        TypeError: predictions, or anything else that is not the tree of a calibration.
        ValueError: an unknown site or group, more groups than fit, or held-out data of another shape.
    """
    if not isinstance(tree, xr.DataTree) or "posterior_predictive" not in tree.children:
        raise TypeError(
            f"fan_chart draws the tree of a calibration, and this is a {type(tree).__name__} without a posterior "
            "predictive: give result.tree; predictions are an xarray.Dataset, whose quantiles over draw and replicate "
            "can be drawn."
        )
    predictive = tree["posterior_predictive"].to_dataset()
    known("data site", site, map(str, predictive.data_vars))
    *_, group, day = (str(dim) for dim in predictive[site].dims)
    values = predictive[site].transpose("chain", "draw", group, day)
    labels = [str(label) for label in values[group].values]
    names = _chosen(labels, groups)
    figure, grid = panels(len(names))
    x, time = time_axis(grid, values, day)
    data = _data(tree, site, values.shape[2:])
    later = np.full(data.shape, np.nan) if held_out is None else np.atleast_2d(np.asarray(held_out, dtype=np.float64))
    if later.shape != data.shape:
        raise ValueError(
            f"held_out has shape {later.shape}, the data of {site!r} {data.shape}: give NaN where unknown."
        )
    start = _origin(data) if origin is None else origin
    for axes, name in zip(grid, names, strict=True):
        row = labels.index(name)
        samples = values.isel({group: row}).values.reshape(-1, values.sizes[day])
        bands(axes, x, samples, COLOURS[0])
        dots: dict[str, Any] = {"color": "black", "clip_on": False}  # zeros and the first day lie on the frame
        axes.plot(x, data[row], "o", markersize=2.5, **dots)
        axes.plot(x, later[row], "o", markersize=2.8, fillstyle="none", markeredgewidth=0.7, **dots)
        if start is not None:
            axes.axvline(x[start], color=GREY, linestyle="--", linewidth=1.2)
        axes.set_ylim(bottom=0)
        if len(labels) > 1:
            title = f"group {name}" if name == str(row) else name
            plain(axes.set_title(title, loc="left", fontsize="medium"))
    unit = units_of(predictive[site], f"per {_step(values, day)}")
    outer_labels(grid, time, f"{site}\n({unit})")
    banner(figure, tree)
    legend_below(figure, _fan_handles(start is not None, held_out is not None), columns=6)
    return figure


def effect_ribbon(tree: xr.DataTree, outcome: str, averted: tuple[str, str], group: str | None = None) -> "Figure":
    """Two worlds, and below them what is averted so far in the same draw and replicate: as it was minus what if.

    The light ribbon holds 90% of all runs, so parameters and luck; the dark one 90% of the draws after averaging over
    replicates. How much of its variance is still luck stands in the legend: of two replicates that may be nearly all.
    The days of a stock, such as prevalence, are not added up: below is then the difference on the day.

    `averted` names the worlds (other, reference) of which the reference minus the other is drawn, of one group or all.

    Raises:
        ValueError: there are no predictions, or an unknown outcome, world or group.
    """
    predictions = _predictions(tree)
    known("outcome", outcome, map(str, predictions.data_vars))
    for world in averted:
        known("world", world, map(str, predictions["world"].values))
    values = _of_group(_shared(predictions[outcome]), group, total=True).transpose("world", "draw", "replicate", "day")
    figure, (upper, lower) = panels(2, height=2.7)
    x, time = time_axis((upper, lower), values, "day")
    handles = {}
    # The reference comes first, so that the factual world always has the same colour.
    for world, colour, line in zip(averted[::-1], COLOURS, LINES, strict=False):
        bands(upper, x, _runs(values.sel(world=world)), colour, line, BANDS[:1])
        handles[f"{world}: median, 90%"] = upper.get_lines()[-1]
    stock = is_stock(predictions[outcome])
    gap = values.sel(world=averted[1]) - values.sel(world=averted[0])
    gap = gap if stock else gap.cumsum("day")
    several = gap.sizes["replicate"] > 1
    bands(lower, x, _runs(gap), GREY, "-", BANDS[:1])
    handles["averted, 90%: parameters and luck" if several else "averted: median, 90%"] = _patch(GREY, 0.2)
    if several:
        low, high = np.quantile(gap.mean("replicate").values, [0.05, 0.95], axis=0)
        lower.fill_between(x, low, high, color=GREY, alpha=0.45, linewidth=0)
        handles[f"averted, 90%: mean of {gap.sizes['replicate']} replicates a draw{_luck_left(gap)}"] = _patch(
            GREY, 0.6
        )
    lower.axhline(0, color="black", linewidth=0.8)
    upper.set_ylim(bottom=0)
    of_group = "" if group is None else f" of {group}"
    # The longest series is daily; one of its own length, such as weekly reports, is not.
    daily = "day" in predictions[outcome].dims
    unit = units_of(predictions[outcome], f"a {'day' if daily else 'step'}, as the model counts")
    plain(upper.set_ylabel(f"{outcome}{of_group}\n({unit})"))
    plain(lower.set_ylabel(f"{outcome}{of_group}\n({'fewer on the day' if stock else 'averted so far'})"))
    kind = str(predictions.attrs.get("kind", "kind not stated"))
    title = f"averted: {averted[1]} minus {averted[0]} ({said(kind)})"
    plain(lower.set_title(title, loc="left", fontsize="small"))
    plain(lower.set_xlabel(time if daily else "step"))
    if text := said_of_predictions(predictions):
        plain(upper.set_title(wrapped(text, 100), loc="left", fontsize="small"))
    figure.align_ylabels()
    banner(figure, tree)
    legend_below(figure, handles, columns=2)
    return figure


def _luck_left(gap: xr.DataArray) -> str:
    """How much of the variance between means of draws is luck that was not averaged away, on the last day."""
    last = gap.isel(day=-1).transpose("draw", "replicate").values.astype(np.float64)
    if len(last) < 2:
        return ": all luck"
    between = float(last.mean(1).var(ddof=1))
    luck = float(last.var(1, ddof=1).mean()) / last.shape[1]
    share = min(luck / between, 1.0) if between else 0.0
    return f", {share:.0%} of its variance is luck"


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
    names = _chosen([str(world) for world in values["world"].values], worlds) if "world" in values.dims else []
    few_worlds(names)
    levels, spread = (BANDS, "50% and 90%") if len(names) < 2 else (BANDS[:1], "90%")
    figure, (axes,) = panels(1, height=3.2)
    x, time = time_axis((axes,), values, str(values.dims[-1]))
    handles: dict[str, Any] = {}
    for world, colour, line in zip(names or [""], COLOURS, LINES, strict=False):
        bands(axes, x, _runs(values.sel(world=world) if world else values), colour, line, levels)
        handles[f"{world or name}: median, {spread}"] = axes.get_lines()[-1]
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylim(bottom=0)
    kind = str(tree[where].attrs.get("kind", "")) if names else ""
    outer_labels((axes,), time, f"{name} (new infections per infection)")
    plain(axes.set_title(said(kind) if len(names) > 1 else "", loc="left", fontsize="small"))
    banner(figure, tree)
    legend_below(figure, handles, columns=2)
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


def _step(values: xr.DataArray, day: str) -> str:
    """What lies between two data: by their dates, if there are any."""
    dates = [coord.values for coord in values.coords.values() if coord.dims == (day,) and coord.dtype.kind == "M"]
    if not dates or len(dates[0]) < 2:
        return "day"
    length = int((dates[0][1] - dates[0][0]) / np.timedelta64(1, "D"))
    return {1: "day", 7: "week"}.get(length, "step")


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


def _chosen(labels: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    chosen = list(labels if wanted is None else wanted)
    for label in chosen:
        known("name", label, labels)
    return chosen


def _data(tree: xr.DataTree, site: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if "observed_data" not in tree.children or site not in tree["observed_data"].data_vars:
        return np.full(shape, np.nan)
    return np.asarray(tree["observed_data"].to_dataset()[site].values, dtype=np.float64)


def _origin(data: npt.NDArray[Any]) -> int | None:
    days = np.flatnonzero(~np.isnan(data).all(0))
    return int(days[-1]) + 1 if days.size and days[-1] + 1 < data.shape[1] else None


def _patch(colour: str, opacity: float) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour, alpha=opacity, linewidth=0)


def _fan_handles(origin: bool, held_out: bool) -> dict[str, Any]:
    from matplotlib.lines import Line2D

    dots: dict[str, Any] = {"marker": "o", "color": "black", "markersize": 3, "linestyle": ""}
    handles = {"data": Line2D([], [], **dots)}
    if held_out:
        handles["data held out"] = Line2D([], [], **{**dots, "markersize": 3.5}, fillstyle="none", markeredgewidth=0.7)
    handles["median"] = Line2D([], [], color=COLOURS[0])
    handles["50%"] = _patch(COLOURS[0], 0.48)
    handles["90%"] = _patch(COLOURS[0], 0.2)
    if origin:
        handles["forecast begins"] = Line2D([], [], color=GREY, linestyle="--")
    return handles
