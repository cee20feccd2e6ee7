"""From tables to a population: places, ages, households, schools, workplaces, community."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from causal_lpm import data, validate
from causal_lpm.agents import FreshRandom, Groups, Layer, Population
from causal_lpm.agents.columns import MOST, seed_number
from causal_lpm.populations.composition import ADULT, composed
from causal_lpm.populations.daily_places import schools, working
from causal_lpm.populations.household_sizes import drawn_sizes
from causal_lpm.populations.rounding import Floats, apportioned
from causal_lpm.populations.synthetic import SyntheticPopulation

__all__ = ["BYTES", "COMMUNITY", "Blueprint"]

BYTES = 130
"""Peak memory an agent, measured with New Zealand."""
COMMUNITY = 4
"""Chance meetings a day of each agent."""


@dataclass(frozen=True)
class Blueprint:
    """What is known of a population: enough to make it at any number of agents.

    Attributes:
        column: Name of the attribute that says where an agent lives.
        persons: Label of a place -> persons by year of age, `[101]`.
        sizes: Label of a place -> shares of households with 1, 2, ... members.
        tables: Data sets that it is made from.
        outlines: The packaged file with outlines of the places, if there is one.
    """

    column: str
    persons: Mapping[str, Floats]
    sizes: Mapping[str, Floats]
    tables: tuple[str, ...]
    outlines: str | None = field(default=None)

    @property
    def size(self) -> int:
        """Persons in all, rounded."""
        return round(sum(float(ages.sum()) for ages in self.persons.values()))

    def build(self, name: str, agents: int | None, seed: int) -> SyntheticPopulation:
        """The population; see `causal_lpm.populations.population`."""
        count = self.size if agents is None else validate.whole_number("agents", agents, 1)
        validate.fits_in_memory(f"{count:,} agents of {name!r}", BYTES * count, "give agents=, a smaller number")
        validate.whole_number("agents", count, 1, MOST)
        key = seed_number(seed) % 2**64
        age, place, household = self._at_home(count, key)
        rng = np.random.default_rng([key, len(self.persons)])
        school, classroom = schools(rng, age, place)
        workplace, team = working(rng, age, place, school, seed)
        columns = {"household": household, "school": school, "classroom": classroom, "workplace": workplace}
        small = {"age": torch.from_numpy(age), self.column: torch.from_numpy(place.astype(np.uint8))}
        groups = {name: torch.from_numpy(each.astype(np.int32)) for name, each in {**columns, "team": team}.items()}
        labels = tuple(self.persons)
        people = Population({**small, **groups}, {self.column: labels})
        networks: dict[str, Layer] = {
            "household": Groups(groups["household"]),
            "school": Groups(groups["classroom"]),
            "workplace": Groups(groups["team"]),
            "community": FreshRandom(torch.full((count,), COMMUNITY), name="community"),
        }
        outlines = {} if self.outlines is None else {self.column: self.outlines}
        return SyntheticPopulation(name, people, networks, {self.column: labels}, outlines, None, self.attribution)

    def _at_home(self, count: int, key: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Age, place and household of each agent, place by place and household by household."""
        counts = apportioned(np.stack(list(self.persons.values())), count)
        ages, places, homes, first = [], [], [], 0
        for number, (label, own) in enumerate(zip(self.persons, counts, strict=True)):
            people, adults = int(own.sum()), int(own[ADULT:].sum())
            if people == 0:
                continue
            if adults == 0:
                raise ValueError(f"of {count} agents, {label} has {people} children and no adult: give more agents.")
            rng = np.random.default_rng([key, number])
            size = drawn_sizes(rng, people, self.sizes[label], adults)
            ages.append(composed(rng, own, size))
            places.append(np.full(people, number))
            homes.append(first + np.repeat(np.arange(len(size)), size))
            first += len(size)
        return np.concatenate(ages), np.concatenate(places), np.concatenate(homes)

    @property
    def attribution(self) -> str:
        """Origin and licence of each table, one a line."""
        return "\n".join(
            f"{data.DATASETS[name].content}: {data.DATASETS[name].origin} ({data.DATASETS[name].licence})"
            for name in self.tables
        )
