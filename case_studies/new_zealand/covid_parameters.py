"""What is not known of the outbreak, with its prior; and what is taken from publications."""

import math

import pyro.distributions as dist
import torch

from case_studies.priors import Priors
from causal_lpm.agents import gamma_days

__all__ = [
    "ADMISSION_ETHNICITY",
    "ADMITTED",
    "AT_HOME",
    "AT_SCHOOL",
    "INFECTIOUS",
    "LATENT",
    "LEVEL",
    "PRIORS",
    "REPORTED",
    "SEEDED",
    "SUSCEPTIBILITY",
    "VE_ADMISSION",
    "VE_INFECTION",
    "VE_TRANSMISSION",
]

SEEDED = {"seeds_waitemata": 1, "seeds_auckland": 2, "seeds_counties_manukau": 3, "seeds_capital": 13}
"""Site -> district in which persons had been infected before 18 August."""
LEVEL = ("out_level_4", "out_level_3", "out_step_1", "out_step_2", "out_level_2")
"""Sites of infections outside of home and school, in the order of `covid_calendar.LEVELS`."""
PRIORS: Priors = {
    "seeds_waitemata": (dist.LogNormal, (math.log(150.0), 0.5), "infected before 18 August, Waitemata"),
    "seeds_auckland": (dist.LogNormal, (math.log(150.0), 0.5), "infected before 18 August, Auckland"),
    "seeds_counties_manukau": (dist.LogNormal, (math.log(300.0), 0.5), "infected before 18 August, Counties Manukau"),
    "seeds_capital": (dist.LogNormal, (math.log(15.0), 0.5), "infected before 18 August, Capital and Coast"),
    "out_level_4": (dist.LogNormal, (math.log(0.85), 0.2), "infections outside by one case at level 4"),
    "out_level_3": (dist.LogNormal, (math.log(1.7), 0.25), "the same at level 3"),
    "out_step_1": (dist.LogNormal, (math.log(2.1), 0.25), "the same in step 1"),
    "out_step_2": (dist.LogNormal, (math.log(2.0), 0.25), "the same in step 2 and at red"),
    "out_level_2": (dist.LogNormal, (math.log(1.5), 0.25), "the same at level 2 and at orange"),
    "boundary": (dist.Beta, (1.5, 25.0), "contacts across Auckland's boundary while it was closed, relative"),
    "activity": (dist.LogNormal, (math.log(1.7), 0.25), "contacts outside of Maori and Pacific people, relative"),
    "reaction": (dist.LogNormal, (math.log(0.5), 0.7), "how strongly contacts fall with reported cases"),
    "ascertainment": (dist.Beta, (8.0, 3.0), "share of infections that are reported"),
    "admission_level": (dist.LogNormal, (math.log(0.025), 0.4), "admitted of infected, unvaccinated others aged 20-29"),
    "admission_slope": (dist.LogNormal, (math.log(1.35), 0.12), "times as many in the next ten years of age"),
    "dispersion": (dist.LogNormal, (math.log(20.0), 0.5), "size of the negative binomial of the counts"),
}
"""Name -> distribution, arguments, what it is. Infections outside are those by one unvaccinated case among unvaccinated
adults, of Asian, European or other ethnicity, before any is found."""

LATENT = gamma_days(9.0, 3.0 / 9.0)
"""Infection to infectiousness: 3 days, an assumption. With five days of infectiousness the generation time is some six
days for whoever is not found; Delta's was 4.7 (Hart et al., Lancet Infect Dis 2022;22:603)."""
INFECTIOUS = gamma_days(4.0, 5.0 / 4.0)
"""Days of infectiousness, 5: an assumption, as in `nyc_first_wave`."""
REPORTED = gamma_days(6.0, 6.0 / 6.0)
"""Infection to report: 6 days, an assumption: incubation of 4 to 5 days and a test within one or two."""
ADMITTED = gamma_days(6.0, 8.0 / 6.0)
"""Infection to admission: 8 days, an assumption."""
AT_HOME = 0.07
"""Hazard a day from an infectious housemate: 29.7% in five days.

Source: Madewell et al., JAMA Netw Open 2022;5(4):e229317, household secondary attack rate of Delta 29.7%.
"""
AT_SCHOOL = 0.008
"""Hazard a day from an infectious classmate: an assumption, a ninth of that at home."""
SUSCEPTIBILITY = torch.tensor([0.45, 0.43, 0.90, 0.98, 0.91, 0.93, 1.0, 0.84])
"""By ten years of age, 70 and over last, relative to the sixties: Davies et al., Nat Med 2020;26:1205."""
VE_INFECTION = torch.tensor([0.0, 0.57, 0.80])
"""Of no, one and two doses of BNT162b2 against infection with Delta: Pouwels et al., Nat Med 2021;27:2127."""
VE_TRANSMISSION = torch.tensor([0.0, 0.25, 0.50])
"""Against passing on Delta once infected: of two doses, Eyre et al., N Engl J Med 2022;386:744. One dose has half of
that: an assumption."""
VE_ADMISSION = 1 - torch.tensor([1.0, 0.06, 0.04]) / (1 - VE_INFECTION)
"""Against admission once infected, so that one dose prevents 94% and two 96% of all: Stowe et al., Public Health
England 2021, effectiveness of vaccines against hospital admission with the Delta variant."""
ADMISSION_ETHNICITY = torch.tensor([2.5, 3.0, 1.0, 1.0])
"""Relative risk of admission once infected: the odds of Maori people are 2.5 and those of Pacific people three times
those of others of the same age and illnesses; Steyn et al., N Z Med J 2021;134(1538):28."""
