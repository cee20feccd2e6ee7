"""What infections by age and borough depend on: a gradient from one run, and finite differences beside it."""

import math
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from scipy import stats

from case_studies.london.model import infections_of
from case_studies.london.parameters import EPIDEMIC, SEEDING
from case_studies.london.people import London
from case_studies.london.question import AGES, BOROUGHS, CELLS
from case_studies.page import four_digits
from causal_lpm import MeanField, StraightThrough
from causal_lpm.inference import finite_differences, sensitivity

__all__ = ["DAYS", "TEN", "apart", "by_age", "checked", "gradient", "of_seeding", "reference", "total_slopes"]

Floats: TypeAlias = npt.NDArray[np.float64]
DAYS = 90
"""Infections from 10 February to 9 May."""
TEN = (
    "rate_home",
    "rate_school",
    "rate_work",
    "rate_leisure",
    "closed_school",
    "closed_work",
    "closed_leisure",
    "seeding_newham",
    "seeding_westminster",
    "seeding_bromley",
)
"""The parameters whose derivatives are also taken by finite differences."""
STEPS = {"rate": 0.05, "closed": 0.04, "seeding": 0.5}
"""Half the distance of the two worlds, relative to the value: luck hides what smaller ones do, larger ones bend."""


def gradient(here: London, at: Mapping[str, float], days: int = DAYS) -> tuple[xr.Dataset, float]:
    """The gradient of infections by cell by all parameters from one run under `MeanField`, and its CPU seconds."""
    began = time.process_time()
    found = sensitivity(partial(infections_of, here, days), "infections", EPIDEMIC, at, by=CELLS, pairs=0)
    return found, time.process_time() - began


def apart(one: xr.Dataset, other: xr.Dataset) -> float:
    """The largest difference of two gradients, relative to the second."""
    return float(abs(one["gradient"] / other["gradient"] - 1).max())


def total_slopes(here: London, at: Mapping[str, float], replicates: int, days: int = DAYS) -> dict[str, xr.Dataset]:
    """Estimator -> the gradient of all infections."""
    program = partial(infections_of, here, days)
    return {
        repr(estimator): sensitivity(
            program, _all_of, EPIDEMIC, at, by=["all"], estimator=estimator, replicates=count, pairs=0
        )
        for estimator, count in ((MeanField(), 1), (StraightThrough(), replicates))
    }


def reference(here: London, at: Mapping[str, float], pairs: int, seed: int, days: int = DAYS) -> xr.Dataset:
    """Finite differences by `TEN` with equal luck, of each cell and of all infections."""
    return finite_differences(
        partial(infections_of, here, days),
        _cells_and_all,
        TEN,
        at,
        by=[*CELLS, "all"],
        replicates=pairs,
        step={name: STEPS[name.split("_")[0]] * at[name] for name in TEN},
        seed=seed,
    )


def checked(found: xr.Dataset, totals: Mapping[str, xr.Dataset], truth: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Parameter, and "all" of them -> how the gradient agrees with finite differences.

    `rank`: Spearman's correlation of the cells' derivatives (of all ten: times their parameter). `possible`: about
    what the noise of the differences leaves of a linear correlation of 1. `signs`: how many cells have a difference
    more than two errors from 0, and in how many of these the gradient has its sign. `slope`: of all infections by
    finite differences, and its error. `ratio`: of each estimator to that slope.
    """
    own = found["gradient"].sel(group=list(CELLS), parameter=list(TEN)).values
    slope, error = (truth[name].sel(group=list(CELLS)).values for name in ("slope", "error"))
    rows: dict[str, dict[str, Any]] = {}
    for k, name in enumerate(TEN):
        whole = truth.sel(group="all", parameter=name)
        ratios = {
            estimator: four_digits(one["gradient"].sel(parameter=name).item() / (whole["slope"].item() or math.nan))
            for estimator, one in totals.items()
        }
        rows[name] = {
            **_agreement(own[:, k], slope[:, k], error[:, k]),
            "slope": [four_digits(float(whole[what])) for what in ("slope", "error")],
            "ratio": ratios,
        }
    scale = found["at"].sel(parameter=list(TEN)).values
    rows["all"] = _agreement((own * scale).ravel(), (slope * scale).ravel(), (error * scale).ravel())
    return rows


def by_age(found: xr.Dataset) -> dict[str, list[float]]:
    """Parameter -> per cent more infections a per cent more of it: of all people, and of each age."""
    change, value = _changes(found)
    ages = np.concatenate([[change.sum((0, 1)) / value.sum()], change.sum(1) / value.sum(1)[:, None]])
    return {name: [four_digits(x) for x in ages[:, k]] for k, name in enumerate(EPIDEMIC) if name not in SEEDING}


def of_seeding(found: xr.Dataset) -> dict[str, list[float]]:
    """Borough -> per cent more infections a per cent more of its seeding: its own, those elsewhere, and London's."""
    change, value = _changes(found)
    change, value = change.sum(0), value.sum(0)  # [borough, parameter] and [borough]
    rows = {}
    for borough, name in enumerate(BOROUGHS):
        of = change[:, EPIDEMIC.index(SEEDING[borough])]
        elsewhere = (of.sum() - of[borough]) / (value.sum() - value[borough])
        rows[name] = [four_digits(x) for x in (of[borough] / value[borough], elsewhere, of.sum() / value.sum())]
    return rows


def _changes(found: xr.Dataset) -> tuple[Floats, Floats]:
    """Infections a relative change of each parameter `[age, borough, parameter]`, and infections `[age, borough]`."""
    change = (found["gradient"] * found["at"]).transpose("group", "parameter").values
    return change.reshape(len(AGES), len(BOROUGHS), -1), found["value"].values.reshape(len(AGES), len(BOROUGHS))


def _agreement(own: Floats, slope: Floats, error: Floats) -> dict[str, Any]:
    clear = np.abs(slope) > 2 * error
    left = 1 - (error**2).mean() / slope.var()
    return {
        "rank": four_digits(stats.spearmanr(own, slope).statistic),
        "possible": four_digits(np.sqrt(max(left, 0.0))),
        "signs": [int(clear.sum()), int((np.sign(own) == np.sign(slope))[clear].sum())],
    }


def _all_of(tallies: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return tallies["infections"].sum(-2, keepdim=True)


def _cells_and_all(tallies: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([tallies["infections"], _all_of(tallies)], -2)
