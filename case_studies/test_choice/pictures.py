"""Pictures of the study: the front of deaths and needless days, and where the fast test has less of either."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from case_studies.test_choice.question import ADHERENCES, world_name
from case_studies.test_choice.report import verdict

__all__ = ["draw"]

Values = npt.NDArray[np.float64]

COLOURS = {"slow test": "tab:blue", "fast test": "tab:orange"}


def draw(numbers: dict[str, Any], folder: Path) -> None:
    """Writes front.png and differences.png into a folder."""
    folder.mkdir(exist_ok=True)
    _front(numbers, folder / "front.png")
    _differences(numbers, folder / "differences.png")


def _front(numbers: dict[str, Any], file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 4.6), layout="constrained")
    everything, half = figure.subplots(1, 2, sharex=True, sharey=True)
    size = numbers["size"]
    for test, colour in COLOURS.items():
        days, deaths = _points(numbers, [name for name in numbers["grid"] if name.startswith(test)])
        everything.errorbar(*_bars(days, deaths), fmt="o", ms=3, lw=0.6, color=colour, alpha=0.6, label=test)
        days, deaths = _points(numbers, [world_name(test, rate, 0.5) for rate in size["rates"]])
        half.errorbar(*_bars(days, deaths), fmt="o-", ms=3, lw=0.8, color=colour, label=f"{test}, adherence 50%")
        for rate, x, y in zip(size["rates"], days[:, 0], deaths[:, 0], strict=True):
            half.annotate(
                f"{100 * rate:g}%",
                (x, y),
                xytext=(3, 4 if test == "slow test" else -9),
                textcoords="offset points",
                fontsize="x-small",
                rotation=45 if test == "slow test" else 0,  # its points are close to each other
            )
    front = np.array([[days, deaths] for deaths, days, _ in numbers["front"].values()])
    tests = [name.split(" test")[0] for name in numbers["front"] if name != "nobody tests"]
    label = ", ".join(f"{tests.count(test)} worlds with the {test} test" for test in ("fast", "slow"))
    everything.step(*front.T, where="post", color="black", lw=0.8, label=f"front: {label}")
    for axes in (everything, half):
        _, none = _points(numbers, ["nobody tests"])
        axes.axhline(none[0, 0], color="grey", lw=0.8, ls=":", label="nobody tests")
        axes.set_xscale("symlog", linthresh=1.0)
        axes.set_xlim(left=0.0)
        axes.set_ylim(bottom=0.0)
        axes.set_xlabel("needless quarantine days a person (linear up to 1)")
        axes.legend(fontsize="x-small", loc="lower left")
    everything.set_ylabel("deaths a 100,000")
    everything.set_title("one point a testing rate and adherence", fontsize="small")
    half.set_title("by testing rate a day", fontsize="small")
    figure.suptitle(
        f"{numbers['kind']}: {size['replicates']} replicates of {size['agents']:,} agents, bars 95% of the mean",
        fontsize="small",
    )
    figure.savefig(file, dpi=150)


def _points(numbers: dict[str, Any], names: list[str]) -> tuple[Values, Values]:
    """Needless days and deaths of worlds, `[world, (mean, error)]`."""
    cells = [numbers["grid"][name] for name in names]
    return np.array([cell["needless_days"] for cell in cells]), np.array([cell["deaths"] for cell in cells])


def _bars(days: Values, deaths: Values) -> tuple[Values, Values, Values]:
    return days[:, 0], deaths[:, 0], 1.96 * deaths[:, 1]


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
