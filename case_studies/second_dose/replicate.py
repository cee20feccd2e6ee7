"""One replicate of several worlds as arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from case_studies.second_dose import inputs
from case_studies.second_dose.age_groups import OUTCOMES, side_by_side
from case_studies.second_dose.model import FirstCases, Setup, first_cases_of_archive, second_dose
from causal_lpm import KeyedNoise, comparing, tally
from causal_lpm.agents import Population
from causal_lpm.inference import Worlds

__all__ = ["one_replicate", "people_by_age"]


def people_by_age(people: Population) -> npt.NDArray[Any]:
    """Agents in each age group."""
    return np.asarray(torch.bincount(people["age_group"].long(), minlength=len(inputs.AGES)).cpu())


def one_replicate(
    prepared: Setup,
    worlds: Worlds,
    days: int,
    seed: int,
    first_cases: FirstCases | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """All worlds, which share their noise, `[world, age group, day]`.

    Day 0 holds the archived first cases, or nothing if `first_cases` begin it. A few worlds run side by side; the
    noise is keyed, so that a world does not depend on its company.
    """
    names, together = list(worlds), side_by_side(prepared.people.size)
    parts = []
    for i in range(0, len(names), together):
        some = {name: worlds[name] for name in names[i : i + together]}
        parts.append(_side_by_side_worlds(prepared, some, days, seed, first_cases))
    return {name: np.concatenate([part[name] for part in parts]) for name in OUTCOMES}


def _side_by_side_worlds(
    prepared: Setup, worlds: Worlds, days: int, seed: int, first_cases: FirstCases | None
) -> dict[str, npt.NDArray[Any]]:
    # The seed is on the device of the agents, and so is all noise that comes from it.
    noise = KeyedNoise(torch.tensor(seed, device=prepared.people.device))
    with noise, comparing(worlds):
        run = second_dose(prepared, days, first_cases or first_cases_of_archive)
    shape, age = (len(worlds), len(inputs.AGES)), prepared.people["age_group"]
    counts = {name: run.tallies[name].expand(*shape, days - 1).cpu().numpy() for name in OUTCOMES}
    before = {name: np.zeros(shape, dtype=np.int64) for name in counts}
    if first_cases is None:
        # The first cases were susceptible to nobody: they are who is missing from the books at the end.
        untouched = tally("susceptible", run.state["stage"] == inputs.SUSCEPTIBLE, age, groups=len(inputs.AGES))
        before["infections"] = (
            people_by_age(prepared.people) - untouched.expand(shape).cpu().numpy() - counts["infections"].sum(-1)
        )
    return {name: np.concatenate([before[name][..., None], series], -1) for name, series in counts.items()}
