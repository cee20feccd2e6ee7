"""Exponential growth of a series: its rate a day, and how many days it takes to double, with intervals."""

import math
from typing import Any

import torch
from scipy import special
from torch import Tensor

from causal_lpm import validate
from causal_lpm.measures.series import counts

__all__ = ["doubling_interval", "doubling_time", "growth_interval", "growth_rate"]


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
    return _line(series, validate.whole_number("window", window, low=2))[0]


def growth_interval(series: Any, window: int = 7, level: float = 0.95) -> tuple[Tensor, Tensor]:
    """The confidence interval of `growth_rate`: its ends, float64 `[*dims, days]` each.

    It takes the days' logarithms to scatter alike about the line. Of few cases a day they do not; widen the window.

    Args:
        series: Counts a day, `[*dims, days]`.
        window: Days through which the line goes, at least 3.
        level: Probability with which it holds the rate, above 0 and below 1.

    Returns:
        Lower and upper end; NaN as for `growth_rate`.

    Raises:
        ValueError: negative counts, a window that is no whole number of at least 3, a level that is none.

    Source: the t interval of a slope, with `window` - 2 degrees of freedom.

    >>> low, high = growth_interval([10, 21, 39, 80], window=4)
    >>> round(float(low[-1]), 3), round(float(high[-1]), 3)
    (0.616, 0.755)
    """
    window = validate.whole_number("window", window, low=3)
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval is {level}: give a probability above 0 and below 1.")
    rate, error = _line(series, window)
    reach = float(special.stdtrit(window - 2, (1 + level) / 2)) * error
    return rate - reach, rate + reach


def doubling_time(series: Any, window: int = 7) -> Tensor:
    """In how many days a series would double, log 2 / `growth_rate`; float64 `[*dims, days]`.

    Below 0: it halves in so many days. Infinite: it stays. NaN: as for `growth_rate`.

    >>> doubling_time([1, 2, 4, 8], window=3).round(decimals=3)
    tensor([nan, nan, 1., 1.], dtype=torch.float64)
    """
    return math.log(2) / growth_rate(series, window)


def doubling_interval(series: Any, window: int = 7, level: float = 0.95) -> tuple[Tensor, Tensor]:
    """The interval of `doubling_time` that belongs to `growth_interval`: its ends, float64 `[*dims, days]` each.

    Where the interval of the rate has 0 in it, the series may as well stay as it is: the interval of a time to double
    then has no upper end (infinity), and that of a time to halve, which is below 0, no lower one.

    >>> low, high = doubling_interval([10, 21, 39, 80], window=4)
    >>> round(float(low[-1]), 3), round(float(high[-1]), 3)
    (0.918, 1.125)
    """
    slow, fast = growth_interval(series, window, level)
    grows = slow + fast >= 0
    low = torch.where(grows | (fast < 0), math.log(2) / fast, -torch.inf)
    high = torch.where(~grows | (slow > 0), math.log(2) / slow, torch.inf)
    unknown = slow.isnan()
    return low.masked_fill(unknown, torch.nan), high.masked_fill(unknown, torch.nan)


def _line(series: Any, window: int) -> tuple[Tensor, Tensor]:
    """The slope of the line through each window, and its standard error; NaN where there is none."""
    logs = counts("the series", series).log()
    slopes, errors = torch.full_like(logs, torch.nan), torch.full_like(logs, torch.nan)
    if logs.shape[-1] >= window:
        day = torch.arange(window, dtype=torch.float64) - (window - 1) / 2
        squares = (day**2).sum()
        inside = logs.unfold(-1, window, 1)
        slope = (inside * day).sum(-1) / squares
        left = inside - inside.mean(-1, keepdim=True) - slope.unsqueeze(-1) * day
        error = ((left**2).sum(-1) / max(window - 2, 1) / squares).sqrt()
        known = slope.isfinite()
        slopes[..., window - 1 :] = torch.where(known, slope, torch.nan)
        errors[..., window - 1 :] = torch.where(known, error, torch.nan)
    return slopes, errors
