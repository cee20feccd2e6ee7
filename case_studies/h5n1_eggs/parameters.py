"""What is not known of the spread, with its prior."""

import math

import pyro.distributions as dist

from case_studies.priors import Priors

__all__ = ["DETECTION_WEEKS", "EFFICACY", "PRIORS", "PROTECTION"]

PRIORS: Priors = {
    "layer_level": (
        dist.Normal,
        (-6.0, 0.8),
        "log of infections a week by wild birds, of a layer farm of a million birds",
    ),
    "turkey_level": (dist.Normal, (-7.3, 0.8), "the same of turkey premises of 45,000 birds"),
    "wild_power": (dist.LogNormal, (math.log(0.5), 0.5), "power of the local index of wild birds"),
    "season_power": (dist.LogNormal, (math.log(0.7), 0.5), "power of the national index by season"),
    "size_power": (
        dist.LogNormal,
        (math.log(0.8), 0.4),
        "power of the birds of a layer farm, to which its hazards are proportional",
    ),
    "spread": (
        dist.LogNormal,
        (math.log(0.003), 0.8),
        "infections a week and infected premises of the county, of turkeys or a million layers",
    ),
    "surge": (dist.LogNormal, (math.log(0.8), 0.4), "sd of the log of a quarter's pressure by wild birds"),
}
"""Name -> distribution, arguments, what it is; rates a week."""

DETECTION_WEEKS = 1.5
"""Weeks from infection to detection, on average: an assumption (poultry die within days, reports follow)."""
PROTECTION = 0.2
"""Hazard by wild birds of a protected farm, relative: an assumption."""
EFFICACY = 0.8
"""Hazard that a vaccine takes away, of wild birds and of neighbours: an assumption."""
