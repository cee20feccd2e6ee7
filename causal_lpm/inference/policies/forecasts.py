"""Forecasts against what came: scores of a model's predictions beside those of the last-value baseline."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm import validate
from causal_lpm.inference.diagnostics.forecast_scores import (
    HUB_LEVELS,
    crps,
    last_value_baseline,
    weighted_interval_score,
)
from causal_lpm.inference.policies.predictions import series_dims
from causal_lpm.inference.program.series import Series, as_series

__all__ = ["SCORES", "score_forecasts"]

SCORES = ("crps", "wis", "inside_50", "inside_90")
FORECASTERS = ("model", "last value")
Array = npt.NDArray[np.float64]


def score_forecasts(
    forecast: xr.Dataset,
    data: Mapping[str, Any],
    origin: int,
    *,
    world: str | None = None,
    levels: Sequence[float] = HUB_LEVELS,
    samples: int = 1_000,
    seed: int = 0,
) -> xr.Dataset:
    """Scores of each outcome on each day from `origin` on, of the predictions and of the last-value baseline.

    Args:
        forecast: Predictions in the schema of `predict`, (world, draw, replicate, group, day); draws and replicates
            together are the samples. They must not have seen the data from `origin` on, which nothing here can check.
        data: Outcome -> what came, `[day]` or `[group, day]`, for all days of the forecast, those before `origin`
            too; NaN where missing.
        origin: The first day that is forecast; the baseline sees the days before it.
        world: Whose predictions are scored; by default the first, which is the factual one.
        levels: Of the quantiles of the weighted interval score.
        samples: Of the baseline.
        seed: Of the baseline.

    Returns:
        Each outcome with dimensions (score, forecaster, group, day): `crps` and `wis` in units of the outcome, smaller
        is better; `inside_50` and `inside_90`, whether the central intervals hold the datum, 0 or 1, whose means should
        be .5 and .9. NaN where nothing came.

    Raises:
        ValueError: an unknown outcome or world; an origin without days before or after it; data of another shape or
            with other dates; fewer than two samples.

    >>> rng = np.random.default_rng(0)
    >>> from causal_lpm.inference.policies.predictions import predictions_dataset
    >>> seen = rng.poisson(50.0, (1, 30))
    >>> drawn = predictions_dataset({"cases": rng.poisson(50.0, (1, 200, 1, 1, 30))}, ["factual"], seed=0, coupling="")
    >>> scores = score_forecasts(drawn, {"cases": seen}, origin=20)["cases"].mean(["group", "day"])
    >>> bool(scores.sel(score="crps", forecaster="model") < scores.sel(score="crps", forecaster="last value"))
    True
    """
    if not isinstance(data, Mapping):
        raise TypeError(f"the data are a {type(data).__name__}: give what came by outcome, as {{'cases': [...]}}.")
    if not data:
        raise ValueError("there are no data: give what came, as {'cases': [...]}.")
    worlds = [str(name) for name in forecast["world"].values]
    chosen = worlds[0] if world is None else world
    validate.known("world", chosen, worlds)
    origin = validate.whole_number("origin", origin)
    found = {}
    for name, given in data.items():
        validate.known("outcome", name, map(str, forecast.data_vars))
        found[name] = _scores(forecast[name].sel(world=chosen), given, origin, levels, samples, seed)
    scored = xr.Dataset(found, attrs={"origin": origin, "world": chosen, "levels": list(levels)})
    return scored.assign_coords(score=list(SCORES), forecaster=list(FORECASTERS))


def _scores(
    predicted: xr.DataArray, given: Any, origin: int, levels: Sequence[float], samples: int, seed: int
) -> xr.DataArray:
    name, (group, day) = str(predicted.name), series_dims(predicted)
    days = predicted.sizes[day]
    if not 0 < origin < days:
        raise ValueError(f"origin is {origin} and {name!r} has {days} days: give a day from 1 to {days - 1}.")
    ordered = predicted.transpose("draw", "replicate", group, day)
    series = as_series(name, given, (predicted.sizes[group], days))
    _check_dates(name, predicted, day, series)
    values = series.values.numpy()
    later = values[:, origin:]
    model = ordered.values.reshape(-1, *values.shape)[..., origin:].astype(np.float64)
    baseline = last_value_baseline(values[:, :origin], days - origin, samples, seed)
    scores = np.stack([_all(each, later, levels) for each in (model, baseline)], 1)
    kept = predicted.isel({day: slice(origin, None)})
    coords = {key: value for key, value in kept.coords.items() if set(value.dims) <= {group, day} and value.dims}
    return xr.DataArray(scores, dims=("score", "forecaster", group, day), coords=coords, attrs=dict(predicted.attrs))


def _all(drawn: Array, came: Array, levels: Sequence[float]) -> Array:
    """`[score, group, day]` of samples `[sample, group, day]`."""
    inside = []
    for level in (0.5, 0.9):
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        inside.append(np.where(np.isnan(came), np.nan, (low <= came) & (came <= high)))
    quantiles = np.quantile(drawn, levels, axis=0)
    return np.stack([crps(drawn, came), weighted_interval_score(quantiles, came, levels), *inside])


def _check_dates(name: str, predicted: xr.DataArray, day: str, series: Series) -> None:
    """Data with dates must begin on the day on which the forecast does."""
    dates = next((c.values for c in predicted.coords.values() if c.dims == (day,) and c.dtype.kind == "M"), None)
    if dates is None or series.dates is None:
        return
    ours, theirs = dates[0].astype("datetime64[D]"), series.dates[0].astype("datetime64[D]")
    if ours != theirs:
        raise ValueError(f"the data of {name!r} begin on {theirs} and the forecast on {ours}: give them the same days.")
