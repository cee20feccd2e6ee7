"""The same epidemic as a renewal equation: cheap, differentiable, elementwise in the parameters."""

from collections.abc import Sequence

import torch

from case_studies.nyc_first_wave.data import DAYS
from case_studies.nyc_first_wave.model import AT_HOME
from case_studies.nyc_first_wave.parameters import parameters
from case_studies.nyc_first_wave.people import CONTACTS, IN_BOROUGH, City
from case_studies.nyc_first_wave.reports import GENERATION, HISTORY, INFECTIOUS, history, meeting, report

__all__ = ["renewal"]

LONGEST = 20  # days; one generation in ten thousand is longer
HOME = 0.8
"""Share of infections at home that one housemate leaves to another; agrees with the agents within 5%."""


def renewal(city: City, days: int = DAYS) -> dict[str, torch.Tensor]:
    """Five boroughs in which those infected a generation time ago infect, under the observed mobility.

    Sites, priors and reports are those of `model.first_wave_of`; households are mixed into the borough.

    Args:
        city: Agents and reports.
        days: Simulated from 1 March 2020, whole weeks.

    Returns:
        As the model, `[*dims, 5, weeks]`.
    """
    p = parameters()
    shares = city.agents / city.agents.sum()
    at_home = AT_HOME * INFECTIOUS.mean() * city.housemates
    outside = torch.clamp(p["R0"] - (at_home * shares).sum(), min=0.0)
    inside = IN_BOROUGH / CONTACTS
    met = meeting(p, city.response.observed[:days], torch.arange(days))  # [*dims, days]: the last dimension is free
    before = history(p)
    share = torch.tensor(GENERATION[1 : LONGEST + 1])
    # What the infections so far will send on each of the next days: one sum a day, instead of one over all days before.
    after = torch.arange(HISTORY, 0, -1)[:, None] + torch.arange(LONGEST)
    coming = before @ torch.tensor([*GENERATION[: LONGEST + 1], 0.0])[after.clamp(max=LONGEST + 1)]
    susceptible, infections = 1 - before.sum(-1), []
    for day in range(days):
        pressure = coming[..., 0]
        mixed = inside * pressure + (1 - inside) * (pressure * shares).sum(-1, keepdim=True)
        new = susceptible * -torch.expm1(-(HOME * at_home * pressure + outside * met[..., day, None] * mixed))
        susceptible = susceptible - new
        coming = torch.nn.functional.pad(coming[..., 1:], (0, 1)) + new[..., None] * share
        infections.append(new)
    return report(p, torch.cat([before, torch.stack(infections, -1)], -1), city.wave, _convolved)


def _convolved(series: torch.Tensor, probabilities: Sequence[float]) -> torch.Tensor:
    """`reporting_delay` as one product of matrices: faster with gradients, and not the same to the last bit."""
    days = torch.arange(series.shape[-1])
    later = days - days[:, None]
    shares = torch.tensor([*probabilities, 0.0])
    return series @ shares[torch.where(later < 0, len(probabilities), later.clamp(max=len(probabilities)))]
