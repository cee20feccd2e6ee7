"""What is not known, with its priors: the sites of the model."""

import math

import pyro.distributions as dist

from case_studies.priors import Priors

__all__ = ["MEDIANS", "PRIORS"]

PRIORS: Priors = {
    "R0": (dist.LogNormal, (math.log(2.5), 0.2), "infections by one case before anybody tests"),
    "seeding": (dist.LogNormal, (math.log(0.001), 0.5), "share infected on day 0"),
    # 31% in seven studies of defined populations: Buitrago-Garcia et al., PLoS Med 2020;17:e1003346.
    "asymptomatic": (dist.Beta, (6.2, 13.8), "share of infections that never have symptoms"),
    "reporting": (dist.Beta, (16.0, 4.0), "share of positive results that are reported"),
    "dispersion": (dist.LogNormal, (3.0, 0.5), "size of the negative binomial of a day's reports"),
}
MEDIANS = {"R0": 2.5, "seeding": 0.001, "asymptomatic": 0.31, "reporting": 0.8, "dispersion": 20.0}
"""The average epidemic: near the medians of the priors."""
