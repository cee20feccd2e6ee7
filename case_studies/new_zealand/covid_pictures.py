"""A picture of the outbreak: reported cases by area and week, beside what runs of the posterior have."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from case_studies.new_zealand.covid_calendar import DAYS, FIRST_DAY, SEEN
from case_studies.new_zealand.covid_reports import AREAS, reported_cases

__all__ = ["draw"]

BANDS = ((0.05, 0.95, "#c6dbef"), (0.25, 0.75, "#6baed6"))
SAID = """dots: reported, in the middle
of the week
line: median of runs
bands: half and 90% of runs
dashed: 30 November, the last
day that was fitted"""
LINE, DOTS = "#08519c", "#d94801"


def draw(predicted: xr.Dataset, status: str, folder: Path) -> Path:
    """Writes cases.png: one panel an area, runs of the posterior with luck of their own, and the reports.

    Args:
        predicted: Runs to 28 December, as `covid_forecast.ahead` gives them.
        status: Of the calibration, said in the title unless it is "calibrated".
        folder: Where it is written.
    """
    folder.mkdir(exist_ok=True)
    runs = predicted["cases"].values[0].reshape(-1, *predicted["cases"].shape[3:])
    weeks = pd.date_range(FIRST_DAY + pd.Timedelta(days=3.5), periods=DAYS // 7, freq="7D")
    months = pd.date_range("2021-09-01", weeks[-1], freq="MS")
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    *panels, rest = figure.subplots(2, 4, sharex=True).flat
    for panel, (area, members) in zip(panels, AREAS.items(), strict=True):
        drawn, came = (
            daily[..., list(members), :].sum(-2).reshape(*daily.shape[:-2], -1, 7).sum(-1)
            for daily in (runs, reported_cases(DAYS))
        )
        for low, high, colour in BANDS:
            panel.fill_between(weeks, *np.quantile(drawn, [low, high], axis=0), color=colour, linewidth=0)
        panel.plot(weeks, np.median(drawn, axis=0), color=LINE)
        panel.plot(weeks, came, "o", color=DOTS, markersize=3)
        panel.axvline(FIRST_DAY + pd.Timedelta(days=SEEN), color="grey", linewidth=0.8, linestyle="--")
        panel.set_yscale("symlog", linthresh=10)
        panel.set_ylim(0, 2 * max(np.quantile(drawn, BANDS[0][1], axis=0).max(), came.max()))
        panel.set_title(area, fontsize=10)
        panel.set_xticks(months, [f"{month:%b}" for month in months])
    rest.axis("off")
    rest.text(0, 0.5, SAID, va="center", fontsize=9, transform=rest.transAxes)
    doubt = "" if status == "calibrated" else f"{status.upper()}: "
    figure.suptitle(f"{doubt}reported cases a week, interventional")
    figure.savefig(file := folder / "cases.png", dpi=120)
    return file
