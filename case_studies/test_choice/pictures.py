"""Pictures of the study: the front of deaths and needless days, and where the fast test has less of either."""

from pathlib import Path
from typing import Any

import numpy as np

from case_studies.test_choice.question import ADHERENCES, world_name
from case_studies.test_choice.report import verdict

__all__ = ["draw"]

COLOURS = {"slow test": "tab:blue", "fast test": "tab:orange"}


def draw(numbers: dict[str, Any], folder: Path) -> None:
    """Writes front.png and differences.png into a folder."""
    folder.mkdir(exist_ok=True)
    _front(numbers, folder / "front.png")
    _differences(numbers, folder / "differences.png")


def _front(numbers: dict[str, Any], file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for test, colour in COLOURS.items():
        cells = [numbers["grid"][name] for name in numbers["grid"] if name.startswith(test)]
        days, deaths = (np.array([cell[name] for cell in cells]) for name in ("needless_days", "deaths"))
        axes.errorbar(
            days[:, 0], deaths[:, 0], 1.96 * deaths[:, 1], fmt="o", ms=3, lw=0.6, color=colour, alpha=0.6, label=test
        )
    front = np.array([[days, deaths] for deaths, days, _ in numbers["front"].values()])
    fast = sum(name.startswith("fast") for name in numbers["front"])
    axes.plot(*front.T, color="black", lw=1.0, label=f"front: {fast} of {len(front)} worlds have the fast test")
    axes.set_xscale("symlog", linthresh=0.3)
    axes.set_xlim(left=0.0)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("needless quarantine days a person (linear up to 0.3)")
    axes.set_ylabel("deaths a 100,000")
    size = numbers["size"]
    axes.set_title(
        f"{numbers['kind']}: {size['replicates']} replicates of {size['agents']:,} agents; one point a testing rate "
        "and adherence, bars 95% of the mean",
        fontsize="small",
    )
    axes.legend(fontsize="small")
    figure.savefig(file, dpi=150)


def _differences(numbers: dict[str, Any], file: Path) -> None:
    from matplotlib.colors import SymLogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    rates, adherences = numbers["size"]["rates"], ADHERENCES[1:]
    panels = {"deaths": "deaths a 100,000", "needless_days": "needless days a person"}
    for place, (outcome, title) in enumerate(panels.items(), 1):
        cells = np.array(
            [
                [numbers["fast_against_slow"][world_name("fast test", rate, each)][outcome] for each in adherences]
                for rate in rates
            ]
        )
        axes = figure.add_subplot(1, 2, place)
        most = float(np.abs(cells[..., 0]).max()) or 1.0
        norm = SymLogNorm(linthresh=most / 100, vmin=-most, vmax=most)
        image = axes.imshow(cells[..., 0], cmap="RdBu_r", norm=norm, origin="lower", aspect="auto")
        figure.colorbar(image, ax=axes, label=title)
        for row, column in zip(*np.nonzero((cells[..., 1] <= 0) & (cells[..., 2] >= 0)), strict=True):
            axes.text(column, row, "?", ha="center", va="center")
        axes.set_xticks(range(len(adherences)), [f"{100 * each:g}" for each in adherences])
        axes.set_yticks(range(len(rates)), [f"{100 * rate:g}" for rate in rates])
        axes.set_xlabel("adherence, %")
        axes.set_ylabel("testing rate, % a day")
        axes.set_title(f"fast - slow, {title}\n{verdict(numbers, outcome)}", fontsize="small")
    figure.suptitle(f"{numbers['kind']}; ?: the 95% interval of the mean holds 0", fontsize="small")
    figure.savefig(file, dpi=150)
