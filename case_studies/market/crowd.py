"""The density of Cont's returns if agents were a crowd without number: what svi+npe summarises by."""

from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from torch.distributions import constraints

from case_studies.market.cont import AGENTS, DAYS, HIGHEST, UPDATING, priors
from causal_lpm import observed

__all__ = ["CrowdReturns", "crowd"]

NEWS = 24  # sizes of news that are told apart
WIDTH = 0.1  # of a threshold, in standard deviations of news: so that there is a slope
COARSE = 0.03  # share of agents within which shares are not told apart
TAIL = 0.01  # weight of shares that the crowd cannot explain


class CrowdReturns(dist.TorchDistribution):
    """Returns of a day given those before it, `[*batch, days]`, where each agent is a share of thresholds.

    On day t a share (1-s)^t of agents has its first threshold, and a share s(1-s)^(t-1-k) that of day k, which is the
    size of the return then, and in the data. So the share F(e) that trades on news e is known, and the density of a
    return is that of F over the news, smeared by the number of agents. An approximation: thresholds that were not
    revised are taken to be independent of how many traded before.

    Args:
        alpha: Mean log threshold in the beginning, `[*batch]`.
        beta: Standard deviation of the log.
        sigma: Of news.
        eta: Depth.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector
    has_rsample = False

    def __init__(self, alpha: torch.Tensor, beta: torch.Tensor, sigma: torch.Tensor, eta: torch.Tensor) -> None:
        self.parts = torch.broadcast_tensors(alpha, beta, sigma, eta)
        super().__init__(self.parts[0].shape, torch.Size([DAYS]), validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "CrowdReturns":
        return CrowdReturns(*(part.expand(batch_shape) for part in self.parts))

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        alpha, beta, sigma, eta = (part[..., None] for part in self.parts)
        size = value.abs().to(eta)
        quantiles = torch.special.ndtri(0.5 + (torch.arange(NEWS) + 0.5) / (2 * NEWS)).to(eta)
        first = torch.special.ndtr(((sigma * quantiles).log() - alpha.clamp(max=HIGHEST)) / beta)  # [*, news]
        beyond = torch.sigmoid((quantiles - (size / sigma)[..., None]) / WIDTH)  # [*, days, news]
        day = torch.arange(DAYS).to(eta)
        since = day[:, None] - 1 - day
        learned = torch.where(since >= 0, UPDATING * (1 - UPDATING) ** since.clamp(min=0), 0.0)
        share = (1 - UPDATING) ** day[:, None] * first[..., None, :] + learned @ beyond
        spread = (share * (1 - share) / AGENTS + COARSE**2).sqrt()
        traded = (size * eta)[..., None]
        crowd = torch.logsumexp(-((traded - share) ** 2) / (2 * spread**2) - (spread * 2.5066 * NEWS).log(), -1)
        tail = -2 * torch.log1p(traded[..., 0])
        density = torch.logaddexp(crowd + torch.log1p(torch.tensor(-TAIL)), tail + torch.log(torch.tensor(TAIL)))
        total: torch.Tensor = (density + (eta / 2).log()).sum(-1)
        return total

    def sample(self, sample_shape: Any = ()) -> torch.Tensor:
        """Returns of a market in which everybody trades on half of the days: only their shape is asked for."""
        shape = torch.Size(sample_shape) + self.batch_shape + self.event_shape
        drawn: torch.Tensor = torch.bernoulli(torch.full(shape, 0.5)) / self.parts[3][..., None].detach()
        return drawn


def crowd() -> dict[str, torch.Tensor]:
    """The surrogate of `cont.returns_only`: the same priors and data site."""
    observed("quoted", CrowdReturns(*priors()))
    return {}
