"""Calibrates the winter, predicts it, and asks what $500 a month would have changed."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from case_studies.stimulus_nyc.habits import HandedOver
from case_studies.stimulus_nyc.model import STARTS, winter_of
from case_studies.stimulus_nyc.people import GROUPS, INCOMES, Residents
from case_studies.stimulus_nyc.question import BOROUGHS, PAYMENT
from case_studies.stimulus_nyc.surrogate import equations
from case_studies.stimulus_nyc.winter import MONTHS, WEEK_STARTS, Winter
from causal_lpm.inference import CalibrationResult, fit, predict

__all__ = [
    "JANUARY",
    "OUTCOMES",
    "WORLDS",
    "Place",
    "Size",
    "calibrated",
    "coverage",
    "differences",
    "predicted",
    "reported",
]

JANUARY = STARTS[MONTHS.index("2021-01")]
"""The day from which on the payment is made."""
WORLDS = {
    "as it was": {"follows_cases": 1.0, "payment_start": float(JANUARY)},
    "$500 a month": {"follows_cases": 1.0, "payment_start": float(JANUARY), "payment": PAYMENT},
}
"""People and firms react to the cases of their own world in both."""
OUTCOMES = ("employed", "isolating", "infections", "deaths")
AGENTS_AT_ONCE = 250_000


@dataclass(frozen=True)
class Size:
    """How much is computed.

    Attributes:
        agents: Of the predictions.
        method: Of all three calibrations, "nuts" or, for a quick look, "svi".
        settings: Of the method, for answers and behaviour.
        epidemic: Of the method, for the epidemic, whose density costs ten times as much.
        kept: Draws that each calibration keeps.
        draws: Posterior draws of the predictions; a third of them at each fixed transport.
    """

    agents: int
    method: str
    settings: tuple[tuple[str, int], ...]
    epidemic: tuple[tuple[str, int], ...]
    kept: int
    draws: int


@dataclass(frozen=True)
class Place:
    """Where simulations run and are kept; no number depends on it but by the seed."""

    folder: Path
    seed: int
    workers: int

    def of(self, name: str) -> "Place":
        """The same with a folder of its own."""
        return replace(self, folder=self.folder / name)


def reported(winter: Winter) -> dict[str, xr.DataArray]:
    """Weekly cases and deaths by borough, as data."""
    where = {"borough": list(BOROUGHS), "week": WEEK_STARTS}
    return {
        name: xr.DataArray(values.numpy(), where, tuple(where))
        for name, values in (("cases", winter.cases), ("deaths", winter.deaths))
    }


def calibrated(here: Residents, habits: HandedOver, size: Size, seed: int) -> CalibrationResult:
    """The posterior given the weekly cases and deaths of the winter, under the difference equations.

    The equations have no luck, as hardly a city of 8.3 million has; 100,000 agents have much more of it while few are
    infected. So the agents predict with this posterior and do not learn it.
    """
    data = reported(here.reported)
    return fit(
        partial(equations, here, habits),
        data,
        size.method,
        gate=0,
        budget=100,
        draws=size.kept,
        seed=seed,
        settings=dict(size.epidemic),
        groups=dict.fromkeys(data, BOROUGHS),
    )


def predicted(
    here: Residents,
    habits: HandedOver,
    parameters: dict[str, torch.Tensor],
    worlds: dict[str, dict[str, float]],
    place: Place,
) -> xr.Dataset:
    """All weeks of the exact model; worlds share luck."""
    batch = max(1, AGENTS_AT_ONCE // (here.people.size * len(worlds)))
    return predict(partial(winter_of, here, habits), parameters, worlds, batch=batch, **vars(place))


def coverage(found: xr.Dataset, winter: Winter) -> dict[str, Any]:
    """Shares of the reported weeks inside the 90% intervals, and the city's weeks; and the monthly unemployment."""
    shown: dict[str, Any] = {}
    for site, came in (("cases", winter.cases), ("deaths", winter.deaths)):
        values = _draws(found, site)
        low, high = np.quantile(values, [0.05, 0.95], axis=0)
        city = np.quantile(values.sum(1), [0.05, 0.5, 0.95], axis=0)
        shown[site] = {
            "inside": float(((came.numpy() >= low) & (came.numpy() <= high)).mean()),
            "reported": came.sum(0).int().tolist(),
            **dict(zip(("low", "median", "high"), city.round().tolist(), strict=True)),
        }
    rate, real = unemployment(found), winter.unemployment.numpy()
    low, middle, high = np.quantile(rate, [0.05, 0.5, 0.95], axis=0)
    shown["unemployment"] = {
        "inside": float(((real >= low) & (real <= high)).mean()),
        "farthest from the median, points": float(100 * np.abs(real - middle).max()),
        "reported": (100 * real).tolist(),
        "median": (100 * middle).tolist(),
        "low": (100 * low).tolist(),
        "high": (100 * high).tolist(),
    }
    return shown


def unemployment(found: xr.Dataset, world: int = 0) -> np.ndarray[Any, Any]:
    """Share of the labour force without work, `[draws, 5, months]`."""
    employed, without = (_boroughs(_draws(found, name, world)) for name in ("employed", "unemployed"))
    return np.asarray(without / (employed + without))


def differences(found: xr.Dataset, here: Residents) -> dict[str, dict[str, list[float]]]:
    """What the payment changes, world minus world, mean and 90% interval over draws, by group.

    Returns:
        Outcome -> group -> mean, 5%, 95%, and the mean as it was. Employed and isolating: percentage points of adults,
        mean of January to March; infections and deaths: persons from January on.
    """
    months = slice(MONTHS.index("2021-01"), None)
    weeks = slice(JANUARY // 7, None)
    weight = here.weight.repeat_interleave(len(INCOMES)).numpy()
    adults = here.adults.numpy() * weight
    shown: dict[str, dict[str, list[float]]] = {}
    for outcome in OUTCOMES:
        part = months if outcome in ("employed", "isolating") else weeks
        worlds, scale = [], 100.0 if part is months else 1.0
        for world in range(2):
            # Deaths are those that follow from the infections of these weeks, whenever they come.
            values = _draws(found, "fatal" if outcome == "deaths" else outcome, world)[..., part]
            worlds.append(values.mean(-1) if part is months else values.sum(-1))
        rows = {}
        for name, members in _members().items():
            total = adults[members].sum() if part is months else 1.0
            was, would = (scale * values[:, members].sum(-1) / total for values in worlds)
            rows[name] = [float(x) for x in (np.mean(would - was), *np.quantile(would - was, [0.05, 0.95]), was.mean())]
        shown[outcome] = rows
    return shown


def _members() -> dict[str, list[int]]:
    """City, boroughs and incomes -> numbers of the groups in them."""
    count = len(INCOMES)
    found = {"New York City": list(range(len(GROUPS)))}
    found |= {name: list(range(count * i, count * (i + 1))) for i, name in enumerate(BOROUGHS)}
    return found | {name: list(range(k, len(GROUPS), count)) for k, name in enumerate(INCOMES)}


def _draws(found: xr.Dataset, name: str, world: int = 0) -> np.ndarray[Any, Any]:
    """One outcome of one world, `[draws, groups, time]`."""
    values = found[name].isel(world=world)
    group, day = (next(d for d in values.dims if str(d).endswith(end)) for end in ("group", "day"))
    return np.asarray(values.stack(row=("draw", "replicate")).transpose("row", group, day).values)


def _boroughs(groups: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(groups.reshape(groups.shape[0], len(BOROUGHS), len(INCOMES), -1).sum(2))
