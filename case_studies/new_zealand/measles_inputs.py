"""The figures that the measles question needs: each with its source, or said to be an assumption."""

from causal_lpm.agents import gamma_days

__all__ = [
    "AT_HOME",
    "BORN",
    "COHORTS",
    "CONTACT_AGES",
    "COVERAGE_AT_18_MONTHS",
    "EFFECTIVENESS",
    "ETHNICITY",
    "INFECTIOUS",
    "LATENT",
    "OLDEST_ASKED",
    "REPORT_DELAY",
    "TERMS",
    "WHOLE",
    "YEAR",
]

YEAR = 2019
"""In which ages are counted: somebody of a years was born in YEAR - a."""

# --- immunity ---------------------------------------------------------------------------------------------------------

WHOLE = 0.90
"""Immune of the whole population; Hayman et al., Epidemiol Infect 2017;145:1875 (abstract)."""
COHORTS: tuple[tuple[int, int, float | None], ...] = (
    (2019, 2019, 0.25),
    (2018, 2018, 0.70),
    (2006, 2017, 0.932),
    (1982, 2005, 0.81),
    (1969, 1981, None),
    (0, 1968, 1.0),
)
"""Born from, to, and the share immune, on average over ethnicities and districts.

Under one year: protected by their mothers for 90 days on average, an assumption. One year: the first dose was given at
15 months, so that a quarter of them had not been asked, an assumption on the coverage of the next. 2006-2017: first
dose by age 2 of two-year-olds in 2011. 1982-2005: the same, average of those born 1978-2010; both Ministry of Health
(2013). Doses that do not work are taken to be made up for by later doses and by infection. 1969-1981, None: what is
left for the whole country to be `WHOLE` immune. Before 1969: all; settings of a published model (jzanetti/GradABM_ESR,
all of 51 and over).
"""
ETHNICITY = {"European or Other": 0.842, "Maori": 0.703, "Pacific Peoples": 0.806, "Asian": 0.875}
"""Vaccinated of 0 to 50 years, 2018, by ethnicity: settings of the same model. Their odds are used, not their level."""
COVERAGE_AT_18_MONTHS = {"Northland": 0.718, "MidCentral": 0.835}
"""Fully immunised at 18 months, 2019; Health New Zealand through figure.nz, CC BY 4.0.

The only age at which the table knows two districts in one year. Its other districts were measured at 8, 12 or 24
months, which cannot be compared.
"""
BORN = (1982, 2005)
"""First and last year of the cohort that is asked about: less immune than others (Hayman et al. 2017)."""
OLDEST_ASKED = 50
"""Years of age of the oldest who is offered a dose; older people are taken to be immune."""
EFFECTIVENESS = 0.95
"""Of those vaccinated, how many a dose makes immune; WHO position paper on measles vaccines, 2017 (from 12 months)."""

# --- disease ----------------------------------------------------------------------------------------------------------

LATENT = gamma_days(25.0, 10.0 / 25.0)
"""Days from infection to infectiousness beyond the first, mean 10 and standard deviation 2.

Fever begins 12.5 days after infection at the median (Lessler et al., Lancet Infect Dis 2009;9:291) and the rash some
days later; infectiousness begins four days before the rash. The shape is an assumption.
"""
INFECTIOUS = 8
"""Days: four before the rash and four from it on; Immunisation Handbook (Ministry of Health 2017), chapter 11."""
REPORT_DELAY = 6
"""Days from the beginning of infectiousness to the report: two days of rash, an assumption."""
AT_HOME = 0.9
"""Share of susceptible housemates whom a case infects.

75% in Hope-Simpson, Lancet 1952;260:549, counting as susceptible who had no history of it; 90% is what textbooks say of
those who are susceptible.
"""

# --- contacts ---------------------------------------------------------------------------------------------------------

CONTACT_AGES = (0, 5, 14, 38, 51)
"""First ages of the groups that meet outside of home and school; 14 to 37 years is the cohort `BORN`."""
TERMS = ((35, 102), (119, 186), (203, 270), (287, 353))
"""First and last day of the school terms of 2019, days of the year: 4 February to 12 April, 29 April to 5 July, 22 July
to 27 September, 14 October to 19 December (calendars of schools; the ends differ by a few days)."""
