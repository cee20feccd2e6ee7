"""June to August, forecast on 31 May and scored beside baselines that know no model; and the weeks seen before."""

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from case_studies.london.inputs import DAYS, REPORTED, SEEN_WEEKS, persons
from case_studies.london.model import first_wave
from case_studies.london.people import London
from case_studies.london.question import AGES, BOROUGHS
from case_studies.page import four_digits
from case_studies.weighed_runs import likelihood_weights
from causal_lpm.inference import crps, predict, score_forecasts, weighted_interval_score

__all__ = ["ORIGIN", "SITES", "fitted", "predicted", "scored", "trend", "weights"]

Floats: TypeAlias = npt.NDArray[np.float64]
ORIGIN = SEEN_WEEKS - REPORTED
"""Weeks with data that the forecast has seen."""
SITES = ("deaths", "borough_deaths")
LAST_WEEKS = 4
"""Weeks of May whose trend goes on in a baseline, and by which runs of the model are weighed."""
SAMPLES = 1000
"""Of each forecast."""
AT_ONCE = 8
LEVELS = (0.01, 0.025, *(round(0.05 * k, 2) for k in range(1, 20)), 0.975, 0.99)


def predicted(here: London, draws: Mapping[str, Any], seed: int, workers: int = 1) -> xr.Dataset:
    """Deaths by week from 9 March to 30 August, of London and by borough; closures stay as in May."""
    return predict(
        partial(first_wave, here, DAYS, True),
        draws,
        seed=seed,
        outcomes=("infections", "expected_deaths", *SITES),
        batch=AT_ONCE,
        workers=workers,
    )


def weights(found: xr.Dataset, dispersion: Floats, weekly: torch.Tensor) -> Floats:
    """How likely London's deaths of the last four weeks seen are in each run, `[draws]`, adding up to 1."""
    last = slice(ORIGIN - LAST_WEEKS, ORIGIN)
    return likelihood_weights(_seen(weekly)["deaths"][0, last], _expected(found, "deaths")[:, 0, last], dispersion)


def scored(found: xr.Dataset, dispersion: Floats, weekly: torch.Tensor, seed: int) -> dict[str, dict[str, list[float]]]:
    """Site -> forecaster -> deaths forecast for June to August (median), CRPS, WIS, shares inside 50% and 90%.

    Args:
        found: Of `predicted`.
        dispersion: Of its draws, `[draws]`.
        weekly: Deaths by borough and week.
        seed: Of the forecasts' chance.
    """
    rows: dict[str, dict[str, list[float]]] = {}
    rng, weight = np.random.default_rng(seed), weights(found, dispersion, weekly)
    for site, seen in _seen(weekly).items():
        runs = rng.choice(len(weight), SAMPLES, p=weight)
        mean, size = _expected(found, site)[runs, :, ORIGIN:], dispersion[runs, None, None]
        own = rng.negative_binomial(size, size / (size + mean)).astype(np.float64)
        scores = score_forecasts(found, {site: seen}, ORIGIN, seed=seed)[site]
        later = seen[:, ORIGIN:]
        samples = trend(seen[:, :ORIGIN], later.shape[1], seed)
        rows[site] = {
            "came": [float(later.sum())],
            "this model": [_middle(own), *_scores(own, later)],
            "the same, runs not weighed": [
                _middle(_of(found, site)[..., ORIGIN:]),
                *_means(scores.sel(forecaster="model")),
            ],
            "last value": [
                float(seen[:, ORIGIN - 1].sum() * later.shape[1]),
                *_means(scores.sel(forecaster="last value")),
            ],
            "trend of four weeks": [_middle(samples), *_scores(samples, later)],
        }
    return rows


def trend(seen: Floats, weeks: int, seed: int, samples: int = SAMPLES) -> Floats:
    """Deaths that go on to rise or fall as in the last four weeks seen, Poisson, `[samples, groups, weeks]`.

    A straight line through the logarithms of deaths, half a death more each week.
    """
    x, y = np.arange(LAST_WEEKS), np.log(seen[:, -LAST_WEEKS:] + 0.5)
    slope = ((x - x.mean()) * (y - y.mean(1, keepdims=True))).sum(1) / ((x - x.mean()) ** 2).sum()
    ahead = np.arange(LAST_WEEKS, LAST_WEEKS + weeks) - x.mean()
    mean = np.exp(y.mean(1)[:, None] + slope[:, None] * ahead)
    return np.random.default_rng(seed).poisson(mean, (samples, *mean.shape)).astype(np.float64)


def fitted(found: xr.Dataset, weekly: torch.Tensor) -> dict[str, list[float]]:
    """What of the weeks seen lies inside the 90% intervals of the posterior with new luck.

    London's total (data, median, ends), weeks of London and boroughs' totals (share inside), per cent infected by
    31 May (median, ends).
    """
    seen = weekly.numpy()[:, :ORIGIN]
    deaths = _of(found, "deaths")[:, 0, :ORIGIN]
    low, high = np.quantile(deaths, [0.05, 0.95], axis=0)
    boroughs = _of(found, "borough_deaths")[..., :ORIGIN].sum(-1)
    ends = np.quantile(boroughs, [0.05, 0.95], axis=0)
    totals = np.quantile(deaths.sum(1), [0.5, 0.05, 0.95])
    infected = _of(found, "infections")[..., :SEEN_WEEKS].sum((1, 2))
    percent = 100 * np.quantile(infected, [0.5, 0.05, 0.95]) / float(persons().sum())
    return {
        "deaths": [four_digits(x) for x in (seen.sum(), *totals)],
        "weeks": [four_digits(((low <= seen.sum(0)) & (seen.sum(0) <= high)).mean())],
        "boroughs": [four_digits(((ends[0] <= seen.sum(1)) & (seen.sum(1) <= ends[1])).mean())],
        "infected": [four_digits(x) for x in percent],
        "by week": [*map(float, seen.sum(0))],
        "median by week": [*map(four_digits, np.median(deaths, 0))],
    }


def _seen(weekly: torch.Tensor) -> dict[str, Floats]:
    values = weekly.numpy()
    return {"deaths": values.sum(0, keepdims=True), "borough_deaths": values}


def _expected(found: xr.Dataset, site: str) -> Floats:
    """Deaths expected, `[draw, group, week]` from 9 March on."""
    cells = _of(found, "expected_deaths")[..., REPORTED:]
    boroughs = cells.reshape(len(cells), len(AGES), len(BOROUGHS), -1).sum(1)
    mean = boroughs.sum(1, keepdims=True) if site == "deaths" else boroughs
    positive: Floats = np.maximum(mean, 1e-6)
    return positive


def _of(found: xr.Dataset, site: str) -> Floats:
    """`[sample, group, week]`."""
    values = found[site].isel(world=0)
    return np.asarray(values.values, dtype=np.float64).reshape(-1, *values.shape[-2:])


def _middle(samples: Floats) -> float:
    return four_digits(np.median(samples.sum((1, 2))))


def _means(scores: xr.DataArray) -> list[float]:
    return [four_digits(scores.sel(score=name).mean().item()) for name in ("crps", "wis", "inside_50", "inside_90")]


def _scores(samples: Floats, came: Floats) -> list[float]:
    inside = []
    for level in (0.5, 0.9):
        low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
        inside.append(((low <= came) & (came <= high)).mean())
    wis = weighted_interval_score(np.quantile(samples, LEVELS, axis=0), came, LEVELS)
    return [four_digits(x) for x in (crps(samples, came).mean(), wis.mean(), *inside)]
