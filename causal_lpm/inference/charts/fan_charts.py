"""Fan charts of two worlds, with a ribbon of their paired difference below."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from causal_lpm.inference.charts.style import (
    COLOURS,
    FEW_CONTRASTS,
    GREY,
    bands,
    banner,
    few_worlds,
    legend_below,
    panels,
    plain,
    save_charts,
    time_axis,
    world_bands,
    wrapped,
)
from causal_lpm.inference.policies.counted import NEW, is_stock, units_of
from causal_lpm.inference.policies.dying_out import said_of_dying_out
from causal_lpm.inference.policies.statements import said
from causal_lpm.inference.policies.summaries import ENOUGH_FOR_PERCENTILES
from causal_lpm.inference.studies.study_tree import options_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["fan_chart", "save_fan_charts"]

LEVELS = ((0.95, 0.15), (0.5, 0.3))  # central shares of replicates, opacity


def fan_chart(
    tree: xr.DataTree,
    outcome: str,
    worlds: Sequence[str] | None = None,
    averted: tuple[str, str] | None = None,
    smooth: int = 7,
) -> "Figure":
    """Daily new counts of each world, and the difference below: median, 50% and 95% of the replicates.

    Of fewer than 40 replicates the smallest and the largest are drawn instead of percentiles. The difference is
    cumulative, in the same replicate, so that its right end is the effect of the tables; that of a stock is of the day.

    Args:
        tree: a result.
        outcome: what is counted.
        worlds: which to draw, at most seven; all, if not given.
        averted: the two worlds (other, reference) of which the reference minus the other is drawn below.
        smooth: daily counts are drawn as centred means over this many days; the difference never is.

    Raises:
        ValueError: if there are more worlds than can be told apart.
    """
    daily = _daily_per_100k(tree, outcome)
    names = [str(name) for name in (daily["world"].values if worlds is None else worlds)]
    few_worlds(names)
    levels = LEVELS if daily.sizes["sample"] >= ENOUGH_FOR_PERCENTILES else ((1.0, 0.2),)
    figure, axes = panels(2 if averted else 1, height=2.7)
    x, time = time_axis(axes, daily, "day")
    smoothed = daily.rolling(day=smooth, center=True, min_periods=1).mean()
    drawn = world_bands(axes[0], x, {name: smoothed.sel(world=name).values for name in names}, levels)
    mean = f"\n({smooth}-day mean)" if smooth > 1 else ""
    counts = tree["predictions"].to_dataset()[outcome]
    counted, stock = units_of(counts, NEW), is_stock(counts)
    plain(axes[0].set_ylabel(f"{outcome}, {counted}\nper 100,000{mean}"))
    if averted:
        other, reference = averted
        gap = daily.sel(world=reference) - daily.sel(world=other)
        bands(axes[1], x, (gap if stock else gap.cumsum("day")).values, GREY, "-", levels)
        axes[1].axhline(0, color="black", linewidth=0.8)
        plain(axes[1].set_ylabel(f"{outcome}, {'fewer on the day' if stock else 'averted so far'}\nper 100,000"))
        title = wrapped(f"averted in {other}: {reference} minus {other}, {_sharing(tree)}")
        plain(axes[1].set_title(title, fontsize="small", loc="left"))
    axes[-1].set_xlabel(time)
    figure.align_ylabels()
    count = tree["predictions"].sizes["replicate"]
    title = f"{tree.attrs['title']} ({count} replicate{'s' * (count != 1)})"
    banner(figure, tree)
    lines = [wrapped(text) for text in (title, options_text(tree), _died_out(tree, names[0])) if text]
    plain(axes[0].set_title("\n".join(lines), loc="left", fontsize="medium"))
    enough = "50% and 95%" if count >= ENOUGH_FOR_PERCENTILES else "smallest to largest"
    spread = "one replicate" if count == 1 else f"median, {enough} of {count} replicates"
    legend_below(figure, drawn, title=spread)
    return figure


def _died_out(tree: xr.DataTree, world: str) -> str:
    """How many epidemics died out in the first world that is drawn."""
    text = said_of_dying_out(tree["predictions"].to_dataset(), world)
    return f"{text[:1].upper()}{text[1:]}"


def _sharing(tree: xr.DataTree) -> str:
    """What the worlds of a difference share."""
    kind = str(tree["predictions"].attrs.get("kind", "paired"))
    return "paired in each replicate" if kind == "paired" else said(kind)


def _daily_per_100k(tree: xr.DataTree, outcome: str) -> xr.DataArray:
    """(sample, world, day), a sample being a draw and replicate."""
    predictions = tree["predictions"].to_dataset()
    agents = float(predictions["group_size"].sum())
    rates = predictions[outcome].sum("group") * (1e5 / agents)
    return rates.stack(sample=("draw", "replicate")).transpose("sample", "world", "day")


def save_fan_charts(tree: xr.DataTree, folder: str | os.PathLike[str]) -> list[Path]:
    """One chart for each outcome and contrast, or of the first worlds where there is no contrast."""
    return save_charts(_charts(tree), folder)


def _charts(tree: xr.DataTree) -> "Iterator[tuple[str, Callable[[], Figure]]]":
    predictions = tree["predictions"].to_dataset()
    outcomes = [str(outcome) for outcome in predictions.data_vars]
    if "causal_effect" not in tree.children:
        worlds = [str(name) for name in predictions["world"].values[: len(COLOURS)]]
        for outcome in outcomes:
            yield outcome, partial(fan_chart, tree, outcome, worlds)
        return
    effects = tree["causal_effect"].to_dataset()
    contrasts = list(zip(*(effects[name].values.tolist() for name in ("contrast", "world", "reference")), strict=True))
    for outcome in outcomes if len(contrasts) <= FEW_CONTRASTS else outcomes[:1]:
        for number, (contrast, other, reference) in enumerate(contrasts, start=1):
            # The reference comes first, so that the factual world always has the same colour.
            draw = partial(fan_chart, tree, outcome, [reference, other], (other, reference))
            yield f"{outcome}-{number:02d}-{contrast}", draw
