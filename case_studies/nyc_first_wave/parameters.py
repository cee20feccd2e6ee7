"""What is not known, with its priors: the same sites in the model and in its surrogate."""

import pyro.distributions as dist
import torch

from case_studies.nyc_first_wave.data import BOROUGHS
from case_studies.priors import Priors, sampled

__all__ = ["PRIORS", "SEEDING", "parameters"]

SEEDING = tuple("seeding_" + borough.lower().replace(" ", "_") for borough in BOROUGHS)
"""Sites of the share of each borough's residents who had been infected before 1 March."""

PRIORS: Priors = {
    "R0": (dist.LogNormal, (1.10, 0.20), "infections by one case before anybody acts"),
    **dict.fromkeys(SEEDING, (dist.LogNormal, (-5.8, 0.7), "share infected before 1 March")),
    "mobility_power": (dist.LogNormal, (0.1, 0.3), "contacts = (1 - fall of mobility) ** power"),
    "mask_effect": (dist.Beta, (3.0, 9.0), "share of transmission a contact that masks prevented from 17 April"),
    "drift": (dist.Normal, (0.0, 0.15), "log change of transmission a contact in four weeks, from 5 April"),
    "ascertainment_early": (dist.Beta, (3.0, 57.0), "share of infections diagnosed before testing grew"),
    "ascertainment_late": (dist.Beta, (5.0, 15.0), "share of infections diagnosed in June"),
    "hospitalisation_scale": (dist.LogNormal, (-0.4, 0.35), "relative to Verity et al. (2020) by age"),
    "fatality_scale": (dist.LogNormal, (0.0, 0.25), "relative to Verity et al. (2020) by age"),
    "dispersion": (dist.LogNormal, (3.0, 0.5), "size of the negative binomial of a week's count"),
    "anticipation": (dist.Beta, (2.0, 2.0), "share of the fall ahead of the order that would have moved with it"),
}
"""No data speak about `anticipation`: its posterior is its prior, and results are also given for fixed values."""


def parameters() -> dict[str, torch.Tensor]:
    """Samples every parameter, `[1]`, or `[*draws, 1]` where draws are substituted."""
    return sampled(PRIORS)
