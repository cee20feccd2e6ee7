"""Everything that the README shows: two calibrations, a forecast, the price, policies."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from case_studies.h5n1_eggs import compared, forecast, price
from case_studies.h5n1_eggs.calibration import ONE_YEAR, calibrated, fitted
from case_studies.h5n1_eggs.inputs import WEEKS, calendar_quarter, week_dates
from case_studies.h5n1_eggs.later_scores import later_market
from case_studies.h5n1_eggs.parameters import PRIORS
from case_studies.h5n1_eggs.report import tables
from case_studies.page import titled
from case_studies.verdict import said
from causal_lpm.inference import CalibrationResult

__all__ = ["FULL", "QUICK", "Size", "reproduce"]


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        budget: Simulations that each posterior is trained on.
        gate: Simulations with known truth that it is checked on; with none, two networks in place of five.
        draws: Of the posterior, for policies and forecasts.
        replicates: For standard errors at one draw of the parameters.
    """

    budget: int = 1000
    gate: int = 200
    draws: int = 60
    replicates: int = 30


FULL = Size()
QUICK = Size(40, 0, 4, 4)


def reproduce(
    out: Path,
    *,
    quick: bool,
    seed: int,
    workers: int,
    say: Callable[[str], None],
    flocks: pd.DataFrame | None = None,
    prices: "pd.Series[float] | None" = None,
) -> str:
    """Writes numbers.json and the series of all worlds, and returns the tables."""
    torch.set_num_threads(1)  # the processes share the cores
    size = QUICK if quick else FULL
    numbers: dict[str, Any] = {"study": "h5n1-eggs", "seed": seed, "size": asdict(size)}
    numbers["price"] = price.explained()
    say("the posterior given 2022")
    before = calibrated(ONE_YEAR, size.budget, size.gate, seed, workers)
    numbers["one year"] = said(before, PRIORS)
    say("which counties are hit in 2023")
    numbers["forecast"] = _second_year(before, size, seed)
    say("the posterior given 2022 and 2023")
    result = calibrated(WEEKS, size.budget, size.gate, seed, workers)
    result.save(out / "posterior.nc")
    numbers["both years"] = said(result, PRIORS)
    draws = result.parameters(size.draws)
    say("policies")
    worlds = compared.asked(draws, 2, seed)
    worlds.to_netcdf(out / "worlds.nc", engine="h5netcdf")
    numbers["kind"] = str(worlds.attrs["kind"])
    numbers["fitted"] = fitted(worlds)
    numbers["worlds"], numbers["contrasts"] = compared.told(worlds), compared.contrasts(worlds)
    numbers["ranked"], numbers["front"] = compared.ranked(worlds), compared.front(worlds)
    say("what shared luck saves")
    numbers["halved"] = compared.halved(draws, size.replicates, seed)
    if flocks is not None or prices is not None:
        say("what came later")
        numbers["later"] = _later(result, size, seed, flocks, prices)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return titled(tables(numbers))


def _second_year(result: CalibrationResult, size: Size, seed: int) -> dict[str, list[float]]:
    after = range(ONE_YEAR, WEEKS)
    return _scores(result, size, seed, forecast.seen(range(ONE_YEAR)), forecast.seen(after), after)


def _scores(
    result: CalibrationResult, size: Size, seed: int, before: Any, seen: Any, weeks: range
) -> dict[str, list[float]]:
    draws, quarters = result.parameters(size.draws), calendar_quarter(week_dates(weeks.stop))[weeks.start :]
    first, part = int(quarters[0]) % 4, forecast.part_of_quarters(quarters)
    forecasts = {
        "this model": forecast.by_model(draws, weeks, seed),
        "flock size alone": forecast.by_size(before, seen.shape[1]) * part,
        "size and quarter": forecast.by_size_and_quarter(before, seen.shape[1] + first)[:, first:] * part,
    }
    return {"hit": [float(seen.sum()), float((seen > 0).sum())], **forecast.scored(forecasts, seen)}


def _later(
    result: CalibrationResult,
    size: Size,
    seed: int,
    flocks: pd.DataFrame | None,
    prices: "pd.Series[float] | None",
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if flocks is not None:
        weeks = range(WEEKS, int(flocks["week"].max()) + 1)
        seen = forecast.seen(weeks, flocks)
        found["flocks"] = _scores(result, size, seed, forecast.seen(range(WEEKS)), seen, weeks)
    if prices is not None:
        found["prices"] = later_market(result.parameters(size.draws), prices, seed)
    return found
