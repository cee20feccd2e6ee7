"""The agents of the five boroughs: who lives together, and whom they meet elsewhere."""

import functools
from dataclasses import dataclass

import numpy as np
import torch

from case_studies.nyc_first_wave.data import BOROUGHS, TABLES, FirstWave, first_wave
from case_studies.nyc_first_wave.mobility import MobilityResponse, fitted
from causal_lpm import data
from causal_lpm.agents import FreshRandom, FreshWattsStrogatz, Groups, Layer, Population
from causal_lpm.inference import positive_count

__all__ = ["CONTACTS", "IN_BOROUGH", "PERSONS_PER_AGENT", "City", "city", "household_sizes"]

PERSONS_PER_AGENT = 400
CONTACTS = 10
"""Contacts a day outside the household."""
IN_BOROUGH = 8
"""How many of them live in the agent's borough; the others anywhere in the city."""

CODES = dict(zip(("BX", "BK", "MN", "QN", "SI"), BOROUGHS, strict=True))


@dataclass(frozen=True, eq=False)
class City:
    """Agents, contacts and what was reported about them.

    Attributes:
        people: attribute `borough`, uint8.
        contacts: layers `home` (everybody in the household), `borough` and `city` (drawn afresh each day).
        agents: float32 `[5]`, agents a borough.
        housemates: float32 `[5]`, mean number of others in the household of an agent.
        wave: the reports.
        response: why mobility fell.
    """

    people: Population
    contacts: dict[str, Layer]
    agents: torch.Tensor
    housemates: torch.Tensor
    wave: FirstWave
    response: MobilityResponse

    @property
    def weight(self) -> torch.Tensor:
        """Persons that an agent stands for, float32 `[5]`."""
        return self.wave.persons / self.agents


@functools.lru_cache(maxsize=4)
def city(persons_per_agent: int = PERSONS_PER_AGENT, seed: int = 0) -> City:
    """New York City with one agent for so many persons, boroughs in proportion.

    Households have 1 + Poisson members, with the mean size of the borough (US census, 262 neighbourhoods).

    Args:
        persons_per_agent: 400 gives 20,843 agents.
        seed: Of the households.

    Raises:
        ValueError: persons_per_agent below 1.
    """
    positive_count("persons_per_agent", persons_per_agent)
    wave = first_wave()
    agents = (wave.persons / persons_per_agent).round().long()
    rng = np.random.default_rng([seed, persons_per_agent])
    homes: list[np.ndarray] = []
    for count, size in zip(agents.tolist(), household_sizes(), strict=True):
        # Household by household until all have a home; the last one may be cut.
        sizes = 1 + rng.poisson(size - 1, size=count)
        first = homes[-1][-1] + 1 if homes else 0
        homes.append(first + np.repeat(np.arange(count), sizes)[:count])
    borough = torch.repeat_interleave(torch.arange(len(BOROUGHS)), agents)
    home = Groups(torch.from_numpy(np.concatenate(homes)))
    housemates = torch.zeros(len(BOROUGHS)).index_add(0, borough, home.degree()) / agents
    contacts: dict[str, Layer] = {
        "home": home,
        "borough": FreshWattsStrogatz(borough, torch.full((len(BOROUGHS),), float(IN_BOROUGH)), 1.0, "borough"),
        "city": FreshRandom(torch.full((len(borough),), CONTACTS - IN_BOROUGH), name="city"),
    }
    people = Population({"borough": borough.to(torch.uint8)}, {"borough": BOROUGHS})
    return City(people, contacts, agents.float(), housemates, wave, fitted(wave))


def household_sizes() -> list[float]:
    """Mean persons a household, by borough."""
    table = data.table(TABLES / "nyc_households_nta_agenttorch.csv")
    code = next(name for name in table.columns if table[name].astype(str).str.fullmatch(r"[A-Z]{2}\d{4}").all())
    sums = table.groupby(table[code].str[:2].map(CODES))[["people_num", "Householder"]].sum().loc[list(BOROUGHS)]
    return [float(size) for size in sums["people_num"] / sums["Householder"]]
