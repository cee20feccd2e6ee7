"""What is reported by week, around what is expected by day."""

from collections.abc import Mapping

import torch

from causal_lpm import observed
from causal_lpm.agents import negative_binomial

__all__ = ["report_weeks", "weekly"]


def weekly(daily: torch.Tensor) -> torch.Tensor:
    """Sums of whole weeks: `[*dims, days]` -> `[*dims, weeks]`.

    >>> weekly(torch.ones(1, 14))
    tensor([[7., 7.]])
    """
    return daily.reshape(*daily.shape[:-1], -1, 7).sum(-1)


def report_weeks(daily: Mapping[str, torch.Tensor], dispersion: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A data site for each series, negative binomial around what is expected.

    Args:
        daily: Data site -> persons expected a day, `[*dims, groups, days]`, whole weeks of days.
        dispersion: Data site -> how little it scatters, `[*dims, 1, 1]`.

    Returns:
        "expected_" and the name of the site -> persons a week, `[*dims, groups, weeks]`.
    """
    series = {}
    for name, expected in daily.items():
        series[f"expected_{name}"] = mean = weekly(expected)
        observed(name, negative_binomial(mean, dispersion[name]).to_event(1))
    return series
