"""What the language model answered beside what was measured, as a picture."""

from pathlib import Path

import numpy as np

from case_studies.stimulus_nyc.census import joined
from case_studies.stimulus_nyc.data import answers, labour_market

__all__ = ["draw_answers"]


def draw_answers(file: Path) -> None:
    """Answers in both arms, cases and unemployment by month; the boroughs that have both arms together."""
    from matplotlib.figure import Figure

    given = answers().dropna(subset="none")
    monthly = given.groupby("month")[["none", "payment"]].sum() / given.groupby("month")[["none"]].count().to_numpy()
    real = joined().groupby("month")[["cases", "unemployed", "labour_force", "archived_cases"]].sum()
    before = labour_market()[labour_market()["borough"].isin(given["borough"])].groupby("month")["employed"].sum()
    months = monthly.index.to_timestamp()
    figure = Figure(figsize=(7.0, 7.4), layout="constrained")
    top, middle, bottom = figure.subplots(3, sharex=True)
    top.plot(months, monthly["none"], marker="o", label="no payment")
    top.plot(months, monthly["payment"], marker="s", label="payment")
    top.set_ylabel("willing to work in the\nanswers, count (of 50?)")
    top.legend(fontsize="small")
    middle.semilogy(months, real["cases"], marker="o", label="reported")
    middle.semilogy(months, real["archived_cases"], marker=".", label="in the archive")
    middle.set_ylabel("cases a month")
    middle.legend(fontsize="small")
    bottom.plot(months, 100 * real["unemployed"] / real["labour_force"], color="tab:red")
    bottom.set_ylabel("unemployment, %", color="tab:red")
    other = bottom.twinx()
    other.plot(months, before.loc[monthly.index] / 1e6, color="tab:green")
    other.set_ylabel("employed, million", color="tab:green")
    bottom.set_ylim(bottom=0)
    bottom.set_xlim(months[0] - np.timedelta64(15, "D"), months[-1] + np.timedelta64(15, "D"))
    figure.suptitle("Bronx, Brooklyn, Queens and Staten Island", fontsize="small")
    figure.savefig(file, dpi=150)
