"""Exponential growth of a series: its rate a day, and how many days it takes to double."""

import math
from typing import Any

import torch
from torch import Tensor

from causal_lpm import validate
from causal_lpm.measures.series import counts

__all__ = ["doubling_time", "growth_rate"]


def growth_rate(series: Any, window: int = 7) -> Tensor:
    """The slope of a straight line through the logarithms of the last days, a day; float64 `[*dims, days]`.

    Args:
        series: Counts a day, `[*dims, days]`.
        window: Days through which the line goes, at least 2.

    Returns:
        The rate at the end of each window; NaN until the first one ends, and where a day of it has nobody.

    Raises:
        ValueError: negative counts, a window that is no whole number of at least 2.

    Source: ordinary least squares on log counts, as in Wallinga and Lipsitch (2007), Proceedings of the Royal Society B
    274, 599-604, for the rate r.

    >>> growth_rate([1, 2, 4, 8], window=3)
    tensor([   nan,    nan, 0.6931, 0.6931], dtype=torch.float64)
    """
    logs = counts("the series", series).log()
    window = validate.whole_number("window", window, low=2)
    rates = torch.full_like(logs, torch.nan)
    if logs.shape[-1] >= window:
        day = torch.arange(window, dtype=torch.float64) - (window - 1) / 2
        slope = (logs.unfold(-1, window, 1) * day).sum(-1) / (day**2).sum()
        rates[..., window - 1 :] = torch.where(slope.isfinite(), slope, torch.nan)
    return rates


def doubling_time(series: Any, window: int = 7) -> Tensor:
    """In how many days a series would double, log 2 / `growth_rate`; float64 `[*dims, days]`.

    Below 0: it halves in so many days. Infinite: it stays. NaN: as for `growth_rate`.

    >>> doubling_time([1, 2, 4, 8], window=3).round(decimals=3)
    tensor([nan, nan, 1., 1.], dtype=torch.float64)
    """
    return math.log(2) / growth_rate(series, window)
