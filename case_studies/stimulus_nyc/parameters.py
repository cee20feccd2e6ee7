"""What is not known of the epidemic, with its priors: the same sites in the model and in its surrogate."""

import pyro.distributions as dist
import torch

from case_studies.priors import Priors, sampled
from case_studies.stimulus_nyc.question import BOROUGHS

__all__ = ["LOCAL", "PRIORS", "parameters"]

LOCAL = tuple("local_" + borough.lower().replace(" ", "_") for borough in BOROUGHS[1:])
"""Sites of each borough's transmission relative to the Bronx."""

PRIORS: Priors = {
    "transmission": (dist.LogNormal, (0.7, 0.3), "infections that a case leaves outside the home if nobody isolates"),
    **dict.fromkeys(LOCAL, (dist.LogNormal, (0.0, 0.1), "transmission relative to the Bronx")),
    "turn_november": (dist.Normal, (0.1, 0.2), "log change of transmission from 1 September to 15 November"),
    "turn_january": (dist.Normal, (0.0, 0.2), "the same from 15 November to 5 January"),
    "turn_march": (dist.Normal, (0.0, 0.2), "the same from 5 January to 29 March"),
    "kept": (dist.Beta, (4.0, 8.0), "share of contacts in the borough that who isolates keeps"),
    "immunity": (
        dist.Normal,
        (0.0, 1.0),
        "immunity from the first wave: 0 is its median there, -1.64 and 1.64 its 90% interval",
    ),
    "ascertainment": (dist.Beta, (8.0, 24.0), "share of infections that are diagnosed"),
    "fatality_scale": (dist.LogNormal, (-0.3, 0.3), "relative to Verity et al. (2020) by age"),
    "dispersion_cases": (dist.LogNormal, (3.5, 0.6), "size of the negative binomial of a week's cases"),
    "dispersion_deaths": (dist.LogNormal, (3.5, 0.6), "size of the negative binomial of a week's deaths"),
}


def parameters() -> dict[str, torch.Tensor]:
    """Samples every parameter, `[1]`, or `[*draws, 1]` where draws are substituted."""
    return sampled(PRIORS)
