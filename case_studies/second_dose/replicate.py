"""One replicate of several worlds as arrays, and what the studies of both populations share."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from case_studies.second_dose import inputs
from case_studies.second_dose.model import FirstCases, Setup, first_cases_of_archive, second_dose
from causal_lpm import KeyedNoise, comparing, tally
from causal_lpm.agents.population import Population
from causal_lpm.inference import Options, Worlds
from causal_lpm.validate import fits_in_memory

__all__ = ["AgeGroupStudy", "check_size", "one_replicate", "people_by_age"]

OUTCOMES = ("deaths", "infections", "hospitalisations")
FEWEST_AGENTS = 500  # so that no age group is empty
MOST_DAYS = 3650  # the model counts days in 16 bits, and 10,000 days stand for never
WORLDS_AT_A_TIME = 8
AGENTS_AT_A_TIME = 20_000_000  # in all worlds that run side by side
BYTES_PER_AGENT = 250  # of one world, at the peak of a day; the first one has the population too


class AgeGroupStudy:
    """What the study is in every population: outcomes by age group, and its usual size."""

    outcomes = OUTCOMES
    groups = inputs.AGES
    coupling = "keyed noise: each agent meets the same thresholds, contacts and course of disease in every world"
    default_agents = 100_000
    default_days = 180
    default_replicates = 20
    full_replicates = 40
    not_simulating = ("report.py",)


def people_by_age(people: Population) -> npt.NDArray[Any]:
    """Agents in each age group."""
    return np.asarray(torch.bincount(people["age_group"].long(), minlength=len(inputs.AGES)).cpu())


def _side_by_side(agents: int) -> int:
    """How many worlds run side by side: more cost less, until they no longer fit the caches and the memory."""
    return max(1, min(WORLDS_AT_A_TIME, AGENTS_AT_A_TIME // agents))


def check_size(options: Options, worlds: int) -> None:
    """Raises ValueError for too few or too many days, too few agents to report on, or more than memory holds."""
    if options.days < 2:
        raise ValueError(f"days is {options.days}: the state at the start of a day is reported, give at least 2.")
    if options.days > MOST_DAYS:
        raise ValueError(f"days is {options.days}: the model knows ten years, give at most {MOST_DAYS}.")
    if options.agents < FEWEST_AGENTS:
        raise ValueError(f"agents is {options.agents}: fewer than {FEWEST_AGENTS} leave age groups empty.")
    together = min(worlds, _side_by_side(options.agents))
    fits_in_memory(f"{options.agents:.3g} agents", together * options.agents * BYTES_PER_AGENT)


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
    names, together = list(worlds), _side_by_side(prepared.people.size)
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
