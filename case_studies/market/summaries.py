"""Twenty numbers that stand for a series of returns, differentiable where returns are."""

import pyro.distributions as dist
import torch

from case_studies.market.cont import published
from causal_lpm import Rollout, observed

__all__ = ["NOISE", "NUMBERS", "summarised", "summary", "tick", "ticked"]

NUMBERS = 20
NOISE = 0.05
"""Standard deviation of the data around the summary. Below .03 the depth is known so sharply, by returns that are whole
numbers of orders, that 3,000 simulations do not teach it, and posteriors are too wide."""
LEVELS = torch.linspace(0.05, 1.0, 12)
LAGS = (1, 2, 5, 10)
SMALLEST = 1e-4  # return, below which sizes are not told apart


def summary(returns: torch.Tensor) -> torch.Tensor:
    """Log quantiles and means of sizes, their autocorrelation, the share of silent days: `[*, days]` to `[*, 20]`.

    Means are of days 0 to 9, 10 to 29 and the rest, since the first thresholds are forgotten by then.
    """
    size = returns.abs()
    quantiles = torch.quantile(size, LEVELS.to(size), dim=-1).movedim(0, -1)
    means = torch.stack([size[..., :10].mean(-1), size[..., 10:30].mean(-1), size[..., 30:].mean(-1)], -1)
    away = size - size.mean(-1, keepdim=True)
    power = (away**2).mean(-1) + SMALLEST**2
    lags = torch.stack([(away[..., lag:] * away[..., :-lag]).mean(-1) / power for lag in LAGS], -1)
    silent = (size.detach() == 0).to(size).mean(-1, keepdim=True)
    return torch.cat([(quantiles + SMALLEST).log(), (means + SMALLEST).log(), lags, silent], -1)


def tick(returns: torch.Tensor) -> torch.Tensor:
    """Log of the smallest difference between two sizes, `[*, days]` to `[*, 1]`: one order in so deep a market.

    Returns are whole numbers of orders / (agents x depth), so their grid tells the depth. No gradient passes.
    """
    ordered = returns.detach().abs().sort(-1).values
    steps = ordered.diff(dim=-1)
    apart = steps > 1e-4 * ordered[..., -1:]  # a tenth of what one of 1,000 agents moves; below is rounding
    smallest = torch.where(apart, steps, torch.inf).amin(-1, keepdim=True)
    return torch.where(smallest.isfinite(), smallest, SMALLEST).clamp(min=SMALLEST / 100).log()


def ticked() -> Rollout:
    """As `summarised`, with the tick as a twenty-first number."""
    run = published()
    returns = run.tallies["returns"]
    numbers = torch.cat([summary(returns), tick(returns)], -1)
    observed("ticked", dist.Normal(numbers[..., None, :], NOISE).to_event(2))
    return run


def summarised(noise: float = NOISE, width: float = 1.0) -> Rollout:
    """The published market whose data are the summary, a table `[1, 20]` without days.

    Args:
        noise: Standard deviation of the data around the summary.
        width: Slope of a threshold, as of `published`.
    """
    run = published(width)
    observed("summary", dist.Normal(summary(run.tallies["returns"])[..., None, :], noise).to_event(2))
    return run
