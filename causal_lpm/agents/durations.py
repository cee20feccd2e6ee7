"""Whole-day times in a stage from distributions that are given by mean and standard deviation."""

import math

import torch
from scipy import special

from causal_lpm.agents.disease import LONGEST, Duration, cut_to_longest

__all__ = ["log_normal_days"]


def log_normal_days(mean: float, sd: float) -> Duration:
    """A log-normal time rounded to the nearest day; up to a hundredth beyond 250 days counts as 250.

    Args:
        mean: Mean in days before rounding.
        sd: Its standard deviation in days (of the time, not of its logarithm).

    Raises:
        ValueError: a mean or sd that is not positive or infinite; more than a hundredth of the times beyond 250 days.

    >>> round(log_normal_days(8.0, 2.0).mean(), 2)
    8.0
    """
    if not (0 < mean < math.inf and 0 < sd < math.inf):
        raise ValueError(f"log_normal_days got mean {mean} and sd {sd}: both must be positive, and finite.")
    spread = math.sqrt(math.log1p((sd / mean) ** 2))
    middle = math.log(mean) - spread**2 / 2
    upper = torch.arange(LONGEST + 1, dtype=torch.float64) + 0.5
    below = torch.as_tensor(special.ndtr(((upper.log() - middle) / spread).numpy()))
    return cut_to_longest(f"log-normal times with mean {mean} and sd {sd}", below)
