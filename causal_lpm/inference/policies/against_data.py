"""Whether predictions of the model as it stands are like its data: what every answer built on them has to say.

Predictions draw fresh luck. They are about epidemics of these parameters, of which the observed one is one; where that
one is unlike them, an effect in them is not the effect in it.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.diagnostics.predictive_checks import predictive_gate
from causal_lpm.inference.diagnostics.report import WARN_P
from causal_lpm.inference.policies.dying_out import died_out, knows_who_died_out
from causal_lpm.inference.policies.predictions import series_dims

__all__ = ["compared_with_data", "said_of_misses"]

_LOG = logging.getLogger("causal_lpm")

ENOUGH = 20  # runs, of which one that dies out is a share
MANY = 0.05  # share of epidemics that die out, where that of the data did not

Values = npt.NDArray[np.float64]


def compared_with_data(
    predictions: xr.Dataset, observed: xr.Dataset, worlds: Mapping[str, Mapping[str, Any]] | None
) -> xr.Dataset:
    """Predictions whose attribute `misses` says how the world without acts misses the data, with a warning in the log.

    They stay as they are where nothing is missed, or each world has acts.
    """
    factual = next((name for name, acts in ({"factual": {}} if worlds is None else worlds).items() if not acts), None)
    misses = "" if factual is None else said_of_misses(predictions, observed, str(factual))
    if not misses:
        return predictions
    _LOG.warning(f"The predictions miss the data. {misses}")
    return predictions.assign_attrs(misses=misses)


def said_of_misses(predictions: xr.Dataset, observed: xr.Dataset, world: str) -> str:
    """How predictions of a world that is as the observed one was miss the data, in sentences; empty if they do not.

    Two things are said: that epidemics die out where that of the data took off (5% or more of at least 20, and the data
    count more than any that died out does), and what the predictive check finds below p = 0.02, as in the gates of
    `fit`.

    Args:
        predictions: Of `predict`; data sites among the outcomes are compared on the days of the data.
        observed: Data (group, day), NaN where missing.
        world: In which no policy was changed.

    >>> draws = np.random.default_rng(0).poisson(20.0, (1, 300, 1, 1, 30))
    >>> seen = xr.Dataset({"cases": (("world", "draw", "replicate", "group", "day"), draws)}, {"world": ["factual"]})
    >>> data = xr.Dataset({"cases": (("group", "day"), np.full((1, 30), 80.0))})
    >>> said_of_misses(seen, data, "factual")[:41]
    'The model does not reproduce the total of'
    """
    drawn, data = _compared(predictions.sel(world=world), observed)
    found = []
    if knows_who_died_out(predictions) and "given" not in predictions.attrs:
        dead = died_out(predictions, world=world).values.reshape(-1)
        took_off = any(_total(data[site]) > _total(drawn[site][dead]).max(initial=0.0) for site in drawn)
        if dead.size >= ENOUGH and dead.mean() >= MANY and took_off:
            found.append(
                f"{dead.mean():.0%} of the epidemics in {world!r} died out, and that of the data did not: these are "
                "answers about a new epidemic; given='outbreak' is about one that takes off."
            )
    finite = np.logical_and.reduce([np.isfinite(values).all((1, 2)) for values in drawn.values()]) if drawn else ()
    if np.any(finite):
        gate = predictive_gate({site: values[finite] for site, values in drawn.items()}, data)
        if gate.value < WARN_P:
            found.append(gate.sentence)
    return " ".join(found)


def _compared(predicted: xr.Dataset, observed: xr.Dataset) -> tuple[dict[str, Values], dict[str, Values]]:
    """Data sites, predicted `[run, group, day]` and observed `[group, day]`, on the days of the data."""
    drawn, data = {}, {}
    for name, values in observed.data_vars.items():
        site = str(name)
        if {"term", "table"} & set(values.attrs) or site not in predicted.data_vars or not values.notnull().any():
            continue
        dims = series_dims(predicted[site])
        runs = predicted[site].transpose("draw", "replicate", *dims).values.astype(np.float64)
        groups, days = values.shape
        if runs.shape[2] == groups and runs.shape[3] >= days:
            drawn[site] = runs.reshape(-1, *runs.shape[2:])[:, :, :days]
            data[site] = np.asarray(values.values, dtype=np.float64)
            drawn[site][:, np.isnan(data[site])] = 0.0
    return drawn, data


def _total(series: Values) -> Values:
    """Over groups and days, NaN left out."""
    total: Values = np.nansum(series, axis=(-2, -1))
    return total
