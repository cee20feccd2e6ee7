"""What is not known of measles in New Zealand, with its priors.

No case of the outbreak of 2019 has gone into them.
"""

import pyro
import pyro.distributions as dist
import torch

from case_studies.priors import Priors, sampled, vector

__all__ = ["DISTRICT_GAP", "GAP", "PRIORS", "parameters", "prior_draws"]

GAP = (0.7, 1.3)
DISTRICT_GAP = (0.8, 1.2)
"""Between which `gap`, and each district's `district_gap`, lie. They are bounded, so that whoever is immune under the
highest of both is immune in every world."""

PRIORS: Priors = {
    "R0": (dist.Uniform, (12.0, 18.0), "infections by one case if nobody were immune and nobody acted"),
    "gap": (dist.Uniform, GAP, "susceptible people, relative to the table: 7% to 13% of all"),
    "quarantined": (
        dist.Uniform,
        (0.1, 0.5),
        "share of contacts outside the home that quarantine prevents",
    ),
    "isolation": (dist.Beta, (8.0, 2.0), "share of reported cases who meet nobody outside their home from then on"),
    "reporting": (dist.Beta, (16.0, 4.0), "share of cases that are reported"),
    "introductions": (dist.LogNormal, (-0.7, 0.6), "people infected from abroad a week, in the whole country"),
}
"""R0: Immunisation Handbook (Ministry of Health 2017), 12 to 18; Guerra et al., Lancet Infect Dis 2017;17:e420, find a
wider range. All others are assumptions. Introductions: median 0.5 a week, 90% from 0.19 to 1.3."""


def parameters(offered: torch.Tensor) -> dict[str, torch.Tensor]:
    """Samples what is not known, and the district that is asked about.

    Args:
        offered: People of an age to be offered a dose in each district, `[districts]`; a district is asked about as
            often as it has of them.

    Returns:
        Name -> `[1]`, or `[*draws, 1]` where draws are substituted; `district_gap` `[*draws, districts]`.
    """
    low, high = (torch.full(offered.shape, end) for end in DISTRICT_GAP)
    asked = torch.atleast_1d(pyro.sample("asked", dist.Categorical(offered.float())))
    return {
        **sampled(PRIORS),
        "district_gap": vector("district_gap", dist.Uniform(low, high).to_event(1)),
        "asked": asked,
    }


def prior_draws(number: int, offered: torch.Tensor, seed: int) -> dict[str, torch.Tensor]:
    """Draws of the prior: name -> `[number]`, and `district_gap` `[number, districts]`.

    Args:
        number: Of draws.
        offered: As of `parameters`.
        seed: Of the draws.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = {
            name: family(*map(torch.tensor, arguments)).sample((number,))
            for name, (family, arguments, _) in PRIORS.items()
        }
        low, high = DISTRICT_GAP
        drawn["district_gap"] = low + (high - low) * torch.rand(number, len(offered))
        drawn["asked"] = torch.multinomial(offered.float(), number, replacement=True)
        return drawn
