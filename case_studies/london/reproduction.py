"""Everything that the README shows: calibration, forecast, what infections depend on, and closures."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from case_studies.kept_parts import kept_part
from case_studies.london import closures, dependence, forecast
from case_studies.london.calibration import calibrated, middle
from case_studies.london.deaths import TABLE, weekly_deaths
from case_studies.london.kinds import one_of_each_kind
from case_studies.london.parameters import ASKED, PRIORS
from case_studies.london.people import PERSONS_PER_AGENT, London, london
from case_studies.london.pictures import draw
from case_studies.london.report import tables
from case_studies.page import four_digits, titled
from case_studies.verdict import said
from causal_lpm.inference import CalibrationResult

__all__ = ["FULL", "QUICK", "Size", "reproduce"]


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        persons_per_agent: Of all simulations.
        budget: Simulations that the posterior is trained on.
        gate: Simulations with known truth that it is checked on; with none, two networks in place of five.
        forecasts: Draws of the posterior for the forecast.
        draws: For the worlds of the closures.
        replicates: Of the luck of each of these.
        days: Of the gradient.
        pairs: Of finite differences a parameter.
        straight: Replicates of the straight-through estimator.
    """

    persons_per_agent: int = PERSONS_PER_AGENT
    budget: int = 1000
    gate: int = 200
    forecasts: int = 160
    draws: int = 30
    replicates: int = 1
    days: int = dependence.DAYS
    pairs: int = 16
    straight: int = 4


FULL = Size()
QUICK = Size(600, 60, 0, 20, 6, 1, dependence.DAYS, 8, 2)


def reproduce(
    out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None], deaths: Path = TABLE
) -> str:
    """Writes posterior.nc, gradient.nc, forecast.nc, worlds.nc, numbers.json and pictures, and returns the tables.

    Parts that are in the folder already are used: a reproduction that was stopped goes on from there.
    """
    weekly = weekly_deaths(deaths)
    torch.set_num_threads(1)  # the processes share the cores
    size = QUICK if quick else FULL
    here = london(size.persons_per_agent)
    say(f"the posterior given deaths to 31 May, {here.people.size:,} agents")
    result = calibrated(here, weekly, size.budget, size.gate, seed, workers, out / "simulations")
    if not (out / "posterior.nc").exists():
        result.save(out / "posterior.nc")
    numbers: dict[str, Any] = {
        "study": "london",
        "seed": seed,
        "size": asdict(size),
        "agents": here.people.size,
        **said(result, {name: PRIORS[name] for name in ASKED}),
    }

    def keep(name: str, what: str, computed: Callable[[], dict[str, Any]]) -> None:
        def told() -> dict[str, Any]:
            say(what)
            return computed()

        numbers[name] = kept_part(out / f"{name}.json", told)

    keep("dependence", "what infections depend on", lambda: _dependence(here, middle(result), size, seed, out))
    keep("summer", "June to August", lambda: _summer(here, result, weekly, size, seed, workers, out))
    keep("closures", "which closure helps whom", lambda: _closures(here, result, size, seed, workers, out))
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    draw(numbers, out / "pictures")
    return titled(tables(numbers), result.banner)


def _dependence(here: London, at: dict[str, float], size: Size, seed: int, out: Path) -> dict[str, Any]:
    kinds = one_of_each_kind(here)
    found, seconds = dependence.gradient(kinds, at, size.days)
    found.to_netcdf(out / "gradient.nc", engine="h5netcdf")
    every_agent, longer = dependence.gradient(here, at, size.days)
    totals = dependence.total_slopes(here, at, size.straight, size.days)
    began = time.process_time()
    truth = dependence.reference(here, at, size.pairs, seed, size.days)
    truth.to_netcdf(out / "differences.nc", engine="h5netcdf")
    return {
        "at": at,
        "seconds": [four_digits(x) for x in (seconds, longer, time.process_time() - began)],
        "agents": [kinds.people.size, here.people.size],
        "apart": four_digits(dependence.apart(found, every_agent)),
        "shape": [found.sizes["group"], found.sizes["parameter"]],
        "infections": [
            four_digits(float(found["value"].sum())),
            *(four_digits(float(truth[name].sel(group="all"))) for name in ("value", "value_error")),
        ],
        "checked": dependence.checked(found, totals, truth),
        "by age": dependence.by_age(found),
        "seeding": dependence.of_seeding(found),
    }


def _summer(
    here: London, result: CalibrationResult, weekly: torch.Tensor, size: Size, seed: int, workers: int, out: Path
) -> dict[str, Any]:
    draws = result.parameters(size.forecasts)
    predicted = forecast.predicted(here, draws, seed, workers)
    predicted.to_netcdf(out / "forecast.nc", engine="h5netcdf")
    dispersion = np.asarray(draws["dispersion"], dtype=float).ravel()
    return {
        "fitted": forecast.fitted(predicted, weekly),
        "effective": four_digits(1 / (forecast.weights(predicted, dispersion, weekly) ** 2).sum()),
        "scores": forecast.scored(predicted, dispersion, weekly, seed),
    }


def _closures(
    here: London, result: CalibrationResult, size: Size, seed: int, workers: int, out: Path
) -> dict[str, Any]:
    worlds = closures.asked(here, result.parameters(size.draws), size.replicates, seed, workers)
    worlds.to_netcdf(out / "worlds.nc", engine="h5netcdf")
    return {
        "kind": str(worlds.attrs["kind"]),
        "by age": closures.by_age(worlds),
        "by borough": closures.by_borough(worlds),
        "foremost": closures.foremost(worlds),
    }
