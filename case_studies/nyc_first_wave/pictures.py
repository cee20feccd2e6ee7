"""Pictures of the study: the forecast against what came, and the answer for each anticipation."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from case_studies.nyc_first_wave.data import BOROUGHS, SERIES, WEEK_STARTS, FirstWave
from causal_lpm.inference import About, CalibrationResult, TreeLabels, build_tree, fan_chart

__all__ = ["draw", "draw_kinds", "draw_sensitivity"]


def draw(
    result: CalibrationResult, forecast: xr.Dataset, numbers: dict[str, Any], wave: FirstWave, folder: Path
) -> None:
    """All pictures, into a folder: of the calibration, the forecast, the anticipation, and of what happened."""
    result.plots(folder)
    draw_sensitivity(numbers, folder / "anticipation.png")
    draw_kinds(numbers["happened"], folder / "happened.png")
    predicted = {site: forecast[site].isel(world=0).stack(row=("draw", "replicate")) for site in SERIES}
    weeks = np.arange(len(WEEK_STARTS))
    origin = numbers["data"][1]
    seen = wave.until(origin)
    known = {
        site: np.pad(values.numpy(), ((0, 0), (0, len(weeks) - origin)), constant_values=np.nan)
        for site, values in seen.items()
    }
    tree = build_tree(
        About("svi+npe", result.status, numbers["seed"], 0, 0),
        {"row": np.arange(predicted["deaths"].sizes["row"])},
        posterior_predictive={site: values.transpose("row", ...).values for site, values in predicted.items()},
        observed_data=known,
        labels=TreeLabels(groups=dict.fromkeys(SERIES, BOROUGHS), dates=dict.fromkeys(SERIES, WEEK_STARTS)),
    )
    for site, reported in wave.series.items():
        later = np.where(weeks >= origin, reported.numpy(), np.nan)
        fan_chart(tree, site, origin, later).savefig(folder / f"forecast-{site}.png", dpi=150)


def draw_sensitivity(numbers: dict[str, Any], file: Path) -> None:
    """The share of deaths averted against the share of the early fall that moves with the order, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for name, points in numbers["anticipation"].items():
        x = [float(value) for value in points]
        low, middle, high = ([100 * row[i] for row in points.values()] for i in range(3))
        (line,) = axes.plot(x, middle, marker="o", label=f"order {name}")
        axes.fill_between(x, low, high, color=line.get_color(), alpha=0.2)
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.set_xlabel("anticipation: share of the early fall that moves with the order")
    axes.set_ylabel("deaths averted to 27 June, %")
    status = numbers["status"]
    axes.set_title(
        ("" if status == "calibrated" else f"{status.upper()}: ") + "median and 90% interval", fontsize="small"
    )
    axes.legend()
    figure.savefig(file, dpi=150)


def draw_kinds(happened: dict[str, Any], file: Path) -> None:
    """What is averted to 18 April, mean and 90% interval of each kind of statement, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    answers, status = happened["answers"], happened["status"]
    for axes, outcome in zip(figure.subplots(1, 2), ("expected_deaths", "infections"), strict=True):
        keys = [key for key in next(iter(answers.values())) if key.endswith(f": {outcome} averted")]
        for place, (kind, answer) in enumerate(answers.items()):
            mean, low, high = np.array([answer[key] for key in keys]).T / 1000
            rows = np.arange(len(keys)) + 0.2 * place
            axes.errorbar(mean, rows, xerr=(mean - low, high - mean), fmt="o", label=kind)
        axes.axvline(0.0, color="black", linewidth=0.8)
        axes.set_yticks(np.arange(len(keys)) + 0.2, [key.split(" against")[0] for key in keys])
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(f"{outcome.replace('_', ' ')} averted to 18 April, thousands")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(answers))
    verdict = "abducted" if status == "abducted" else f"{status.upper()}: the counterfactual is not to be read"
    figure.suptitle(f"{verdict}; mean and 90% interval", fontsize="small")
    figure.savefig(file, dpi=150)
