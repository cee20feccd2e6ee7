"""The figures that the study needs: each with its source, or said to be an assumption."""

from causal_lpm.agents import gamma_days

__all__ = [
    "ASYMPTOMATIC_INFECTIOUSNESS",
    "AT_HOME",
    "EARLY",
    "FATALITY",
    "ILL",
    "LATENT",
    "PRESYMPTOMATIC",
    "SYMPTOMATIC",
]

INCUBATION = 5.5
"""Days from infection to symptoms, mean; Lauer et al., Ann Intern Med 2020;172:577 (median 5.1)."""
EARLY = 2.3
"""Days by which infectiousness begins before symptoms; He et al., Nat Med 2020;26:672."""
ILL = 4.0
"""Days infectious with symptoms, or as long without any, mean.

An assumption: 37% of transmission is then presymptomatic. He et al. found 44% (95% interval 25% to 69%), and that
infectiousness declines within 7 days of onset.
"""
LATENT = gamma_days(4.0, (INCUBATION - EARLY - 1) / 4.0)
"""Days from infection to infectiousness beyond the first; the shapes of all three are assumptions."""
PRESYMPTOMATIC = gamma_days(4.0, EARLY / 4.0)
"""Days from infectiousness to symptoms."""
SYMPTOMATIC = gamma_days(4.0, (ILL - 1) / 4.0)
"""Days with symptoms beyond the first."""
ASYMPTOMATIC_INFECTIOUSNESS = 0.35
"""Of those who never have symptoms, relative to the others.

Secondary attack rate, relative risk .35 (95% interval .10 to 1.27); Buitrago-Garcia et al., PLoS Med 2020;17:e1003346.
"""
AT_HOME = 0.182 / (EARLY + ILL)
"""Hazard a day from an infectious housemate with symptoms or before them.

Secondary attack rate in households 16.6%; Madewell et al., JAMA Netw Open 2020;3:e2031756.
"""
FATALITY = (0.0000161, 0.0000695, 0.000309, 0.000844, 0.00161, 0.00595, 0.0193, 0.0428, 0.078)
"""Deaths an infection by decade of age, the last from 80 years; Verity et al., Lancet Infect Dis 2020;20:669."""
