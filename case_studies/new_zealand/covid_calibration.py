"""The posterior of the outbreak given what was reported to 30 November 2021, and whether it can be trusted."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from case_studies.new_zealand.covid_model import outbreak
from case_studies.new_zealand.covid_reports import AREAS, sites
from case_studies.new_zealand.districts import AUCKLAND
from case_studies.new_zealand.people import Country, country
from case_studies.page import four_digits
from causal_lpm.inference import CalibrationResult, fit

__all__ = ["FINER", "calibrated", "fitted", "focused"]

FINER = ((16, AUCKLAND), (4, (0, 4, 5, 6)))
"""How many times as many agents a person as the south has: Auckland, where most cases were, and the districts around
it."""


def focused(agents: int) -> Country:
    """New Zealand with so many agents, most of them in the districts of the outbreak."""
    return country(agents, finer=FINER)


def calibrated(
    agents: int,
    budget: int,
    gate: int,
    seed: int,
    workers: int,
    folder: Path | None = None,
    progress: Callable[[str, int, int], None] | bool = False,
) -> CalibrationResult:
    """Networks trained on simulations of so many agents, given cases and admissions to 30 November.

    Args:
        agents: Of the country, see `focused`.
        budget: Simulations to train on.
        gate: Simulations with known truth to check with; with none, two networks in place of ten.
        seed: Of everything.
        workers: Processes; the numbers do not depend on it.
        folder: Where simulations are kept.
        progress: As of `fit`.
    """
    return fit(
        partial(outbreak, focused(agents)),
        sites(),
        method="npe",
        budget=budget,
        gate=gate,
        ensemble=10 if gate else 2,
        second_round=True,
        seed=seed,
        workers=workers,
        batch=8,
        folder=folder,
        progress=progress,
    )


def fitted(predicted: Mapping[str, Any]) -> dict[str, list[float]]:
    """Area, and age of admissions -> reported to 30 November, the median predicted, and 5 and 95 percentile.

    Args:
        predicted: Data site -> reports of draws of the posterior, `[draws, groups, spans]`.
    """
    data = sites()
    names = {
        "cases_by_span": list(AREAS),
        "admissions_by_half": [f"{10 * age} to {10 * age + 9}" for age in range(7)] + ["70 and over"],
    }
    found = {}
    for site, labels in names.items():
        values = np.asarray(predicted[site]).sum(-1)
        for number, label in enumerate(labels):
            low, middle, high = np.quantile(values[:, number], [0.05, 0.5, 0.95])
            found[label] = [four_digits(x) for x in (data[site][number].sum(), middle, low, high)]
    return found
