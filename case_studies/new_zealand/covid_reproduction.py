"""Calibrate the outbreak, forecast December, compare allocations, and run the whole country."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from case_studies.new_zealand import covid_compared, covid_forecast, covid_pictures, covid_scale
from case_studies.new_zealand.covid_calibration import calibrated, fitted, focused
from case_studies.new_zealand.covid_parameters import PRIORS
from case_studies.new_zealand.covid_report import tables
from case_studies.page import titled
from case_studies.verdict import said

__all__ = ["FULL", "QUICK", "Size", "reproduce"]


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        agents: Of the country, most of them in the districts of the outbreak.
        budget: Simulations that the posterior is trained on.
        gate: Simulations with known truth that it is checked on.
        draws: Of the posterior, for the forecast and for the allocations.
        lucks: Runs of each draw for the forecast.
        replicates: Runs of each draw for the allocations.
        whole: Runs of the whole country, and of half a million agents; none of neither if 0.
    """

    agents: int = 250_000
    budget: int = 2000
    gate: int = 200
    draws: int = 40
    lucks: int = 6
    replicates: int = 2
    whole: tuple[int, int] = (3, 12)


FULL = Size()
QUICK = Size(20_000, 40, 0, 4, 2, 1, (0, 0))


def reproduce(
    out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None], agents: int | None = None
) -> str:
    """Writes numbers.json, the posterior, the series of all worlds and a picture, and returns the tables."""
    torch.set_num_threads(1)  # the processes share the cores
    size = QUICK if quick else FULL
    number = size.agents if agents is None else agents
    numbers: dict[str, Any] = {"seed": seed, "size": asdict(size) | {"agents": number}}
    say("the posterior given what was reported to 30 November")
    result = calibrated(number, size.budget, size.gate, seed, workers, out / "calibration")
    if not (out / "posterior.nc").exists():
        result.save(out / "posterior.nc")
    numbers |= said(result, PRIORS)
    draws, here = result.parameters(size.draws), focused(number)
    say("December")
    predicted = covid_forecast.ahead(here, draws, size.lucks, seed)
    reports = {name: predicted[name].values[0].reshape(-1, *predicted[name].shape[3:]) for name in SITES}
    numbers["fitted"] = fitted(reports)
    numbers["forecast"] = covid_forecast.scored(predicted, np.asarray(draws["dispersion"], dtype=float).ravel(), seed)
    covid_pictures.draw(predicted, result.status, out / "pictures")
    say("who gets the doses")
    worlds = covid_compared.asked(here, draws, size.replicates, seed)
    worlds.to_netcdf(out / "worlds.nc", engine="h5netcdf")
    numbers["kind"] = str(worlds.attrs["kind"])
    numbers["dosed"] = covid_compared.dosed(here)
    near = covid_compared.alike(predicted, size.replicates)
    numbers["alike"] = [int(near.sum()), near.size]
    if near.sum() > 1:
        numbers["worlds alike"] = covid_compared.by_ethnicity(worlds, near)
    numbers["worlds"], numbers["ranked"] = covid_compared.by_ethnicity(worlds), covid_compared.ranked(worlds)
    if all(size.whole):
        say("the whole country")
        middle = {
            name: torch.as_tensor(values).double().mean(0, keepdim=True).float() for name, values in draws.items()
        }
        numbers["whole"] = covid_scale.whole(middle, seed)
        numbers["agreement"] = covid_scale.agreement(middle, size.whole, seed)
    (out / "numbers.json").write_text(json.dumps({"covid": numbers}, indent=1) + "\n", encoding="utf-8")
    return titled(tables(numbers))


SITES = ("cases_by_span", "admissions_by_half")
