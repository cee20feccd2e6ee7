"""December 2021, forecast from what was known on 30 November and scored by district, beside simple forecasts."""

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from case_studies.new_zealand.covid_calendar import AHEAD, DAYS, SEEN
from case_studies.new_zealand.covid_model import outbreak
from case_studies.new_zealand.covid_reports import AREAS, reported_cases, sites, spans
from case_studies.new_zealand.people import Country
from case_studies.page import four_digits
from case_studies.weighed_runs import likelihood_weights
from causal_lpm.inference import crps, last_value_baseline, predict

__all__ = ["ahead", "scored", "trend_kept", "weights"]

Floats: TypeAlias = npt.NDArray[np.float64]
WEEKS, SEEN_WEEKS = AHEAD // 7, SEEN // 7
SAMPLES = 1000
"""Of each forecast."""
LEAST = 1e-3
"""Cases that are expected at least: where nobody is infected a report is unlikely and not impossible."""


def ahead(country: Country, draws: Mapping[str, Any], lucks: int, seed: int) -> xr.Dataset:
    """Reports to 28 December expected in runs of the model: several with different luck for each draw."""
    settings: dict[str, Any] = {"replicates": lucks, "seed": seed, "batch": 8}
    names = ("cases", "cases_by_span", "admissions_by_half")
    return predict(partial(outbreak, country, DAYS), draws, {"as it was": {}}, outcomes=names, **settings)


def weights(predicted: xr.Dataset, dispersion: Floats) -> Floats:
    """How likely an area's cases of November's end are in each run, `[draws * lucks, areas]`, columns adding up to 1.

    Each area of `AREAS` has weights of its own, by the density of its two last reported spans, as localised particle
    filters have (Poterjoy, Mon Weather Rev 2016;144:59): few runs are near the reports everywhere.
    """
    expected = _spans(predicted)[..., -2:]
    size = np.repeat(dispersion, expected.shape[1])
    runs = np.maximum(expected, LEAST).reshape(-1, len(AREAS), 2)
    return likelihood_weights(sites()["cases_by_span"][:, -2:], runs, size)


def scored(predicted: xr.Dataset, dispersion: Floats, seed: int) -> dict[str, dict[str, list[float]]]:
    """Forecaster -> what is forecast -> mean CRPS of a week in cases, and the share of weeks in the 90% interval.

    What is forecast: each of the 20 districts (summed), the three of Auckland together, and the country.
    """
    rng = np.random.default_rng(seed)
    weekly = _weekly(predicted["cases"].values[0])  # [draws, lucks, 20, weeks]
    runs = weekly.reshape(-1, *weekly.shape[2:])[..., SEEN_WEEKS:]
    size = np.repeat(dispersion, weekly.shape[1])
    weight = weights(predicted, dispersion)
    reported = _weekly(reported_cases(DAYS))
    past, came = reported[:, :SEEN_WEEKS], reported[:, SEEN_WEEKS:]
    found: dict[str, dict[str, list[float]]] = {}
    for name, share in (("this model", weight), ("the same, runs not weighed", np.full_like(weight, 1 / len(weight)))):
        found[name] = _told(_drawn(runs, size, share, rng), came)
    found["last week kept"] = _told(last_value_baseline(past, WEEKS, SAMPLES, seed), came)
    found["trend kept"] = _told(np.repeat(trend_kept(past)[None], 2, 0), came)
    return found


def _drawn(runs: Floats, size: Floats, weight: Floats, rng: np.random.Generator) -> Floats:
    """Samples of reports by district and week, `[SAMPLES, 20, weeks]`, from runs weighed by area.

    The runs of an area are put in the order of their cases, and a sample has the same quantile of all areas, as if they
    did well or badly together: sums are rather too wide than too narrow.
    """
    quantile = (rng.permutation(SAMPLES) + 0.5) / SAMPLES
    found: Floats = np.zeros((SAMPLES, *runs.shape[1:]))
    for number, members in enumerate(AREAS.values()):
        own = runs[:, list(members)]
        order = np.argsort(own.sum((1, 2)), kind="stable")
        at = np.searchsorted(weight[order, number].cumsum(), quantile).clip(max=len(order) - 1)
        mean, spread = np.maximum(own[order[at]], LEAST), size[order[at], None, None]
        found[:, list(members)] = rng.negative_binomial(spread, spread / (spread + mean))
    return found


def trend_kept(past: Floats) -> Floats:
    """The last week times the growth of the last two, week by week, `[20, weeks]`: a point.

    >>> trend_kept(np.array([[1.0, 10.0, 5.0]])).tolist()
    [[2.5, 1.25, 0.625, 0.3125]]
    """
    last, before = past[:, -1], past[:, -2]
    growth = np.divide(last, before, out=np.ones_like(last), where=before > 0)
    found: Floats = last[:, None] * growth[:, None] ** np.arange(1, WEEKS + 1)
    return found


def _told(samples: Floats, came: Floats) -> dict[str, list[float]]:
    parts = {
        "districts": (samples, came),
        "Auckland": (samples[:, 1:4].sum(1, keepdims=True), came[1:4].sum(0, keepdims=True)),
        "country": (samples.sum(1, keepdims=True), came.sum(0, keepdims=True)),
    }
    found = {}
    for name, (drawn, seen) in parts.items():
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        inside = float(((seen >= low) & (seen <= high)).mean())
        score = float(crps(drawn, seen).mean(-1).sum())
        found[name] = [four_digits(score), four_digits(inside), four_digits(float(np.median(drawn.sum((1, 2)))))]
    return found


def _weekly(daily: Floats) -> Floats:
    found: Floats = daily.reshape(*daily.shape[:-1], -1, 7).sum(-1)
    return found


def _spans(predicted: xr.Dataset) -> Floats:
    """Cases that are expected by area and span, from the series by district: `[draws, lucks, areas, spans]`."""
    found: Floats = spans(torch.tensor(predicted["cases"].values[0][..., :SEEN])).numpy()
    return found
