"""People who react: contacts outside fall while many cases are reported where one lives."""

import torch

from case_studies.new_zealand.districts import AUCKLAND, DISTRICTS
from causal_lpm import tally

__all__ = ["REFERENCE", "REGIONS", "contacts_left", "region_of", "reported_lately"]

REGIONS = (AUCKLAND, (0,), (4,), (5, 6), tuple(range(7, len(DISTRICTS))))
"""Districts whose people hear of the same cases: Auckland, Northland, Waikato, Bay of Plenty and Lakes, all others: an
assumption. In smaller ones a single agent, who stands for many persons, would move people."""
WEEK = 7
REFERENCE = 50.0
"""Reported cases of seven days per 100,000 people at which the reaction is told; Auckland's most were 66."""


def region_of(district: torch.Tensor) -> torch.Tensor:
    """The number in `REGIONS` of everybody's district, int32 `[agents]`.

    >>> region_of(torch.tensor([3, 0, 19]))
    tensor([0, 1, 4], dtype=torch.int32)
    """
    numbers = [next(n for n, own in enumerate(REGIONS) if place in own) for place in range(len(DISTRICTS))]
    return torch.tensor(numbers, dtype=torch.int32)[district.long()]


def reported_lately(since_report: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
    """Agents reported in the seven days to yesterday per 100,000 of each region, float32 `[*dims, regions]`.

    Args:
        since_report: Days since everybody was reported, `[*dims, agents]`; not above 0 for whoever was not.
        region: As `region_of` gives it.
    """
    lately = (since_report > 0) & (since_report <= WEEK)
    of_all = torch.bincount(region, minlength=len(REGIONS)).float()
    return 1e5 * tally("reported_lately", lately, region, groups=len(REGIONS)).float() / of_all


def contacts_left(reaction: torch.Tensor, cases: torch.Tensor) -> torch.Tensor:
    """The share of their contacts outside that people of each region still have, `[*dims, regions]`.

    Args:
        reaction: How strongly people react, `[*dims, 1]`; 0: not at all, 1: half of the contacts at `REFERENCE`.
        cases: As `reported_lately` gives them.

    The form is that of Weitz et al., PNAS 2020;117(51):32764, with reported cases in place of deaths.

    >>> contacts_left(torch.tensor([1.0]), torch.tensor([0.0, 50.0, 150.0]))
    tensor([1.0000, 0.5000, 0.2500])
    """
    return 1 / (1 + reaction * cases / REFERENCE)
