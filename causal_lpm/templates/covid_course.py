"""The course of COVID-19 by decade of age: stages, probabilities and times."""

import torch

from causal_lpm.agents import StageGraph, Transition, log_normal_days

__all__ = ["COURSE", "INFECTIOUS_DAYS", "decade", "susceptibility"]

SYMPTOMATIC = 2 / 3  # an assumption, of the same size as the 0.5 (children) to 0.9 (oldest) of Kerr et al.
SEVERE = (0.001, 0.003, 0.012, 0.032, 0.049, 0.102, 0.166, 0.243, 0.273)
"""Share of those with symptoms that goes to hospital, by decade of age from 0-9 to 80 and above; as `FATALITY` from
Ferguson et al. 2020, Report 9, doi:10.25561/77482, table 1."""
FATALITY = (0.00002, 0.00006, 0.0003, 0.0008, 0.0015, 0.006, 0.022, 0.051, 0.093)
"""Share of the infected that dies."""
DIES = [fatality / (SYMPTOMATIC * severe) for fatality, severe in zip(FATALITY, SEVERE, strict=True)]

# Times: mean and standard deviation in days; Kerr et al. 2021, doi:10.1371/journal.pcbi.1009149, table 1. They have two
# stages in hospital: 1.5 (2.0) days until it is critical and 10.7 (4.8) until death add up to 12.2 (5.2).
COURSE = StageGraph(
    ("susceptible", "exposed", "presymptomatic", "asymptomatic", "symptoms", "hospital", "recovered", "dead"),
    [
        Transition("susceptible", "exposed", 1.0),
        Transition("exposed", "presymptomatic", SYMPTOMATIC, log_normal_days(4.5, 1.5)),
        Transition("exposed", "asymptomatic", 1 - SYMPTOMATIC, log_normal_days(4.5, 1.5)),
        Transition("presymptomatic", "symptoms", 1.0, log_normal_days(1.1, 0.9)),
        Transition("asymptomatic", "recovered", 1.0, log_normal_days(8.0, 2.0)),
        Transition("symptoms", "recovered", [1 - severe for severe in SEVERE], log_normal_days(8.0, 2.0)),
        Transition("symptoms", "hospital", SEVERE, log_normal_days(6.6, 4.9)),
        Transition("hospital", "recovered", [1 - dies for dies in DIES], log_normal_days(18.1, 6.3)),
        Transition("hospital", "dead", DIES, log_normal_days(12.2, 5.2)),
    ],
)
INFECTIOUS_DAYS = SYMPTOMATIC * (1.1 + 8.0) + (1 - SYMPTOMATIC) * 8.0


def decade(age: torch.Tensor) -> torch.Tensor:
    """The class of `COURSE` of an age in years.

    >>> decade(torch.tensor([9, 10, 104]))
    tensor([0, 1, 8])
    """
    return (age.long() // 10).clamp(max=len(SEVERE) - 1)


def susceptibility(age: torch.Tensor) -> torch.Tensor:
    """Relative to 15 to 64 years, by age in years.

    Source: odds ratios of Zhang et al. 2020, doi:10.1126/science.abb8001, which are taken as ratios of the hazard.

    >>> susceptibility(torch.tensor([14, 15, 65]))
    tensor([0.3400, 1.0000, 1.4700])
    """
    return torch.where(age < 15, 0.34, torch.where(age < 65, 1.0, 1.47))
