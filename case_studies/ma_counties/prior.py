"""What is assumed of transmission before any deaths are seen.

Deaths until 4 April tell of infections until the middle of March: no data at hand could say what the closures did. The
prior `REPORT_13` does, by mobility, with figures of 30 March 2020: Flaxman et al., Report 13 of the Imperial College
COVID-19 Response Team (doi:10.25561/77731), where R falls from 3.87 to 1.43 on average of eleven European countries.
Sweden, which had no lockdown, is one of them. That the fall goes with mobility at workplaces is our assumption.

The prior `WIDE` assumes neither: a random walk from a level that is known roughly.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin

from case_studies.ma_counties.counties import MOBILITY, Counties

__all__ = ["FATALITY_SCALE", "INITIAL", "REPORT_13", "WIDE", "Transmission", "log_prior", "mobility"]


@dataclass(frozen=True)
class Transmission:
    """The prior of R_t: log R_t = log R + effect * mobility_t + w_t, where w is a random walk, constant over blocks.

    Attributes:
        reproduction: R, at the mobility of January and before the walk.
        mobility_effect: Of log R on mobility; None where R_t does not follow it.
        first: Standard deviation of w in the first block; 0 where w begins at zero.
        step: Standard deviation of a week's step of w.
        block: Weeks over which w is constant; its steps have the deviation of a walk of as many weeks.
    """

    reproduction: dist.LogNormal
    mobility_effect: dist.LogNormal | None
    first: float
    step: float
    block: int

    def blocks(self, weeks: int) -> int:
        """Blocks that have begun within so many weeks."""
        return math.ceil(weeks / self.block)

    @property
    def block_step(self) -> float:
        """Standard deviation of the walk's step from one block to the next."""
        return self.step * math.sqrt(self.block)

    def sites(self, weeks: int) -> dict[str, TorchDistributionMixin]:
        """Name -> prior of each parameter of R_t."""
        begin = [self.first] if self.first else []
        deviation = torch.tensor([*begin, *[self.block_step] * (self.blocks(weeks) - 1)])
        steps = dist.Normal(torch.zeros(len(deviation)), deviation).to_event(1)
        effect = {} if self.mobility_effect is None else {"mobility_effect": self.mobility_effect}
        return {"reproduction": self.reproduction, **effect, "steps": steps}

    def centre(self, moving: torch.Tensor) -> torch.Tensor:
        """R_t by week with all parameters at their median, `[weeks]`."""
        level = self.reproduction.loc.expand(moving.shape)
        if self.mobility_effect is not None:
            level = level + self.mobility_effect.loc.exp() * moving
        return level.exp()

    def by_week(self, values: Mapping[str, torch.Tensor], moving: torch.Tensor) -> torch.Tensor:
        """R_t, `[*dims, weeks]`.

        Args:
            values: Of the sites: single numbers and steps `[steps]`, or with draws `[draws, 1]` and
                `[draws, 1, steps]`.
            moving: Mobility, `[weeks]`.
        """
        level = torch.atleast_1d(values["reproduction"]).log()
        steps = values["steps"].reshape(*level.shape[:-1], -1)
        if not self.first:
            steps = torch.cat([torch.zeros_like(level), steps], -1)
        walk = steps.cumsum(-1).repeat_interleave(self.block, -1)[..., : len(moving)]
        if self.mobility_effect is not None:
            level = level + torch.atleast_1d(values["mobility_effect"]) * moving
        return torch.exp(level + walk)


AT_CLOSURE = -0.55  # Google's mobility at workplaces in Massachusetts in April 2020, relative to January
REPORT_13 = Transmission(
    reproduction=dist.LogNormal(math.log(3.87), 0.2),
    mobility_effect=dist.LogNormal(math.log(math.log(3.87 / 1.43) / -AT_CLOSURE), 0.3),
    first=0.2,
    step=0.15,
    block=4,
)
WIDE = Transmission(reproduction=dist.LogNormal(math.log(3.0), 0.4), mobility_effect=None, first=0.0, step=0.3, block=2)

INITIAL = dist.LogNormal(math.log(5e-5), 1.5)  # share exposed on 1 March
FATALITY_SCALE = dist.LogNormal(0.0, 0.5)


def mobility(counties: Counties, weeks: int) -> torch.Tensor:
    """Mobility at workplaces by week, `[weeks]`; what is not known yet stays as it was last."""
    seen = counties.features[0, :, -len(MOBILITY) + MOBILITY.index("gps_workplaces")]
    return torch.cat([seen, seen[-1:].expand(max(weeks - len(seen), 0))])[:weeks]


def log_prior(walk: torch.Tensor, initial: torch.Tensor, fatality: torch.Tensor) -> torch.Tensor:
    """Log density of the networks' outputs, summed over counties: `REPORT_13` with its centre fixed and a weekly walk.

    Args:
        walk: Log R less its prior mean, `[counties, weeks]`.
        initial: Share exposed, `[counties, 1]`.
        fatality: Relative infection fatality, `[counties, 1]`.
    """
    steps = dist.Normal(0.0, REPORT_13.step).log_prob(walk.diff(dim=-1)).sum()
    begin = dist.Normal(0.0, REPORT_13.first).log_prob(walk[..., 0]).sum()
    # Densities of logarithms, so that the mode is the median and does not depend on units.
    levels = [
        given.base_dist.log_prob(value.log()).sum() for given, value in ((INITIAL, initial), (FATALITY_SCALE, fatality))
    ]
    total: torch.Tensor = steps + begin + torch.stack(levels).sum()
    return total
