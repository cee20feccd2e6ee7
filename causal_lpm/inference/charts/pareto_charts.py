"""Charts of worlds by what is wanted of them, two outcomes at a time."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.charts.style import (
    COLOURS,
    GREY,
    banner,
    banner_text,
    few_worlds,
    legend_below,
    panels,
    plain,
    wrapped,
)
from causal_lpm.inference.policies.pareto import WANTED
from causal_lpm.inference.policies.statements import said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_pareto"]

MARKERS = "osD^vPX"
BETTER = {"min": "less", "max": "more"}


def plot_pareto(front: xr.Dataset, *, title: str = "") -> "Figure":
    """Each world by two outcomes, one panel a pair: full where it is undominated in expected values, hollow elsewhere.

    Crosses are middle 90% of draws, and the dotted line is the front of the two outcomes in expected values: what is
    beyond it, no world reaches.

    Args:
        front: Of `pareto`, at most seven worlds and five outcomes.
        title: Above the panels.

    Raises:
        ValueError: no result of `pareto`; more worlds or pairs than can be told apart.
        ModuleNotFoundError: matplotlib is not installed.

    >>> plot_pareto(xr.Dataset())
    Traceback (most recent call last):
    ValueError: what is to be drawn has no variable 'undominated': give what pareto(...) returns.
    """
    if "undominated" not in front:
        raise ValueError("what is to be drawn has no variable 'undominated': give what pareto(...) returns.")
    worlds = [str(world) for world in front["world"].values]
    few_worlds(worlds)
    pairs = list(itertools.combinations(range(front.sizes["outcome"]), 2))
    figure, grid = panels(len(pairs), height=3.8 if len(pairs) == 1 else 3.0)
    handles = {}
    for axes, pair in zip(grid, pairs, strict=True):
        values = front["value"].values[list(pair)]  # [2, world, draw]
        corners = _front(values.mean(2), [str(front["wanted"].values[each]) for each in pair])
        axes.plot(*corners, color=GREY, linestyle=":", linewidth=1.2, zorder=1)
        low, high = np.quantile(values, [0.05, 0.95], axis=2)
        for number, world in enumerate(worlds):
            x, y = values[:, number].mean(1)
            colour, full = COLOURS[number], bool(front["on_front"].values[number])
            if values.shape[2] > 1:
                axes.hlines(y, low[0, number], high[0, number], color=colour, linewidth=1.2, alpha=0.7)
                axes.vlines(x, low[1, number], high[1, number], color=colour, linewidth=1.2, alpha=0.7)
            (point,) = axes.plot(
                [x],
                [y],
                marker=MARKERS[number],
                markersize=8,
                linestyle="none",
                color=colour,
                markerfacecolor=colour if full else "white",
                zorder=3,
            )
            handles[f"{world}: {_share(front, number)}"] = point
        plain(axes.set_xlabel(wrapped(_named(front, pair[0]), 80)))
        plain(axes.set_ylabel(wrapped(_named(front, pair[1]), 34)))
    if banner_text(front):
        banner(figure, front)
    elif title:
        plain(figure.suptitle(wrapped(title), fontsize="medium"))
    draws = front.sizes["draw"]
    runs = "one draw" if draws == 1 else f"mean and middle 90% of {draws} draws"
    legend_below(figure, handles, columns=2, title=f"{runs}, {said(str(front.attrs['kind']))}")
    return figure


def _share(front: xr.Dataset, number: int) -> str:
    return f"undominated in {100 * float(front['undominated'].values[number]):.0f}% of draws"


def _named(front: xr.Dataset, number: int) -> str:
    outcome, word, units = (str(front[name].values[number]) for name in ("outcome", "wanted", "units"))
    return f"{outcome}{f' ({units})' if units else ''}, {BETTER[word]} is better"


def _front(expected: npt.NDArray[Any], words: list[str]) -> npt.NDArray[Any]:
    """The corners `[2, points]` of the line on which the undominated of two outcomes lie, from `[2, world]`."""
    sign = np.array([[WANTED[word]] for word in words])
    losses = (expected * sign)[:, np.lexsort((expected * sign)[::-1])]
    best = np.minimum.accumulate(losses[1])
    kept = losses[:, np.diff(best, prepend=np.inf) < 0]
    x, y = np.repeat(kept[0], 2)[1:], np.repeat(kept[1], 2)[:-1]
    corners: npt.NDArray[Any] = np.stack([x, y]) * sign
    return corners
