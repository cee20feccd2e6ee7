"""What is not known, with its priors: one rate a setting, where and when infection came in, what closures did."""

import math

import pyro.distributions as dist
import torch

from case_studies.london.question import BOROUGHS
from case_studies.priors import Priors, sampled

__all__ = [
    "ARRIVALS_PEAK",
    "ARRIVALS_SD",
    "ASKED",
    "EPIDEMIC",
    "INFECTIOUS_DAYS",
    "LATENT_DAYS",
    "PRIORS",
    "SEEDING",
    "arrivals",
    "parameters",
]

LATENT_DAYS, INFECTIOUS_DAYS = 3.0, 4.0
"""On average, geometric: together a generation of a week, after 2020's estimates of 5 to 7 days; assumptions."""
ARRIVALS_PEAK, ARRIVALS_SD = 33.0, 9.0
"""Day on which most infection came in, 14 March, and the standard deviation of these days, of a normal curve.

More than 1,000 lineages came to the United Kingdom (du Plessis et al., Science 2021;371:708), mostly in March and most
of all in its middle (Pybus, Rambaut et al., virological.org 507, 2020). The standard deviation is an assumption.
"""
SEEDING = tuple("seeding_" + borough.lower().replace(" ", "_") for borough in BOROUGHS)
"""Sites of each borough's seeding relative to London's level."""

PRIORS: Priors = {
    "rate_home": (dist.LogNormal, (math.log(0.046), 0.25), "hazard a day from an infectious housemate"),
    "rate_school": (dist.LogNormal, (math.log(0.06), 0.4), "infections a contact with an infectious person at school"),
    "rate_work": (dist.LogNormal, (math.log(0.09), 0.3), "the same at work"),
    "rate_leisure": (dist.LogNormal, (math.log(0.08), 0.3), "the same at leisure"),
    "susceptibility_young": (dist.LogNormal, (math.log(0.5), 0.25), "of people under 20, relative to others"),
    "closed_school": (dist.Beta, (18.0, 2.0), "share of contacts at school that its closure prevented"),
    "closed_work": (dist.Beta, (8.5, 1.5), "the same at work"),
    "closed_leisure": (dist.Beta, (8.5, 1.5), "the same at leisure"),
    "advised_work": (dist.Beta, (3.0, 3.0), "share of that effect from 17 March, a week before"),
    "advised_leisure": (dist.Beta, (3.0, 3.0), "the same at leisure"),
    "seeding": (dist.LogNormal, (math.log(300.0), 0.7), "infected from outside in all, per 100,000 residents"),
    **dict.fromkeys(SEEDING, (dist.LogNormal, (0.0, 0.7), "seeding of the borough, relative to London's")),
    "fatality": (dist.LogNormal, (0.0, 0.25), "infection fatality relative to Verity et al. (2020) by age"),
    "dispersion": (dist.LogNormal, (4.0, 0.8), "size of the negative binomial of a week's deaths"),
}
"""Name -> distribution, arguments, what it is.

`rate_home`: 16.6% of household contacts are infected (Madewell et al., JAMA Netw Open 2020;3:e2031756), in four days.
`rate_work`, `rate_leisure`: R0 is 2.3 to 4.4 then (90% of the prior) and the early epidemic doubles in 2.2 to 4.7 days;
twelve estimates of R0 of early 2020 have a mean of 3.3 and a median of 2.8 (Liu et al., J Travel Med 2020;27:taaa021).
`closed_work`, `closed_leisure`: with all closed R is 0.4 to 1.2; it was 0.37 to 0.89 by the contacts of adults in the
first week, 2.8 a day after 10.8 (Jarvis et al., BMC Med 2020;18:124). `susceptibility_young`: an odds ratio of 0.56
(Viner et al., JAMA Pediatr 2021;175:143) to about a half (Davies et al., Nat Med 2020;26:1205). `seeding`: so many that
the deaths of London by week are well inside what the prior predicts. The others are assumptions, wide where nothing was
known in May 2020.
"""
EPIDEMIC = tuple(name for name in PRIORS if name not in ("fatality", "dispersion"))
"""The parameters on which infections depend."""
ASKED = tuple(name for name in PRIORS if name not in SEEDING)
"""The parameters that the calibration asks for: where infection came in is luck to it, drawn in each simulation."""


def parameters() -> dict[str, torch.Tensor]:
    """Samples every parameter, `[1]`, or `[*draws, 1]` where draws are substituted; the boroughs' seeding is luck."""
    return sampled(PRIORS, nuisances=SEEDING)


def arrivals(day: torch.Tensor) -> torch.Tensor:
    """Share of those infected from outside who are infected on a day, `[*dims]`.

    >>> arrivals(torch.arange(112.0)).sum().round(decimals=3)
    tensor(1.)
    """
    share: torch.Tensor = torch.exp(-(((day - ARRIVALS_PEAK) / ARRIVALS_SD) ** 2) / 2)
    return share / (ARRIVALS_SD * math.sqrt(2 * math.pi))
