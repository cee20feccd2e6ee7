"""Draws pictures: what is held fixed, for its explanation; and the school's epidemic, for the gallery.

    python docs/make_pictures.py

It takes two minutes, and needs the case studies.
"""

from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from case_studies.boarding_school.question import WORLDS as WORLDS_OF_THE_SCHOOL
from case_studies.boarding_school.reproduction import QUICK, posterior
from causal_lpm import KeyedNoise, comparing, event, exposure, observed, policy, rollout, tally
from causal_lpm.agents import negative_binomial, random_graph
from causal_lpm.inference import abduct
from causal_lpm.inference.charts.world_charts import averted_chart

IMAGES = Path(__file__).parent / "images"

AGENTS, DAYS, TRUE = 1000, 40, 0.05
CONTACTS = random_graph(AGENTS, mean_degree=8, seed=0)
WORLDS: dict[str, dict[str, float]] = {"as it was": {}, "a week earlier": {"closure_day": 18.0}}
BLUE, ORANGE = "#0072B2", "#D55E00"
FACT, OTHER, DATUM = 20.0, 12.0, 26


def town() -> Any:
    """The town of the tutorial of abduction."""
    beta = pyro.sample("beta", dist.LogNormal(-3.0, 0.3))
    closure = policy("closure_day", 25.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        infectious = s["stage"] == 1
        open_ = torch.where(s["t"] < s["closure_day"], 1.0, 0.4)
        infected = event("infection", beta * open_ * exposure(CONTACTS, infectious), where=s["stage"] == 0)
        recovered = event("recovery", 0.2, where=infectious)
        tally("infections", infected)
        return {**s, "stage": s["stage"] + infected + recovered}

    stage = torch.zeros(AGENTS, dtype=torch.uint8)
    stage[:3] = 1
    run = rollout(day, {"stage": stage, "closure_day": closure}, DAYS)
    observed("cases", negative_binomial(0.5 * run.tallies["infections"].double() + 0.01).to_event(1))
    return run


def school() -> None:
    """Writes `images/boarding_school.png`, from the quick reproduction of the study."""
    worlds = posterior(4, QUICK, seed=0).predict(WORLDS_OF_THE_SCHOOL, outcomes=["infections"])
    figure = averted_chart(worlds, "infections", "as it was")
    figure.savefig(IMAGES / "boarding_school.png", dpi=130)


def held_fixed() -> None:
    """Writes `images/held_fixed.png`."""
    with torch.no_grad(), KeyedNoise(6), comparing(WORLDS) as both, pyro.condition(data={"beta": torch.tensor(TRUE)}):
        series = town().tallies["infections"]
    truth = {name: both.take(series, name, event_dim=1).flatten() for name in WORLDS}
    pyro.set_rng_seed(6)
    cases = negative_binomial(0.5 * truth["as it was"].double() + 0.01).sample()
    pyro.set_rng_seed(0)
    first = {"beta": dist.LogNormal(-3.0, 0.3).sample((200,))}
    found = abduct(town, {"cases": cases}, first, filters=30, particles=48, rounds=2, paths=60, blocks=10, seed=1)
    figure = Figure(figsize=(10.0, 3.4), layout="constrained")
    paired, counterfactual, report = figure.subplots(1, 3)
    gap = (truth["as it was"] - truth["a week earlier"]).cumsum(0)
    titles = {
        "paired": ("paired: averted in towns like this one", paired),
        "counterfactual": ("counterfactual: averted in this town", counterfactual),
    }
    for kind, (title, axes) in titles.items():
        _averted(axes, found.predict(WORLDS, kind=kind, seed=2))
        axes.plot(range(DAYS), gap, color="black", label="in truth")
        axes.set_title(title, loc="left", fontsize="medium")
        axes.set_xlabel("day")
    paired.set_ylabel("infections averted so far")
    counterfactual.set_ylim(paired.get_ylim())
    paired.legend(frameon=False, fontsize="small", loc="upper left")
    _quantiles(report)
    figure.savefig(IMAGES / "held_fixed.png", dpi=130)


def _averted(axes: Axes, seen: xr.Dataset) -> None:
    infections = seen["infections"].sum("group")
    gap = (infections.sel(world="as it was") - infections.sel(world="a week earlier")).cumsum("day")
    low, middle, high = gap.quantile([0.05, 0.5, 0.95], ("draw", "replicate")).values
    axes.fill_between(range(DAYS), low, high, color=BLUE, alpha=0.25, linewidth=0, label="90%")
    axes.plot(range(DAYS), middle, color=BLUE, linestyle="--", label="median")


def _quantiles(axes: Axes) -> None:
    """Both distributions of a report, and the step of its datum in each."""
    counts = torch.arange(0, 65, dtype=torch.float64)
    shares = {mean: negative_binomial(mean, 20.0).log_prob(counts).exp().cumsum(0) for mean in (FACT, OTHER)}
    place = float(shares[FACT][DATUM - 1] + shares[FACT][DATUM]) / 2
    moved = int((shares[OTHER] < place).sum())
    names = {FACT: f"as it was:\n{DATUM} came", OTHER: f"a week earlier:\n{moved} would have"}
    for (mean, name), colour in zip(names.items(), (BLUE, ORANGE), strict=True):
        axes.step(counts, shares[mean], where="post", color=colour, label=name)
    axes.plot([DATUM, DATUM, moved, moved], [0.0, place, place, 0.0], color="black", linestyle=":")
    axes.set_xticks([0, moved, DATUM, 40, 60])
    axes.set_xlim(-2, 64)
    axes.set_ylim(0, 1.02)
    axes.set_title("a report keeps its quantile", loc="left", fontsize="medium")
    axes.set_xlabel("reports of a day, at most so many")
    axes.set_ylabel("probability")
    axes.legend(frameon=False, fontsize="small", loc="lower right")


if __name__ == "__main__":
    held_fixed()
    school()
