"""Importance sampling whose proposal learns from its own draws: population Monte Carlo."""

from collections.abc import Callable
from typing import NamedTuple

import pyro.distributions as dist
import torch

__all__ = ["Weighted", "population_monte_carlo"]

TAILS = 5.0  # degrees of freedom of the proposals: heavier tails than a posterior near a Gaussian
ENOUGH = 0.1  # effective share of the draws that a proposal is fitted to
JITTER = 1e-6  # on the diagonal of their covariance, z being of order one


class Weighted(NamedTuple):
    """Draws with weights.

    Attributes:
        z: `[draws, size]`.
        weight: float64 `[draws]`, of sum 1.
    """

    z: torch.Tensor
    weight: torch.Tensor

    @property
    def effective(self) -> torch.Tensor:
        """Effective number of draws, 1 over the sum of squared weights."""
        return 1 / self.weight.square().sum()

    def resample(self, draws: int, seed: int) -> torch.Tensor:
        """Draws of equal weight, `[draws, size]`."""
        at = torch.multinomial(self.weight, draws, True, generator=torch.Generator().manual_seed(seed))
        return self.z[at]


def population_monte_carlo(
    log_target: Callable[[torch.Tensor], torch.Tensor],
    z: torch.Tensor,
    log_proposal: torch.Tensor,
    *,
    rounds: int = 12,
    draws: int = 8000,
    seed: int = 0,
) -> Weighted:
    """Draws of a density known up to a constant, from draws of a rough approximation to it.

    In each round a multivariate t distribution is fitted to the weighted draws and proposes new ones. Where fewer than
    a tenth of the draws count, the weights are first raised to the power below 1 at which a tenth do. The rounds end
    when a tenth count as they are, or after `rounds`; a last proposal is then fitted, and its draws are the result,
    with the weights that they have.

    Args:
        log_target: z `[n, size]` -> log density up to a constant, `[n]`; minus infinity where there is nothing.
        z: `[n, size]`, draws to begin with.
        log_proposal: `[n]`, log density that they were drawn from.
        rounds: Of fitting and proposing, at most, before the last.
        draws: In each of them.
        seed: Of the draws.

    Source: Cappé et al. (2008), Adaptive importance sampling in general mixture classes, Stat Comput 18:447; tempered
    weights as in Koblents and Míguez (2015), Stat Comput 25:407.
    """
    log_weight = (log_target(z) - log_proposal).double()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(rounds):
            z, log_weight = _proposed(log_target, z, log_weight, draws)
            if _effective(log_weight) >= ENOUGH * draws:
                break
        z, log_weight = _proposed(log_target, z, log_weight, draws)
    return Weighted(z, torch.softmax(log_weight, 0))


def _proposed(
    log_target: Callable[[torch.Tensor], torch.Tensor], z: torch.Tensor, log_weight: torch.Tensor, draws: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """New draws from what fits the weighted ones, and their log weights."""
    proposal = _fitted(z.double(), _tempered(log_weight))
    new = proposal.sample((draws,))
    return new.float(), log_target(new.float()).double() - proposal.log_prob(new)


def _fitted(z: torch.Tensor, weight: torch.Tensor) -> dist.MultivariateStudentT:
    mean = weight @ z
    apart = z - mean
    covariance = (weight[:, None] * apart).T @ apart + JITTER * torch.eye(z.shape[-1])
    return dist.MultivariateStudentT(TAILS, mean, torch.linalg.cholesky(covariance))


def _tempered(log_weight: torch.Tensor) -> torch.Tensor:
    """Weights to the largest power up to 1 under which enough draws count, by bisection."""
    low, power = 1e-6, 1.0
    if _effective(log_weight) < ENOUGH * len(log_weight):
        high = power
        for _ in range(30):
            power = (low + high) / 2
            enough = _effective(power * log_weight) >= ENOUGH * len(log_weight)
            low, high = (power, high) if enough else (low, power)
        power = low
    return torch.softmax(power * log_weight, 0)


def _effective(log_weight: torch.Tensor) -> float:
    return float(1 / torch.softmax(log_weight, 0).square().sum())
