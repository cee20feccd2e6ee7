"""The agents of London: age, borough, household, and the contacts of each cell of age and borough elsewhere."""

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from case_studies.london.inputs import FIRST_AGES, ages_of_london, persons
from case_studies.london.question import AGES, BOROUGHS, SETTINGS
from causal_lpm import data
from causal_lpm.agents import (
    Groups,
    Mixing,
    Population,
    by_place,
    contact_matrices,
    distances,
    households,
    radiation,
    shared,
)
from causal_lpm.inference import positive_count

__all__ = ["ELSEWHERE", "PERSONS_PER_AGENT", "London", "contacts_elsewhere", "household_shares", "london"]

PERSONS_PER_AGENT = 90
"""Gives 98,513 agents."""
ELSEWHERE = {"school": 0.1, "work": 0.5, "leisure": 0.25}
"""Share of the time in a setting that is spent in other boroughs, by radiation: an assumption."""
SETTING_OF = {"school": "school", "work": "work", "community": "leisure"}
"""Names of the contact matrices -> ours; their household is replaced by real ones."""
WITHIN = {"1": {1: 1.0}, "2-3": {2: 2 / 3, 3: 1 / 3}, "4-5": {4: 3 / 4, 5: 1 / 4}, "6+": {6: 1.0}}
"""Classes of the table of household sizes -> share of each size: an assumption."""
OLD, OLD_ALONE = 65, 0.5
"""From this age on people live alone or with one other of their age; half of their households have one member."""


@dataclass(frozen=True, eq=False)
class London:
    """Agents, boroughs one after another.

    Attributes:
        people: `age` (0 to 4), `borough` (0 to 31) and `cell`, 32 age + borough, int64.
        home: Everybody in the household.
        mixing: Contacts a day at school, work and leisure, between cells.
        weight: Persons that an agent stands for, by borough, float64 `[32]`.
        count: How many agents each is, 1 but in `kinds`.
    """

    people: Population
    home: Groups
    mixing: Mixing
    weight: torch.Tensor
    count: torch.Tensor | float = 1.0


@functools.lru_cache(maxsize=4)
def london(persons_per_agent: int = PERSONS_PER_AGENT, seed: int = 0) -> London:
    """London with one agent for so many persons; every borough has London's ages.

    Args:
        persons_per_agent: 90 gives 98,513 agents.
        seed: Of the households.

    Raises:
        ValueError: persons_per_agent below 1, or so many that an age group of a borough is empty.
    """
    positive_count("persons_per_agent", persons_per_agent)
    wanted = (persons() / persons_per_agent).round().long()
    shares = _ages()
    ages, homes, first = [], [], 0
    for number, count in enumerate(wanted.tolist()):
        of_age = _apportioned(shares, count)
        if not of_age.all():
            raise ValueError(
                f"with {persons_per_agent} persons an agent nobody of {BOROUGHS[number]} is {AGES[of_age.argmin()]}: "
                "give fewer persons an agent."
            )
        own = torch.repeat_interleave(torch.arange(len(AGES)), torch.from_numpy(of_age))
        home = _homes(own, seed * len(BOROUGHS) + number)
        order = torch.argsort(home, stable=True)
        ages.append(own[order])
        homes.append(home[order] + first)
        first = int(homes[-1][-1]) + 1
    age, borough = torch.cat(ages), torch.repeat_interleave(torch.arange(len(BOROUGHS)), wanted)
    cell = age * len(BOROUGHS) + borough
    people = Population({"age": age, "borough": borough, "cell": cell}, {"age": AGES, "borough": BOROUGHS})
    return London(people, Groups(torch.cat(homes)), Mixing(cell, contacts_elsewhere()), persons() / wanted)


@functools.cache
def contacts_elsewhere() -> dict[str, torch.Tensor]:
    """Setting -> contacts a day of one person of each cell with those of each cell, float64 `[160, 160]`.

    Those of the United Kingdom by Mistry et al., made mutual for London's ages, times how boroughs share their time.
    """
    ages = ages_of_london()
    matrices = contact_matrices("GBR").regrouped(FIRST_AGES, ages).reciprocal(ages)
    travel_to = _travel()
    found = {}
    for name, setting in SETTING_OF.items():
        places = shared(ELSEWHERE[setting] * travel_to, persons())
        found[setting] = by_place({setting: matrices.settings[name]}, places, stay=())[setting]
    return {setting: found[setting] for setting in SETTINGS}


def household_shares() -> dict[int, float]:
    """Share of households by number of members: United Kingdom 2011, classes divided by `WITHIN`."""
    table = data.read("household_sizes.csv")
    table = table[table["iso3"] == "GBR"]
    return {
        size: float(share) * part
        for members, share in zip(table["members"], table["share"], strict=True)
        for size, part in WITHIN[str(members)].items()
    }


def _travel() -> torch.Tensor:
    """Shares of those who are elsewhere by borough where they are, float64 `[32, 32]`; rows add up to 1."""
    import json

    features = json.loads(data.path("outlines_london_boroughs.geojson").read_text(encoding="utf-8"))["features"]
    at = pd.DataFrame([feature["properties"] for feature in features]).set_index("name")
    at = at.rename(index={"Hackney": "Hackney and City of London"}).loc[list(BOROUGHS)]
    return radiation(distances(at["lon"].tolist(), at["lat"].tolist()), persons(), leave=1.0)


def _ages() -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    people = ages_of_london()
    group = np.searchsorted(FIRST_AGES, people.index.to_numpy(), side="right") - 1
    counts = np.bincount(group, people.to_numpy())
    shares: np.ndarray[tuple[int], np.dtype[np.float64]] = counts / counts.sum()
    return shares


def _apportioned(
    shares: "np.ndarray[tuple[int], np.dtype[np.float64]]", count: int
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Whole numbers in these shares that add up to the count, the largest remainders rounded up."""
    exact = shares * count
    whole = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: count - whole.sum()]] += 1
    return whole


def _homes(age: torch.Tensor, seed: int) -> torch.Tensor:
    """The household of each agent of one borough, from 0."""
    old = age >= FIRST_AGES.index(OLD)
    alone = households(int(old.sum()), [OLD_ALONE, 1 - OLD_ALONE], seed)
    shares = household_shares()
    all_of = len(age) / sum(size * share for size, share in shares.items())
    counts = {size: all_of * share for size, share in shares.items()}
    number = float(alone.max()) + 1
    counts[1] -= OLD_ALONE * number
    counts[2] -= (1 - OLD_ALONE) * number
    rest = [max(counts[size], 0.0) / sum(max(each, 0.0) for each in counts.values()) for size in sorted(counts)]
    home = torch.empty(len(age), dtype=torch.int64)
    home[old] = alone.long()
    home[~old] = households(int((~old).sum()), rest, seed, age[~old] > 0).long() + int(alone.max()) + 1
    return home
