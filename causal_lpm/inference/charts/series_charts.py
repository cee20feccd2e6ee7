"""Data in the bands of what a calibration expects of them, with the origin of a forecast."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.charts.style import (
    COLOURS,
    GREY,
    bands,
    banner,
    legend_below,
    outer_labels,
    panels,
    plain,
    shade,
    time_axis,
)
from causal_lpm.inference.policies.counted import units_of
from causal_lpm.validate import known

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["fan_chart"]


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


def _step(values: xr.DataArray, day: str) -> str:
    """What lies between two data: by their dates, if there are any."""
    dates = [coord.values for coord in values.coords.values() if coord.dims == (day,) and coord.dtype.kind == "M"]
    if not dates or len(dates[0]) < 2:
        return "day"
    length = int((dates[0][1] - dates[0][0]) / np.timedelta64(1, "D"))
    return {1: "day", 7: "week"}.get(length, "step")


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


def _fan_handles(origin: bool, held_out: bool) -> dict[str, Any]:
    from matplotlib.lines import Line2D

    dots: dict[str, Any] = {"marker": "o", "color": "black", "markersize": 3, "linestyle": ""}
    handles = {"data": Line2D([], [], **dots)}
    if held_out:
        handles["data held out"] = Line2D([], [], **{**dots, "markersize": 3.5}, fillstyle="none", markeredgewidth=0.7)
    handles["median"] = Line2D([], [], color=COLOURS[0])
    handles["50%"] = shade(COLOURS[0], 0.48)
    handles["90%"] = shade(COLOURS[0], 0.2)
    if origin:
        handles["forecast begins"] = Line2D([], [], color=GREY, linestyle="--")
    return handles
