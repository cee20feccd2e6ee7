"""Hens to eggs to the price of a dozen, and what consumers pay more."""

import functools

import numpy as np
import pandas as pd
import torch

from case_studies.h5n1_eggs.inputs import prices, week_dates

__all__ = ["BASE", "DOZENS", "LAG_WEEKS", "eggs_price", "season", "season_of_weeks"]

DOZENS = 0.79 * 7 / 12
"""Dozens of eggs a hen and week: 0.79 eggs a hen and day, the mean of US table-egg layers."""
LAG_WEEKS = 3.0
"""Weeks until the price has moved two thirds of the way: an assumption, as contracts follow the market."""
BEFORE = ("2021-01", "2021-12")


@functools.cache
def season() -> "pd.Series[float]":
    """Price of a month relative to the year around it, months 1 to 12, mean 1; 2010 to 2019 without 2015.

    In 2015 another epidemic of avian influenza moved the price.
    """
    table = prices()
    relative = (table / table.rolling(13, center=True).mean())["2010-07":"2019-12"]
    relative = relative[~relative.index.year.isin([2015])]
    found = relative.groupby(relative.index.month).median()
    return found / found.mean()


BASE = float(prices()[BEFORE[0] : BEFORE[1]].mean())
"""USD a dozen, the mean of 2021, the year before."""


def season_of_weeks(weeks: int) -> torch.Tensor:
    """The season of each week since January 2022, float64 `[weeks]`."""
    return torch.tensor(season().loc[week_dates(weeks).month].to_numpy(np.float64))


def eggs_price(hens: torch.Tensor, elasticity: torch.Tensor) -> torch.Tensor:
    """The price at which as many eggs are bought as there are, relative to that at full supply.

    Args:
        hens: Share of hens that lay, above 0.
        elasticity: Of demand, below 0.

    Raises:
        ValueError: an elasticity of 0 or above.

    >>> eggs_price(torch.tensor(0.9), torch.tensor(-0.12)).round(decimals=2)
    tensor(2.4100)
    """
    if not bool((elasticity < 0).all()):
        raise ValueError(
            f"the elasticity of demand is {float(elasticity.max()):g}: give a number below 0, such as -0.12."
        )
    return hens ** (1 / elasticity)
