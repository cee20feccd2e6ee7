"""All charts of a calibration, and the folder that they are written to."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.charts.diagnostic_charts import CURVES, coverage_chart, marginals, rank_chart
from causal_lpm.inference.charts.series_charts import fan_chart
from causal_lpm.inference.charts.style import COLOURS, FEW_CONTRASTS, MOST_PANELS, banner, panels, plain, save_charts
from causal_lpm.inference.charts.world_charts import effect_ribbon, reproduction_ribbon
from causal_lpm.inference.results.sample_arrays import flat_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["charts", "regret_bars", "save_calibration_plots"]

REPRODUCTION = ("R_t", "Rt", "reproduction_number")


def regret_bars(ranking: xr.Dataset, tree: xr.DataTree | None = None) -> "Figure":
    """The expected regret of each policy, best first, with the probability that it is the best one.

    The banner is that of the tree that the ranking of `rank_policies` was made from, or else of the ranking's `status`.

    Raises:
        ValueError: more policies than fit.
    """
    ordered = ranking.sortby("expected_regret", ascending=False)
    worlds = [str(world) for world in ordered["world"].values]
    if len(worlds) > 3 * MOST_PANELS:
        raise ValueError(f"{len(worlds)} policies do not fit in one chart: choose at most {3 * MOST_PANELS}.")
    figure, (axes,) = panels(1, height=0.4 * len(worlds) + 1.2)
    regret, best = ordered["expected_regret"].values, ordered["probability_best"].values
    axes.barh(range(len(worlds)), regret, color=COLOURS[0], height=0.6)
    for row, (value, share) in enumerate(zip(regret, best, strict=True)):
        axes.annotate(
            f"{_number(value)}; best with probability {share:.2f}",
            (value, row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    # Room for the words beside the longest bar.
    axes.set_xlim(0, 1.6 * (float(np.max(regret)) or 1.0))
    axes.set_yticks(range(len(worlds)), worlds)
    for label in axes.get_yticklabels():
        plain(label)
    kind = ranking.attrs.get("kind")
    axes.set_xlabel("expected regret (in units of the loss)" + (f", {kind}" if kind else ""))
    banner(figure, ranking if tree is None else tree)
    return figure


def save_calibration_plots(
    tree: xr.DataTree,
    folder: str | os.PathLike[str],
    origin: int | None = None,
    held_out: Mapping[str, npt.ArrayLike] | None = None,
    truth: Mapping[str, float] | None = None,
) -> list[Path]:
    """Every chart for which the result has what it needs, as PNG and SVG.

    Differences are of each world and the first one, which is the reference.

    Args:
        tree: a result.
        folder: made if need be.
        origin: first day of the forecast, as `fan_chart` takes it.
        held_out: site -> later data, as `fan_chart` takes them.
        truth: parameter -> its true value, where it is known.
    """
    return save_charts(charts(tree, origin, held_out, truth), folder)


def charts(
    tree: xr.DataTree,
    origin: int | None = None,
    held_out: Mapping[str, npt.ArrayLike] | None = None,
    truth: Mapping[str, float] | None = None,
) -> "Iterator[tuple[str, Callable[[], Figure]]]":
    """The charts for which the result has what they need: name of the file, and how to draw it."""
    if "posterior_predictive" in tree.children:
        for site, values in tree["posterior_predictive"].data_vars.items():
            if not str(values.dims[-1]).endswith("day"):
                continue  # a table
            labels = [str(label) for label in values[values.dims[-2]].values]
            for name, page in _pages(f"fan-{site}", labels):
                yield name, partial(fan_chart, tree, str(site), origin, (held_out or {}).get(str(site)), page)
    parameters = flat_names(tree["posterior"].to_dataset()) if "posterior" in tree.children else []
    for number, (name, _) in enumerate(_pages("parameters", parameters)):
        yield name, partial(marginals, tree, truth, number)
    sbc = tree["prior_sbc"].to_dataset() if "prior_sbc" in tree.children else xr.Dataset()
    if "ranks" in sbc.data_vars:
        for number, (name, _) in enumerate(_pages("ranks", [str(label) for label in sbc["parameter"].values])):
            yield name, partial(rank_chart, tree, number)
    if set(CURVES) & set(map(str, sbc.data_vars)):
        yield "coverage", partial(coverage_chart, tree)
    if "predictions" in tree.children:
        yield from _predicted(tree, tree["predictions"].to_dataset())


def _predicted(tree: xr.DataTree, predictions: xr.Dataset) -> "Iterator[tuple[str, Callable[[], Figure]]]":
    reference, *others = (str(world) for world in predictions["world"].values)
    outcomes = [str(name) for name in predictions.data_vars if name not in REPRODUCTION]
    for outcome in outcomes if len(others) <= FEW_CONTRASTS else outcomes[:1]:
        for number, world in enumerate(others, start=1):
            yield f"effect-{outcome}-{number:02d}-{world}", partial(effect_ribbon, tree, outcome, (world, reference))
    for name in (str(name) for name in predictions.data_vars if name in REPRODUCTION):
        worlds = [reference, *others][: len(COLOURS)]
        labels = [str(label) for label in predictions["group"].values] if "group" in predictions[name].dims else []
        for group in labels if len(labels) > 1 else [None]:
            title = name if group is None else f"{name}-{group}"
            yield f"reproduction-{title}", partial(reproduction_ribbon, tree, name, worlds, group)


def _pages(name: str, labels: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """The name of each page, numbered if there are several, and what is on it."""
    count = -(-len(labels) // MOST_PANELS)
    for page in range(count):
        yield f"{name}-{page + 1:02d}" if count > 1 else name, labels[page * MOST_PANELS : (page + 1) * MOST_PANELS]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
