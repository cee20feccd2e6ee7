"""What was known of transmission before the first forecast, used alike by all methods.

Deaths until 4 April tell of infections until the middle of March: no data at hand could say what the closures did. The
prior does, by mobility, with figures of 30 March 2020: Flaxman et al., Report 13 of the Imperial College COVID-19
Response Team (doi:10.25561/77731), where R falls from 3.87 to 1.43 on average of eleven European countries.
"""

import math

import pyro.distributions as dist
import torch

from case_studies.ma_counties.counties import MOBILITY, Counties

__all__ = [
    "FATALITY_SCALE",
    "INITIAL",
    "MOBILITY_EFFECT",
    "REPRODUCTION",
    "STEP",
    "log_prior",
    "mobility",
    "walk_start",
]

REPRODUCTION = dist.LogNormal(math.log(3.87), 0.2)  # without closures
AT_CLOSURE = -0.55  # Google's mobility at workplaces under closure, relative to January
MOBILITY_EFFECT = dist.LogNormal(math.log(math.log(3.87 / 1.43) / -AT_CLOSURE), 0.3)  # of log R on mobility
INITIAL = dist.LogNormal(math.log(5e-5), 1.5)  # share exposed on 1 March
FATALITY_SCALE = dist.LogNormal(0.0, 0.5)
STEP = 0.15  # standard deviation of a week's step of log R beyond mobility


def mobility(counties: Counties, weeks: int) -> torch.Tensor:
    """Mobility at workplaces by week, `[weeks]`; what is not known yet stays as it was last."""
    seen = counties.features[0, :, -len(MOBILITY) + MOBILITY.index("gps_workplaces")]
    return torch.cat([seen, seen[-1:].expand(max(weeks - len(seen), 0))])[:weeks]


def walk_start() -> dist.Normal:
    """Of log R in the first week, beyond mobility."""
    return dist.Normal(0.0, 0.2)


def log_prior(walk: torch.Tensor, initial: torch.Tensor, fatality: torch.Tensor) -> torch.Tensor:
    """Log density of one county's parameters, summed over counties: log R beyond mobility as a random walk.

    Args:
        walk: Log R less its prior mean, `[counties, weeks]`.
        initial: Share exposed, `[counties, 1]`.
        fatality: Relative infection fatality, `[counties, 1]`.
    """
    steps = dist.Normal(0.0, STEP).log_prob(walk.diff(dim=-1)).sum()
    begin = walk_start().log_prob(walk[..., 0]).sum()
    # Densities of logarithms, so that the mode is the median and does not depend on units.
    levels = [
        given.base_dist.log_prob(value.log()).sum() for given, value in ((INITIAL, initial), (FATALITY_SCALE, fatality))
    ]
    total: torch.Tensor = steps + begin + torch.stack(levels).sum()
    return total
