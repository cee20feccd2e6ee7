"""One replicate of several worlds: the model run, and its series as arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from case_studies.second_dose import inputs
from case_studies.second_dose.model import FirstCases, Setup, first_cases_of_archive, second_dose
from causal_lpm import KeyedNoise, comparing, tally
from causal_lpm.inference import Setting

__all__ = ["OUTCOMES", "one_replicate"]

OUTCOMES = ("deaths", "infections", "hospitalisations")


def one_replicate(
    prepared: Setup,
    settings: Sequence[Setting],
    days: int,
    seed: int,
    first_cases: FirstCases | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """All settings as worlds of one run; day 0 holds the archived first cases, or nothing if `first_cases` begin it."""
    with KeyedNoise(seed), comparing({setting.name: setting.policy for setting in settings}):
        run = second_dose(prepared, days, first_cases or first_cases_of_archive)
    worlds, age = (len(settings), len(inputs.AGES)), prepared.people["age_group"]
    counts = {name: run.tallies[name].expand(*worlds, days - 1).cpu().numpy() for name in OUTCOMES}
    before = {name: np.zeros(worlds, dtype=np.int64) for name in counts}
    if first_cases is None:
        # The first cases were susceptible to nobody: they are who is missing from the books at the end.
        everybody = torch.bincount(age.long(), minlength=len(inputs.AGES)).cpu().numpy()
        untouched = tally("susceptible", run.state["stage"] == inputs.SUSCEPTIBLE, age).expand(worlds).cpu().numpy()
        before["infections"] = everybody - untouched - counts["infections"].sum(-1)
    return {name: np.concatenate([before[name][..., None], series], -1) for name, series in counts.items()}
