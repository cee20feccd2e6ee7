"""Which counties are hit in which quarter of the year after: the model beside two baselines, on the same data."""

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from case_studies.h5n1_eggs.inputs import calendar_quarter, counties, flocks, week_dates
from case_studies.h5n1_eggs.model import epizootic
from case_studies.h5n1_eggs.premises import LAYER, country
from case_studies.page import four_digits
from causal_lpm.inference import predict

__all__ = [
    "FLAGGED",
    "by_model",
    "by_size",
    "by_size_and_quarter",
    "hits",
    "log_score",
    "part_of_quarters",
    "scored",
    "seen",
]

Floats: TypeAlias = npt.NDArray[np.float64]
FLAGGED = (0.01, 0.025, 0.05)
"""Shares of county-quarters that are flagged."""
WEEKS_OF_QUARTER = 13
AT_ONCE = 10
SMALLEST = 1e-6
"""Flocks expected in a county-quarter, at least: a county without farms in the census may have one."""


def seen(weeks: range, table: pd.DataFrame | None = None) -> Floats:
    """Layer flocks by county of the census and calendar quarter of these weeks, `[county, quarter]`."""
    rows = flocks() if table is None else table
    rows = rows[(rows["kind"] == "layer") & rows["week"].isin(weeks)]
    quarter = calendar_quarter(week_dates(weeks.stop))
    first = int(quarter[weeks.start])
    county = pd.Series(np.arange(len(counties())), index=counties().index)
    found = np.zeros((len(county), int(quarter[-1]) - first + 1))
    many = rows["flocks"].to_numpy(float) if "flocks" in rows else np.ones(len(rows))
    np.add.at(found, (county.loc[rows["county_fips"]].to_numpy(), quarter[rows["week"].to_numpy(int)] - first), many)
    return found


def by_model(draws: Mapping[str, Any], weeks: range, seed: int) -> Floats:
    """Layer flocks that the model expects in each county and quarter, `[county, quarter]`; nothing of these is fitted.

    Expected infections, given the epizootic up to the week before: averaged over draws of the parameters and luck.
    """
    number, first = len(counties()), int(calendar_quarter(week_dates(weeks.stop))[weeks.start])
    quarter = calendar_quarter(week_dates(weeks.stop))[weeks.start :] - first
    total, rows = np.zeros((number, int(quarter[-1]) + 1)), len(next(iter(draws.values())))
    program = partial(epizootic, country(), weeks.stop, by_county=number, market=False)
    for begin in range(0, rows, AT_ONCE):
        part = {name: values[begin : begin + AT_ONCE] for name, values in draws.items()}
        found = predict(program, part, outcomes=["risk"], seed=seed + begin)["risk"]
        risk = found.isel(world=0).sum(["draw", "replicate"]).values[:, weeks.start :]
        for column in range(total.shape[1]):
            total[:, column] += risk[:, quarter == column].sum(1)
    return total / rows


def by_size(before: Floats, quarters: int) -> Floats:
    """Flocks expected by the birds of a county's farms alone: a Poisson regression on their log, fitted before."""
    return np.repeat(_rates(before.mean(1))[:, None], quarters, 1)


def by_size_and_quarter(before: Floats, quarters: int) -> Floats:
    """The same times the share of the flocks of before that each quarter of the year had, with half a flock more."""
    years = before.reshape(len(before), -1, 4).sum(0).sum(0) / (before.shape[1] // 4)
    share = (years + 0.5) / (years + 0.5).mean()
    return _rates(before.mean(1))[:, None] * np.resize(share, quarters)


def part_of_quarters(quarters: npt.NDArray[np.int64]) -> Floats:
    """How much of each quarter its weeks are, `[quarter]`: the baselines expect flocks of 13 weeks.

    Args:
        quarters: Calendar quarter of each week, ascending.

    >>> part_of_quarters(np.repeat([8, 9], [13, 4])).round(2).tolist()
    [1.0, 0.31]
    """
    return np.bincount(quarters - quarters[0]) / WEEKS_OF_QUARTER


def _sizes() -> Floats:
    us = country()
    layer = us.of(LAYER)
    birds = np.bincount(us.agents["county"][layer], us.agents["birds"][layer], minlength=len(counties()))
    return birds.astype(np.float64)


def _rates(mean: Floats) -> Floats:
    """Flocks a quarter by county: exp(a + b log birds), by Newton's steps; `SMALLEST` where there are no farms."""
    sizes = _sizes()
    has = sizes > 0
    x = np.stack([np.ones(has.sum()), np.log(sizes[has] / 1e6)], 1)
    beta = np.array([np.log(mean[has].mean() + 1e-9), 0.5])
    for _ in range(50):
        rate = np.exp(x @ beta)
        beta = beta + np.linalg.solve(x.T @ (rate[:, None] * x), x.T @ (mean[has] - rate))
    rates = np.full(len(sizes), SMALLEST)
    rates[has] = np.exp(x @ beta)
    return rates


def hits(expected: Floats, after: Floats, flagged: float) -> float:
    """How many flocks were in the county-quarters that are flagged; equal expectations share what is left."""
    many, score = round(flagged * expected.size), expected.ravel()
    edge = np.sort(score)[-many]
    above, equal = score > edge, score == edge
    return float(after.ravel()[above].sum() + (many - above.sum()) / equal.sum() * after.ravel()[equal].sum())


def log_score(expected: Floats, after: Floats) -> float:
    """The log probability of which county-quarters were hit, with P(hit) = 1 - exp(-expected); larger is better."""
    rate = np.maximum(expected, SMALLEST)
    return float(np.where(after > 0, np.log(-np.expm1(-rate)), -rate).sum())


def scored(forecasts: Mapping[str, Floats], after: Floats) -> dict[str, list[float]]:
    """Forecast -> flocks expected, hits at each share of `FLAGGED`, log score."""
    return {
        name: [
            four_digits(x)
            for x in (rate.sum(), *(hits(rate, after, share) for share in FLAGGED), log_score(rate, after))
        ]
        for name, rate in forecasts.items()
    }
