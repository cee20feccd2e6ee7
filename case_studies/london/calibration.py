"""The posterior given deaths to 31 May 2020, whether it can be trusted, and what it says of the weeks seen."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from case_studies.london.deaths import deaths_seen
from case_studies.london.inputs import SEEN_DAYS
from case_studies.london.model import first_wave
from case_studies.london.parameters import ASKED, SEEDING
from case_studies.london.people import London
from case_studies.page import four_digits
from causal_lpm.inference import CalibrationResult, fit

__all__ = ["calibrated", "middle"]

AT_ONCE = 8
"""Draws side by side: each has contacts of its own between 160 cells, and memory that is touched anew costs most."""


def calibrated(
    here: London, weekly: torch.Tensor, budget: int, gate: int, seed: int, workers: int, folder: Path
) -> CalibrationResult:
    """Networks trained on simulations, given London's deaths by week."""
    return fit(
        partial(first_wave, here, SEEN_DAYS),
        {name: values.numpy() for name, values in deaths_seen(weekly).items()},
        method="npe",
        budget=budget,
        gate=gate,
        ensemble=5 if gate else 2,
        second_round=False,  # of 13 parameters deaths by week say too little for a focus to save anything
        batch=AT_ONCE,
        seed=seed,
        workers=workers,
        folder=folder,
        progress=False,
    )


def middle(result: CalibrationResult) -> dict[str, float]:
    """Parameter -> its posterior median; of the boroughs' seeding the prior's, which is 1."""
    draws = result.parameters()
    medians = {name: four_digits(np.median(np.asarray(draws[name], dtype=float))) for name in ASKED}
    return {**medians, **dict.fromkeys(SEEDING, 1.0)}
