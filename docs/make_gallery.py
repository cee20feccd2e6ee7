"""Draws the pictures of the gallery that come from recorded results: no study is run but a market of some hundred days.

python docs/make_gallery.py
"""

import json
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from case_studies.london.pictures import closure_maps
from case_studies.market.cont import calm_market
from case_studies.market.question import WORLDS
from causal_lpm import KeyedNoise, comparing

IMAGES = Path(__file__).parent / "images"
STUDIES = Path(__file__).parents[1] / "case_studies"
BLUE, GREY = "#0072B2", "#595959"


def recorded(study: str) -> dict[str, Any]:
    """The numbers of a study's page."""
    found: dict[str, Any] = json.loads((STUDIES / study / "expected.json").read_text(encoding="utf-8"))
    return found


def rows(axes: Axes, numbers: dict[str, tuple[float, float, float]], label: str) -> None:
    """A dot and its 90% interval for each world, the first on top."""
    names = list(numbers)
    for at, (middle, low, high) in enumerate(numbers.values()):
        axes.plot([low, high], [at, at], color=BLUE, linewidth=2, alpha=0.5, solid_capstyle="butt")
        axes.plot(middle, at, "o", color=BLUE)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def h5n1() -> None:
    """Layers culled and the price of eggs in each world."""
    worlds = recorded("h5n1_eggs")["worlds"]
    figure = Figure(figsize=(10.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, name, unit, label in (
        (left, "culled", 1e6, "million layers culled in 2022-23"),
        (right, "price", 1.0, "mean price, USD a dozen"),
    ):
        rows(axes, {world: tuple(x / unit for x in found[name]) for world, found in worlds.items()}, label)
    figure.suptitle("Stop the spread or control prices? Mean and 90% of draws, interventional", fontsize="medium")
    figure.savefig(IMAGES / "h5n1_eggs.png", dpi=90)


def new_zealand() -> None:
    """Admissions less those as it was, by whose the doses were."""
    covid = recorded("new_zealand")["covid"]
    saved = {
        world: tuple(found["admitted"][0][4:7]) for world, found in covid["worlds"].items() if world != "as it was"
    }
    figure = Figure(figsize=(10.0, 2.6), layout="constrained")
    axes = figure.subplots()
    rows(axes, saved, "admissions to 28 December 2021 less those as it was")
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_title(
        f"{covid['status'].upper()}: median and 90% of draws and luck, paired", loc="left", fontsize="medium"
    )
    figure.savefig(IMAGES / "new_zealand.png", dpi=90)


def market(days: int = 600, shown: int = 250) -> None:
    """Returns of a market with and without a tax, on the same news."""
    names = ("free", "taxed")
    worlds = {name: WORLDS[name] for name in names}
    with torch.no_grad(), KeyedNoise(0), comparing(worlds):
        returns = calm_market(days).tallies["returns"].double().reshape(len(worlds), days)[:, -shown:]
    figure = Figure(figsize=(10.0, 3.0), layout="constrained")
    for axes, name, series in zip(figure.subplots(1, 2, sharey=True), names, returns, strict=True):
        axes.bar(range(shown), 100 * series, width=1.0, color=BLUE)
        axes.set_title(f"{name}: sd {100 * float(series.std()):.1f}%", loc="left", fontsize="medium")
        axes.set_xlabel("day")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("return, %")
    figure.savefig(IMAGES / "market.png", dpi=90)


if __name__ == "__main__":
    h5n1()
    new_zealand()
    market()
    closure_maps(recorded("london")).savefig(IMAGES / "london.png", dpi=100)
