"""Prices of later months beside what the model said of them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from case_studies.h5n1_eggs.inputs import prices, week_dates
from case_studies.h5n1_eggs.model import epizootic
from case_studies.h5n1_eggs.premises import country
from case_studies.page import four_digits
from causal_lpm.inference import crps, predict

__all__ = ["later_market"]


def later_market(draws: Mapping[str, Any], seen: "pd.Series[float]", seed: int) -> dict[str, Any]:
    """Score -> of the model and of the last price before 2024 kept; the share of months inside the 90% interval.

    The model goes on from January 2022 with its own luck: it has seen no price at all.
    """
    weeks = int((seen.index[-1].end_time - pd.Timestamp("2022-01-01")).days // 7) + 1
    found = predict(partial(epizootic, country(), weeks), draws, outcomes=["price"], seed=seed, batch=16)
    weekly = found["price"].isel(world=0).values.reshape(-1, weeks)
    monthly = pd.DataFrame(weekly.T, index=week_dates(weeks).to_period("M")).groupby(level=0).mean().loc[seen.index]
    told = monthly.to_numpy()  # [month, draw]
    low, high = np.quantile(told, [0.05, 0.95], axis=1)
    last = float(prices()["2023-12"])
    return {
        "months": len(seen),
        "crps": [
            four_digits(float(np.mean(crps(told.T, seen.to_numpy())))),
            four_digits(float((seen - last).abs().mean())),
        ],
        "inside": four_digits(float(((seen >= low) & (seen <= high)).mean())),
        "mean": [four_digits(float(seen.mean())), four_digits(float(told.mean()))],
    }
