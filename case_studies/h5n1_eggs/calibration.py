"""The posterior of the spread from one year or two, whether it can be trusted, and what it says of these years."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from case_studies.h5n1_eggs.inputs import WEEKS
from case_studies.h5n1_eggs.model import RECENT, epizootic
from case_studies.h5n1_eggs.premises import country
from case_studies.h5n1_eggs.reports import reported
from case_studies.page import four_digits
from causal_lpm.inference import CalibrationResult, fit

__all__ = ["ONE_YEAR", "TARGETS", "both_years", "calibrated", "first_year", "fitted"]

ONE_YEAR = 52
TARGETS = {"flocks": "layers", "turkey_flocks": "turkeys", "million_culled": "million_culled"}
"""Series of the model, summed over both years -> data site."""


def first_year() -> dict[str, Any]:
    """The model of 2022, without a market."""
    return epizootic(country(), ONE_YEAR, market=False)


def both_years() -> dict[str, Any]:
    """The model of 2022 and 2023, without a market."""
    return epizootic(country(), market=False)


def calibrated(
    weeks: int,
    budget: int,
    gate: int,
    seed: int,
    workers: int,
    progress: Callable[[str, int, int], None] | bool = False,
) -> CalibrationResult:
    """Networks trained on simulations, given the flocks of the first weeks."""
    model = first_year if weeks == ONE_YEAR else both_years
    return fit(
        model,
        reported(country(), weeks, RECENT),
        method="npe",
        budget=budget,
        gate=gate,
        ensemble=5 if gate else 2,
        second_round=False,
        seed=seed,
        workers=workers,
        batch=50,
        progress=progress,
    )


def fitted(predictions: xr.Dataset) -> dict[str, list[float]]:
    """Series -> the data's total of 2022-23, the median of the model's, and 5 and 95 percentile."""
    data = reported(country(), WEEKS, RECENT)
    series: Mapping[str, Any] = {
        "flocks": predictions["flocks"],
        "turkey_flocks": predictions["turkey_flocks"],
        "million_culled": predictions["culled"] / 1e6,
    }
    found = {}
    for name, site in TARGETS.items():
        values = series[name].isel(world=0).sum([d for d in series[name].dims if "group" in d or "day" in d]).values
        found[name] = [four_digits(x) for x in (data[site].sum(), *np.quantile(values, [0.5, 0.05, 0.95]))]
    return found
