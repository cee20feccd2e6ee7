"""How an epidemic is seen: counts that scatter more than a Poisson, and reports that arrive late.

A model knows its infections; a health office knows its reports. What lies between is written here, on series of
tallies, so that its cost grows with the days and not with the agents.
"""

from collections.abc import Sequence
from typing import Any

import pyro.distributions as dist
import torch

from causal_lpm import validate

__all__ = ["negative_binomial", "reporting_delay"]

FLOOR = 1e-3
"""Smallest mean: a report on a day on which the model has none is improbable, but not impossible."""

STEADY = 1e10
"""Largest dispersion: beyond it, rounding of the log gammas in float64 spoils their difference, the density."""


def negative_binomial(mean: torch.Tensor | float, dispersion: torch.Tensor | float = 10.0) -> dist.NegativeBinomial:
    """Counts with a given mean and the variance mean + mean**2 / dispersion.

    Time is the last dimension of a series: call `.to_event(1)` before the distribution becomes a site.

    Args:
        mean: Expected count, integer or float `[*dims, 1 or groups, days]`, such as `run.tallies["cases"]`; means below
            0.001 count as 0.001.
        dispersion: Positive, dimensionless; a number, or a tensor that broadcasts against `mean`. Large values come
            near a Poisson distribution.

    Returns:
        A distribution with the batch shape of `mean` (broadcast with `dispersion`), float64.

    Raises:
        ValueError: a mean or a dispersion that is negative or NaN, a dispersion that is zero or above 1e10; when it
            is drawn from, a mean so large that counts are beyond 64 bits.

    >>> import torch
    >>> reports = negative_binomial(torch.tensor([[4, 20]]), dispersion=10.0)
    >>> reports.mean.round(), reports.variance.round()
    (tensor([[ 4., 20.]], dtype=torch.float64), tensor([[ 6., 60.]], dtype=torch.float64))
    """
    # float64: the log density is a difference of log gammas, and for counts of 10,000 float32 leaves it two decimals.
    expected = torch.as_tensor(mean).double()
    if not bool((expected >= 0).all()):
        what = "NaN" if bool(expected.isnan().any()) else f"{float(expected.min()):.4g}"
        raise ValueError(f"the mean of a negative binomial contains {what}: give expected counts >= 0.")
    size = torch.as_tensor(dispersion, device=expected.device).double()
    if not bool(((size > 0) & (size <= STEADY)).all()):
        raise ValueError(
            f"the dispersion of a negative binomial is {dispersion}: give a positive number up to {STEADY:g}, which is "
            "nearly a Poisson distribution."
        )
    return NegativeBinomial(size, logits=expected.clamp(min=FLOOR).log() - size.log())


class NegativeBinomial(dist.NegativeBinomial):  # type: ignore[misc]
    """Negative-binomial counts; beyond 64 bits, where drawing would give negative ones, they are refused."""

    def sample(self, sample_shape: Any = torch.Size()) -> torch.Tensor:  # noqa: B008  # as in torch
        counts: torch.Tensor = super().sample(sample_shape)
        if bool((counts < 0).any()):
            raise ValueError(
                f"the mean of a negative binomial runs to {float(self.mean.detach().max()):.4g}, too large to be drawn "
                "from: look for growth without end in what it is made of."
            )
        return counts


def reporting_delay(series: torch.Tensor, probabilities: Sequence[float]) -> torch.Tensor:
    """The series as it is reported: what happens on a day is reported 0, 1, 2, ... days later.

    Expected values, not draws. What would be reported after the last day is missing, so the sum can be smaller.

    Args:
        series: Integer or float `[*dims, 1 or groups, days]`, such as `run.tallies["cases"]`.
        probabilities: Share that is reported 0, 1, 2, ... days later; sums to 1. The `probabilities` of
            `causal_lpm.agents.disease.gamma_days` and `mean_days` fit. For under-reporting, multiply the result.

    Returns:
        Float of the same shape.

    Raises:
        ValueError: probabilities that are negative, NaN or do not sum to 1; a series without days.

    >>> import torch
    >>> reporting_delay(torch.tensor([[8, 0, 4]]), (0.0, 0.75, 0.25))
    tensor([[0., 6., 2.]])
    """
    validate.marginal("reporting delay", {f"{k} days": p for k, p in enumerate(probabilities)}, 1e-5)
    if series.dim() == 0 or series.shape[-1] == 0:
        raise ValueError(f"the series has shape {tuple(series.shape)}: give at least one day in the last dimension.")
    happened = series if series.is_floating_point() else series.to(torch.get_default_dtype())
    days = happened.shape[-1]
    # Day by day, not as a convolution: elementwise sums are the same in every world, to the last bit.
    reported = torch.zeros_like(happened)
    for delay, share in enumerate(probabilities[:days]):
        reported = reported + share * torch.nn.functional.pad(happened[..., : days - delay], (delay, 0))
    return reported
