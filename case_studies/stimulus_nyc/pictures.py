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


def draw_winter(winter: dict[str, Any], standing: str, file: Path) -> None:
    """Weekly cases and deaths of the city, and unemployment of the boroughs: 90% intervals, and what was reported.

    Args:
        winter: The numbers of part 2.
        standing: What the predictions rest on.
        file: To be written.
    """
    from matplotlib.figure import Figure

    found, draws = winter["coverage"], winter["draws"]["worlds"]
    figure = Figure(figsize=(7.0, 8.0), layout="constrained")
    axes = figure.subplots(3)
    for place, site in zip(axes, ("cases", "deaths"), strict=False):
        own = found[site]
        place.fill_between(WEEK_STARTS, own["low"], own["high"], alpha=0.25, label=f"90% of {draws} draws")
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
    figure.suptitle(f"{SAYS}\n{standing}", fontsize="small", wrap=True)
    figure.savefig(file, dpi=150)


def draw_curve(winter: dict[str, Any], standing: str, file: Path) -> None:
    """What $500 a month changes against the transport, world minus world: means and 90% intervals.

    Args:
        winter: The numbers of part 2.
        standing: What the predictions rest on.
        file: To be written.
    """
    from matplotlib.figure import Figure

    curve, draws = winter["curve"], winter["draws"]["curve"]
    figure = Figure(figsize=(7.5, 5.4), layout="constrained")
    x = [float(value) for value in curve]
    for place, (outcome, label) in zip(figure.subplots(2, 2, sharex=True).flat, AXES.items(), strict=True):
        mean, low, high = ([curve[value][outcome][i] for value in curve] for i in range(3))
        (line,) = place.plot(x, mean, marker="o")
        place.fill_between(x, low, high, color=line.get_color(), alpha=0.2)
        place.axhline(0.0, color="black", linewidth=0.8)
        place.set_ylabel(f"change in {label}")
        place.set_xlabel("transport")
    about = f"$500 a month from January 2021 against none beyond what was paid: mean and 90% of {draws} draws"
    figure.suptitle(f"{about}\n{SAYS}\n{standing}", fontsize="small", wrap=True)
    figure.savefig(file, dpi=150)
