"""The winter as it was predicted, and what $500 a month would change, as pictures."""

from pathlib import Path
from typing import Any

from case_studies.stimulus_nyc.question import BOROUGHS
from case_studies.stimulus_nyc.winter import MONTHS, WEEK_STARTS

__all__ = ["SAYS", "draw_curve", "draw_winter"]

SAYS = "synthetic respondent, no language model was asked"
AXES = {
    "employed": "employed\n(points of adults)",
    "isolating": "isolating\n(points of adults)",
    "infections": "infections",
    "deaths": "deaths",
}


def draw_winter(found: dict[str, Any], file: Path) -> None:
    """Weekly cases and deaths of the city, and unemployment of the boroughs: 90% intervals, and what was reported."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 8.0), layout="constrained")
    axes = figure.subplots(3)
    for place, site in zip(axes, ("cases", "deaths"), strict=False):
        own = found[site]
        place.fill_between(WEEK_STARTS, own["low"], own["high"], alpha=0.25, label="90% of predictions")
        place.plot(WEEK_STARTS, own["median"], label="median")
        place.plot(WEEK_STARTS, own["reported"], "k.", label="reported")
        place.set_ylabel(f"{site} a week, city")
        place.set_ylim(bottom=0)
    axes[0].legend(fontsize="small")
    rates = found["unemployment"]
    for number, borough in enumerate(BOROUGHS):
        (line,) = axes[2].plot(range(len(MONTHS)), rates["median"][number], label=borough)
        axes[2].fill_between(
            range(len(MONTHS)), rates["low"][number], rates["high"][number], color=line.get_color(), alpha=0.15
        )
        axes[2].plot(range(len(MONTHS)), rates["reported"][number], ".", color=line.get_color())
    axes[2].set_xticks(range(len(MONTHS)), MONTHS)
    axes[2].set_ylabel("unemployment, %")
    axes[2].set_ylim(top=23)
    axes[2].legend(fontsize="small", ncols=3, loc="upper right")
    figure.suptitle(SAYS, fontsize="small")
    figure.savefig(file, dpi=150)


def draw_curve(curve: dict[str, dict[str, list[float]]], file: Path) -> None:
    """What $500 a month changes against the transport, world minus world: means and 90% intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5.4), layout="constrained")
    x = [float(value) for value in curve]
    for place, (outcome, label) in zip(figure.subplots(2, 2, sharex=True).flat, AXES.items(), strict=True):
        mean, low, high = ([curve[value][outcome][i] for value in curve] for i in range(3))
        (line,) = place.plot(x, mean, marker="o")
        place.fill_between(x, low, high, color=line.get_color(), alpha=0.2)
        place.axhline(0.0, color="black", linewidth=0.8)
        place.set_ylabel(f"change in {label}")
        place.set_xlabel("transport")
    figure.suptitle(f"$500 a month from January 2021 against none beyond what was paid\n{SAYS}", fontsize="small")
    figure.savefig(file, dpi=150)
