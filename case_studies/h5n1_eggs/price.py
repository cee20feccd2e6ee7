"""How much of the price of eggs the hens explain, and what is left; nothing here is fitted to prices."""

from typing import Any

import numpy as np
import pandas as pd

from case_studies.h5n1_eggs.inputs import WEEKS, flocks, hens, prices, week_dates
from case_studies.h5n1_eggs.market import BASE, LAG_WEEKS, season_of_weeks
from case_studies.page import four_digits

__all__ = ["ELASTICITIES", "by_month", "counted_hens", "explained", "weekly_price"]

ELASTICITIES = (-0.02, -0.05, -0.12, -0.2)
"""Published ones run from -0.02 to -0.2."""
FULL = 327e6
"""Table-egg layers at the beginning of 2021."""
RESTOCK_WEEKS = 30.0


def counted_hens() -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Share of table-egg layers by week as counted, of those of 2021, between dates by lines."""
    counted = hens()
    dates = week_dates(WEEKS)
    days = (counted.index - counted.index[0]).days.to_numpy(float)
    at = (dates - counted.index[0]).days.to_numpy(float)
    return np.asarray(np.interp(at, days, counted.to_numpy()) / FULL)


def confirmed_hens() -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Share of hens by week if only the confirmed flocks were lost and came back after 30 weeks on average."""
    layers = flocks()[flocks()["kind"] == "layer"]
    lost = np.bincount(layers["week"], layers["birds"], minlength=WEEKS)
    out, share = 0.0, np.empty(WEEKS)
    for week in range(WEEKS):
        out = out * np.exp(-1 / RESTOCK_WEEKS) + lost[week]
        share[week] = 1 - out / FULL
    return share


def weekly_price(share: Any, elasticity: float) -> Any:
    """The model's price of each week for given hens, USD a dozen."""
    now, path = 1.0, []
    for one in share:
        now += (one ** (1 / elasticity) - now) / LAG_WEEKS
        path.append(now)
    return np.array(path) * BASE * season_of_weeks(len(share)).numpy()


def by_month(weekly: Any) -> "pd.Series[float]":
    """Means of the weeks of each month since January 2022."""
    series = pd.Series(np.asarray(weekly), index=week_dates(len(weekly)).to_period("M"))
    return series.groupby(level=0).mean()


def explained() -> dict[str, Any]:
    """Hens and elasticity -> mean, highest month; share of what is above the season that is explained; residual.

    The share is of the mean excess over the season, and r2 that of the squares of the log excess; both may be below 0.
    """
    seen = prices()["2022-01":"2023-12"]
    usual = by_month(BASE * season_of_weeks(WEEKS).numpy())
    found: dict[str, Any] = {"data": _row(seen, seen, usual), "season alone": _row(usual, seen, usual)}
    for name, share in (("confirmed flocks", confirmed_hens()), ("hens counted", counted_hens())):
        for elasticity in ELASTICITIES:
            model = by_month(weekly_price(share, elasticity))
            found[f"{name}, elasticity {elasticity:g}"] = _row(model, seen, usual)
    model = by_month(weekly_price(confirmed_hens(), -0.12))
    found["residual by quarter"] = [
        four_digits(x) for x in (seen - model).groupby(seen.index.quarter + 4 * (seen.index.year - 2022)).mean()
    ]
    return found


def _row(model: Any, seen: Any, usual: Any) -> list[float]:
    excess, told = np.log(seen / usual), np.log(model / usual)
    left = seen - model
    share = (model - usual).mean() / (seen - usual).mean()
    r2 = 1 - ((excess - told) ** 2).sum() / (excess**2).sum()
    return [four_digits(x) for x in (model.mean(), model.max(), share, r2, left.mean(), left.max())]
