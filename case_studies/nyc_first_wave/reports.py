"""From infections to what was reported: shared by the model and its surrogate, elementwise in all parameters."""

from collections.abc import Callable, Mapping, Sequence

import torch

from case_studies.nyc_first_wave.data import FirstWave
from case_studies.nyc_first_wave.delays import ADMITTED, DIED, REPORTED
from case_studies.nyc_first_wave.mobility import MEMORY
from case_studies.nyc_first_wave.parameters import SEEDING
from case_studies.weekly_reports import report_weeks, weekly
from causal_lpm.agents import gamma_days, reporting_delay

__all__ = [
    "GENERATION",
    "INFECTIOUS",
    "LATENT",
    "HISTORY",
    "deaths_under_way",
    "growth",
    "history",
    "meeting",
    "report",
]

Delayed = Callable[[torch.Tensor, Sequence[float]], torch.Tensor]

LATENT = gamma_days(9.0, 3.0 / 9.0)
"""Infection to infectiousness: 3 days, about 2.5 before onset.

He et al. (Nat Med 2020;26:672) had 2.3 days; corrected (26:1491), 9% of transmission is over 3 days before onset.
"""
INFECTIOUS = gamma_days(4.0, 5.0 / 4.0)
"""Days of infectiousness: 5, an assumption.

Infectiousness peaks about onset (He et al. 2020, corrected); no live virus after day 9 of illness (Cevik et al.,
Lancet Microbe 2021).
"""
HISTORY = 35
"""Days before 1 March on which infections are counted."""
MASKS = 47, 4.0
"""Middle and scale in days of the change to masks: New York's Executive Order 202.17, in force on 17 April 2020."""
TESTING = 70, 10.0
"""Middle (10 May) and scale in days of the growth of testing, which was open to all New Yorkers by June."""
DRIFT = 35, 28.0
"""Day (5 April) from which transmission may drift, and the days of one unit."""


def _generation() -> tuple[float, ...]:
    """Probability that an infection happens 0, 1, 2, ... days after the infector's own."""
    over = torch.tensor(INFECTIOUS.probabilities, dtype=torch.float64).flip(0).cumsum(0).flip(0)[1:]  # P(D > d)
    latent = torch.tensor(LATENT.probabilities, dtype=torch.float64)
    still = torch.zeros(40, dtype=torch.float64)
    for days in range(40):
        for waited in range(1, days + 1):
            still[days] += latent[waited] * over[days - waited]
    return tuple((still / still.sum()).tolist())


GENERATION = _generation()
"""Generation time of the agents, in days."""


def growth(reproduction: torch.Tensor) -> torch.Tensor:
    """The daily rate of exponential growth at a reproduction number, for gamma-distributed generation times.

    Source: Wallinga and Lipsitch, Proc R Soc B 2007;274:599, with mean and variance of `GENERATION`.
    """
    mean = sum(days * p for days, p in enumerate(GENERATION))
    variance = sum((days - mean) ** 2 * p for days, p in enumerate(GENERATION))
    shape, scale = mean**2 / variance, variance / mean
    return (reproduction.clamp(min=1.05) ** (1 / shape) - 1) / scale


def history(p: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Infections on the days before 1 March as shares of the residents, `[*dims, 5, HISTORY]`: exponential growth."""
    before = torch.arange(HISTORY, 0, -1, dtype=torch.float32)
    seeded = torch.cat(torch.broadcast_tensors(*(p[name] for name in SEEDING)), -1)[..., None]
    rate = growth(p["R0"])[..., None]
    return seeded * -torch.expm1(-rate) * torch.exp(-rate * (before - 1))


def meeting(p: Mapping[str, torch.Tensor], fall: torch.Tensor, day: torch.Tensor | int) -> torch.Tensor:
    """Transmission outside the household relative to January 2020, in the shape of `fall`, `[*dims, 1]`."""
    time = torch.as_tensor(day, dtype=torch.float32)
    masked = torch.sigmoid((time - MASKS[0]) / MASKS[1])
    drifted = torch.exp(p["drift"] * torch.clamp(time - DRIFT[0], min=0.0) / DRIFT[1])
    contacts = torch.clamp(1 - fall, min=0.05) ** p["mobility_power"]
    return contacts * (1 - p["mask_effect"] * masked) * drifted


def deaths_under_way(
    p: Mapping[str, torch.Tensor], before: torch.Tensor, wave: FirstWave
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """People in each stage of `DIED` on day 0 and the remembered deaths, persons `[*dims, 1]`."""
    dying = (before * (wave.persons * wave.fatality)[:, None]).sum(-2) * p["fatality_scale"]
    waiting, memory = [torch.zeros_like(dying[..., :1])] * DIED.stages, torch.zeros_like(dying[..., :1])
    for day in range(HISTORY):
        waiting, died = DIED.advance(waiting, dying[..., day : day + 1])
        memory = memory + (died - memory) / MEMORY
    return waiting, memory


def report(
    p: Mapping[str, torch.Tensor], infections: torch.Tensor, wave: FirstWave, delayed: Delayed = reporting_delay
) -> dict[str, torch.Tensor]:
    """The data sites `cases`, `admissions` and `deaths`, and the weekly series that are expected.

    Args:
        p: Parameters `[*dims, 1]`.
        infections: Shares of the residents, `[*dims, 5, HISTORY + days]`, whole weeks of days.
        wave: Residents and their risks.
        delayed: Convolves a series with the probabilities of a delay.

    Returns:
        `infections` (persons) and `expected_` cases, admissions and deaths, `[*dims, 5, weeks]`.
    """
    persons = infections * wave.persons[:, None]
    p = {name: value[..., None] for name, value in p.items()}
    days = torch.arange(persons.shape[-1] - HISTORY, dtype=torch.float32)
    early, late = p["ascertainment_early"], p["ascertainment_late"]
    found = early + (late - early) * torch.sigmoid((days - TESTING[0]) / TESTING[1])
    after = {delay: delayed(persons, delay.probabilities)[..., HISTORY:] for delay in (REPORTED, ADMITTED, DIED)}
    daily = {
        "cases": found * after[REPORTED],
        "admissions": p["hospitalisation_scale"] * wave.hospitalisation[:, None] * after[ADMITTED],
        "deaths": p["fatality_scale"] * wave.fatality[:, None] * after[DIED],
    }
    return {"infections": weekly(persons[..., HISTORY:]), **report_weeks(daily, dict.fromkeys(daily, p["dispersion"]))}
