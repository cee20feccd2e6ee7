"""The agents of the winter: borough, age and income, who lives together, whom they meet at work and elsewhere."""

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch

from case_studies.nyc_first_wave.people import household_sizes
from case_studies.stimulus_nyc.question import BOROUGHS
from case_studies.stimulus_nyc.winter import AGES, Winter, winter
from causal_lpm.agents import Archetypes, FreshRandom, FreshWattsStrogatz, Groups, Layer, Population, households
from causal_lpm.inference import positive_count

__all__ = ["AGENTS", "GROUPS", "INCOMES", "IN_BOROUGH", "MEDIANS", "AT_WORK", "Residents", "income_shares", "residents"]

AGENTS = 100_000
IN_BOROUGH = 6
"""Contacts a day outside the household and work, all in the borough."""
AT_WORK = 5
"""Contacts a day at work, anywhere in the city, of who is at work."""
MEDIANS = {"Bronx": 36_593, "Brooklyn": 52_782, "Manhattan": 79_781, "Queens": 62_008, "Staten Island": 76_244}
"""Median income of households, USD a year: US Census Bureau, American Community Survey 2013-17."""
SPREAD = 1.0
"""Standard deviation of the logarithm of incomes in a borough, an assumption; a Gini index of 0.52."""
INCOMES = {"under $35,000": 35_000.0, "$35,000 to $90,000": 90_000.0, "over $90,000": math.inf}
"""Yearly income of the household -> upper end."""
WAGES = (1_800.0, 4_200.0, 10_000.0)
"""Dollars a month of who works, by income of the household; an assumption that no infection depends on."""
GROUPS = tuple(f"{borough}, {income}" for borough in BOROUGHS for income in INCOMES)
LARGEST = 12


@dataclass(frozen=True, eq=False)
class Residents:
    """Agents, contacts and what was reported about them.

    Attributes:
        people: attributes `borough`, `age`, `income` with labels, and `group` (of `GROUPS`).
        kinds: their combinations.
        home: everybody in the household.
        borough: contacts in the borough, drawn afresh each day.
        work: contacts at work, likewise, of those from 18 to 64; who is not at work sends and meets nothing.
        agents: float32 `[5]`, agents a borough.
        in_group: float32 `[15]`, agents a group.
        adults: float32 `[15]`, adult agents a group.
        fatality: float32 `[agents]`, infection fatality by age and borough.
        wage: float32 `[agents]`, dollars a month.
        reported: the winter.
    """

    people: Population
    kinds: Archetypes
    home: Groups
    borough: Layer
    work: Layer
    agents: torch.Tensor
    in_group: torch.Tensor
    adults: torch.Tensor
    fatality: torch.Tensor
    wage: torch.Tensor
    reported: Winter

    @property
    def weight(self) -> torch.Tensor:
        """Persons that an agent stands for, float32 `[5]`."""
        return self.reported.persons.sum(1) / self.agents


def income_shares(borough: str) -> list[float]:
    """Shares of the households of a borough by income: lognormal about the borough's median.

    >>> [round(share, 2) for share in income_shares("Bronx")]
    [0.48, 0.33, 0.18]
    """
    ends = [0.0, *(_normal(math.log(end / MEDIANS[borough]) / SPREAD) for end in INCOMES.values())]
    return [high - low for low, high in itertools.pairwise(ends)]


@functools.lru_cache(maxsize=4)
def residents(agents: int = AGENTS, seed: int = 0) -> Residents:
    """New York City with so many agents, boroughs and ages in proportion.

    Households have 1 + Poisson members, with the mean size of the borough (US census), an adult, and one income.

    Args:
        agents: About; each class of borough and age is rounded.
        seed: Of households and incomes.

    Raises:
        ValueError: no agents.
    """
    positive_count("agents", agents)
    reported = winter()
    cells = (reported.persons * (agents / float(reported.persons.sum()))).round().long().clamp(min=10)
    rng = np.random.default_rng([seed, agents])
    parts: dict[str, list[torch.Tensor]] = {"borough": [], "age": [], "income": [], "home": []}
    homes = 0
    for number, (name, size) in enumerate(zip(BOROUGHS, household_sizes(), strict=True)):
        age = torch.repeat_interleave(torch.arange(len(AGES)), cells[number])
        home = households(len(age), _sizes(size), seed + number, adult=age > 0).long()
        income = torch.from_numpy(rng.choice(len(INCOMES), size=int(home.max()) + 1, p=income_shares(name)))
        own = {"borough": torch.full_like(age, number), "age": age, "income": income[home], "home": homes + home}
        homes += int(home.max()) + 1
        for what, value in own.items():
            parts[what].append(value)
    own = {name: torch.cat(values) for name, values in parts.items()}
    borough, age, income = own["borough"], own["age"], own["income"]
    group = borough * len(INCOMES) + income
    labels = {"borough": BOROUGHS, "age": tuple(AGES), "income": tuple(INCOMES)}
    people = Population({name: own[name].to(torch.uint8) for name in labels} | {"group": group.to(torch.uint8)}, labels)
    count = len(GROUPS)
    return Residents(
        people,
        Archetypes.from_columns(people, list(labels), minimum=1),
        Groups(own["home"]),
        FreshWattsStrogatz(borough, torch.full((len(BOROUGHS),), float(IN_BOROUGH)), 1.0, "borough"),
        FreshRandom(torch.where((age == 1) | (age == 2), AT_WORK, 0), name="work"),
        torch.bincount(borough, minlength=len(BOROUGHS)).float(),
        torch.bincount(group, minlength=count).float(),
        torch.bincount(group[age > 0], minlength=count).float(),
        reported.fatality[borough, age],
        torch.tensor(WAGES)[income],
        reported,
    )


def _sizes(mean: float) -> list[float]:
    """Shares of households with 1, 2, ... members: 1 + Poisson."""
    weights = [math.exp(1 - mean) * (mean - 1) ** k / math.factorial(k) for k in range(LARGEST)]
    return [weight / sum(weights) for weight in weights]


def _normal(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))
