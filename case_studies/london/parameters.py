"""What is not known, with its priors: one rate a setting, where infection came in, what closures did."""

import math

import pyro.distributions as dist
import torch

from case_studies.london.question import BOROUGHS
from case_studies.priors import Priors, sampled

__all__ = ["EPIDEMIC", "INFECTIOUS_DAYS", "LATENT_DAYS", "PRIORS", "SEEDED_DAYS", "SEEDING", "parameters"]

LATENT_DAYS, INFECTIOUS_DAYS = 3.0, 4.0
"""On average, geometric: together a generation of a week, after 2020's estimates of 5 to 7 days; assumptions."""
SEEDED_DAYS = 28
"""Infection came in from 10 February to 8 March, the weeks around half-term."""
SEEDING = tuple("seeding_" + borough.lower().replace(" ", "_") for borough in BOROUGHS)
"""Sites of each borough's seeding relative to London's level."""

PRIORS: Priors = {
    "rate_home": (dist.LogNormal, (math.log(0.046), 0.25), "hazard a day from an infectious housemate"),
    "rate_school": (dist.LogNormal, (math.log(0.06), 0.4), "infections a contact with an infectious person at school"),
    "rate_work": (dist.LogNormal, (math.log(0.06), 0.4), "the same at work"),
    "rate_leisure": (dist.LogNormal, (math.log(0.06), 0.4), "the same at leisure"),
    "susceptibility_young": (dist.LogNormal, (math.log(0.5), 0.25), "of people under 20, relative to others"),
    "closed_school": (dist.Beta, (18.0, 2.0), "share of contacts at school that its closure prevented"),
    "closed_work": (dist.Beta, (7.0, 3.0), "the same at work"),
    "closed_leisure": (dist.Beta, (8.0, 2.0), "the same at leisure"),
    "advised_work": (dist.Beta, (3.0, 3.0), "share of that effect from 17 March, a week before"),
    "advised_leisure": (dist.Beta, (3.0, 3.0), "the same at leisure"),
    "seeding": (dist.LogNormal, (math.log(2.0), 0.8), "infected from outside a day and 100,000 residents"),
    **dict.fromkeys(SEEDING, (dist.LogNormal, (0.0, 0.7), "seeding of the borough, relative to London's")),
    "fatality": (dist.LogNormal, (0.0, 0.25), "infection fatality relative to Verity et al. (2020) by age"),
    "dispersion": (dist.LogNormal, (3.5, 0.7), "size of the negative binomial of a week's deaths"),
}
"""Name -> distribution, arguments, what it is.

`rate_home`: 16.6% of household contacts are infected (Madewell et al., JAMA Netw Open 2020;3:e2031756), in four days.
`susceptibility_young`: an odds ratio of 0.56 (Viner et al., JAMA Pediatr 2021;175:143) to about a half (Davies et al.,
Nat Med 2020;26:1205). The others are assumptions, wide where nothing was known in May 2020.
"""
EPIDEMIC = tuple(name for name in PRIORS if name not in ("fatality", "dispersion"))
"""The parameters on which infections depend."""


def parameters() -> dict[str, torch.Tensor]:
    """Samples every parameter, `[1]`, or `[*draws, 1]` where draws are substituted."""
    return sampled(PRIORS)
