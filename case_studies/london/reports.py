"""Deaths of the infected: London's by week, and those of each borough."""

from collections.abc import Mapping

import torch

from case_studies.london.inputs import REPORTED, fatality
from case_studies.london.question import AGES, BOROUGHS
from case_studies.weekly_reports import weekly
from causal_lpm import observed
from causal_lpm.agents import gamma_days, negative_binomial, reporting_delay

__all__ = ["DIED", "deaths_of", "reported"]

DIED = gamma_days(5.06, 3.56)
"""Days from infection to death, mean 18 and standard deviation 8: an assumption.

Means in the United Kingdom were 17.4 to 24.7 days by period, shorter where hospitals were full (Ward and Johnsen, PLoS
ONE 2021;16:e0257978). Deaths later than 28 days after a positive test are not in these data.
"""


def deaths_of(infections: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Deaths expected by age, borough and day, `[*dims, 160, days]`.

    Args:
        infections: Agents infected, `[*dims, 160, days]`.
        weight: Persons an agent, by borough.
        scale: Of the infection fatality by age, `[*dims, 1]`.
    """
    risk = (fatality()[:, None] * weight).flatten() * scale.double()  # [*dims, 160]
    return reporting_delay(infections * risk[..., None], DIED.probabilities)


def reported(
    p: Mapping[str, torch.Tensor], infections: torch.Tensor, weight: torch.Tensor, by_borough: bool
) -> dict[str, torch.Tensor]:
    """Series by age and borough, and data sites of the weeks from 9 March on.

    Sites: `deaths`, of London by week; with `by_borough` also `borough_deaths`, by borough and week.

    Returns:
        `infections` (persons) and `expected_deaths`, both by age and borough and week, `[*dims, 160, weeks]`.
    """
    persons = weekly(infections * weight.repeat(len(AGES))[:, None])
    dying = weekly(deaths_of(infections, weight, p["fatality"]))
    boroughs = dying.unflatten(-2, (len(AGES), len(BOROUGHS))).sum(-3)[..., REPORTED:]
    size = p["dispersion"][..., None]
    observed("deaths", negative_binomial(boroughs.sum(-2, keepdim=True), size).to_event(1))
    if by_borough:
        observed("borough_deaths", negative_binomial(boroughs, size).to_event(1))
    return {"infections": persons, "expected_deaths": dying}
