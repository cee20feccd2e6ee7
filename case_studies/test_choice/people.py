"""A town: who lives together, who works or learns together, and whom people meet by chance."""

import functools
from dataclasses import dataclass

import torch

from case_studies.second_dose import inputs as king_county
from causal_lpm.agents import FreshRandom, Groups, Layer, Population, households, synthesise, workplaces, zipf_sizes

__all__ = ["AGENTS", "LARGEST", "Town", "town"]

AGENTS = 20_000
LARGEST = 20
"""Members of a workplace or school group who all meet each other every day, at most: an assumption."""


@dataclass(frozen=True, eq=False)
class Town:
    """Agents and their contacts.

    Attributes:
        people: attribute `age_group`, uint8, nine decades of age.
        home: everybody in the household.
        outside: layers `work` (workplaces, school groups) and `random` (drawn afresh each day).
        housemates: mean number of others in the household of an agent.
        met: mean number of contacts a day outside the household.
    """

    people: Population
    home: Groups
    outside: dict[str, Layer]
    housemates: float
    met: float


@functools.lru_cache(maxsize=4)
def town(agents: int = AGENTS, seed: int = 0) -> Town:
    """A town with the ages, households and chance contacts of King County, Washington, as in the second-dose study.

    Everybody from 20 to 69 years works and all who are younger learn, in groups whose sizes follow Zipf's law.

    Args:
        agents: One for each person.
        seed: Of the town; all replicates share it.
    """
    total = sum(king_county.KING_COUNTY_AGES.values())
    shares = {age: persons / total for age, persons in king_county.KING_COUNTY_AGES.items()}
    people = synthesise(agents, {"age_group": shares}, seed)
    age = people["age_group"].long()
    home = Groups(households(agents, king_county.HOUSEHOLD_SIZES, seed, adult=age >= 2))
    band = torch.tensor(king_county.BAND_OF_AGE)[age]
    work = workplaces(band != king_county.ELDERLY, zipf_sizes(LARGEST), seed, within=(band,))
    stubs = torch.tensor(king_county.RANDOM_CONTACTS)[band].int()
    outside: dict[str, Layer] = {"work": Groups(work), "random": FreshRandom(stubs, name="random")}
    met = sum(float(layer.degree().mean()) for layer in outside.values())
    return Town(people, home, outside, float(home.degree().mean()), met)
