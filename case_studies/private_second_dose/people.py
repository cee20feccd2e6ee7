"""Who belongs to which party: three hospitals with a third of the agents each, in one file a party."""

from pathlib import Path

import torch

from case_studies.second_dose.people import king_county
from causal_lpm import KeyedNoise, exogenous
from causal_lpm.agents import Population

__all__ = ["PARTIES", "everybody", "write_parts"]

PARTIES = 3
ILL = 0.02
"""Share that is ill on day 0: thirty days of the archived five in 100,000 would show nothing."""
MILD = 4


def everybody(agents: int, seed: int) -> Population:
    """The study's population with the stage of each agent on day 0."""
    with KeyedNoise(seed):
        luck = exogenous("ill_on_day_0", agents, "uniform")
    return king_county(agents).with_attributes(stage=(luck < ILL).to(torch.uint8) * MILD)


def write_parts(people: Population, folder: Path) -> list[Path]:
    """One Parquet file a party, and their names."""
    bounds = [people.size * rank // PARTIES for rank in range(PARTIES + 1)]
    files = []
    for rank in range(PARTIES):
        rows = slice(bounds[rank], bounds[rank + 1])
        own = Population({name: people[name][rows] for name in people}, people.labels)
        files.append(folder / f"party-{rank}.parquet")
        own.save(files[-1], seed=None)
    return files
