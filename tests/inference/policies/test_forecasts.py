"""Scores of predictions in the schema of `predict`, beside those of the last-value baseline."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from causal_lpm.inference import crps, last_value_baseline, score_forecasts, weighted_interval_score
from causal_lpm.inference.policies.predictions import predictions_dataset

RNG = np.random.default_rng(3)
DRAWN = RNG.poisson(40.0, (2, 30, 4, 2, 25))
CAME = RNG.poisson(40.0, (2, 25)).astype(float)
CAME[1, 22] = np.nan


def forecast(start_date: str | None = None) -> xr.Dataset:
    """Two outcomes of two groups, one of which is by all groups together."""
    values = {"cases": DRAWN, "deaths": DRAWN.sum(-2, keepdims=True)}
    return predictions_dataset(values, ["factual", "open"], seed=0, coupling="", start_date=start_date)


def test_scores_are_those_of_all_draws_and_replicates_from_the_origin_on() -> None:
    found = score_forecasts(forecast(), {"cases": CAME, "deaths": CAME[0] * 2}, origin=15, samples=50, seed=7)
    assert found["cases"].dims == ("score", "forecaster", "group", "day")
    assert found["day"].values.tolist() == list(range(15, 25))
    assert found["deaths"].sizes["deaths_group"] == 1
    samples = DRAWN[0].reshape(120, 2, 25)[..., 15:]
    model = found["cases"].sel(forecaster="model")
    np.testing.assert_allclose(model.sel(score="crps"), crps(samples, CAME[:, 15:]))
    levels = found.attrs["levels"]
    wis = weighted_interval_score(np.quantile(samples, levels, axis=0), CAME[:, 15:], levels)
    np.testing.assert_allclose(model.sel(score="wis"), wis)
    walk = last_value_baseline(CAME[:, :15], 10, samples=50, seed=7)
    np.testing.assert_allclose(found["cases"].sel(forecaster="last value", score="crps"), crps(walk, CAME[:, 15:]))
    assert np.isnan(found["cases"].sel(group="1", day=22)).all()
    # 19 known days, each inside with a probability of about .9: fewer than 11 in 2e-4 of seeds.
    assert float(model.sel(score="inside_90").sum()) >= 11
    other = score_forecasts(forecast(), {"cases": CAME}, origin=15, world="open")
    assert not np.allclose(other["cases"].sel(score="wis"), found["cases"].sel(score="wis"), equal_nan=True)


def test_what_cannot_be_scored_is_refused() -> None:
    for changes, message in (
        ({"data": {"case": CAME}}, "unknown outcome 'case'"),
        ({"data": {}}, "no data"),
        ({"world": "closed"}, "unknown world"),
        ({"origin": 25}, "from 1 to 24"),
        ({"origin": 0}, "origin is 0"),
        ({"data": {"cases": CAME[:, :20]}}, "shape"),
    ):
        with pytest.raises(ValueError, match=message):
            score_forecasts(**{"forecast": forecast(), "data": {"cases": CAME}, "origin": 15, **changes})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the data are a ndarray: give what came by outcome"):
        score_forecasts(forecast(), CAME, origin=15)  # type: ignore[arg-type]
    dated = pd.DataFrame(CAME, columns=pd.date_range("2020-03-02", periods=25))
    with pytest.raises(ValueError, match="begin on 2020-03-02 and the forecast on 2020-03-01"):
        score_forecasts(forecast("2020-03-01"), {"cases": dated}, origin=15)
    assert "date" in score_forecasts(forecast("2020-03-02"), {"cases": dated}, origin=15).coords
