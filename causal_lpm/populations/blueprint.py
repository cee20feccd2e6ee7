"""From tables to a population: places, ages, households, schools, workplaces, community."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from causal_lpm import data, validate
from causal_lpm.agents import Groups, Layer, Mixing, Population, contact_matrices
from causal_lpm.agents.columns import MOST, seed_number
from causal_lpm.populations.composition import ADULT, composed
from causal_lpm.populations.daily_places import schools, working
from causal_lpm.populations.household_sizes import drawn_sizes
from causal_lpm.populations.rounding import Counts, Floats, apportioned
from causal_lpm.populations.synthetic import COMMUNITY, SyntheticPopulation

__all__ = ["BYTES", "Blueprint"]

BYTES = 70
"""Peak memory an agent, measured with New Zealand and New York City."""
ELSEWHERE = 0.2
"""Share of an agent's chance meetings that are with anybody in the population, not in the own place; an assumption."""
GROUPED = ("household", "school", "classroom", "workplace", "team")


@dataclass(frozen=True)
class Blueprint:
    """What is known of a population: enough to make it at any number of agents.

    Attributes:
        column: Name of the attribute that says where an agent lives.
        persons: Label of a place -> persons by year of age, `[101]`.
        sizes: Label of a place -> shares of households with 1, 2, ... members.
        tables: Data sets that it is made from.
        country: Whose contacts by age it has, by its code.
        outlines: The packaged file with outlines of the places, if there is one.
    """

    column: str
    persons: Mapping[str, Floats]
    sizes: Mapping[str, Floats]
    tables: tuple[str, ...]
    country: str
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
        columns = self._columns(count, seed_number(seed) % 2**64)
        labels = tuple(self.persons)
        people = Population(columns, {self.column: labels})
        networks: dict[str, Layer] = {
            "household": Groups(columns["household"]),
            "school": Groups(columns["classroom"]),
            "workplace": Groups(columns["team"]),
            "community": self._community(columns[self.column]),
        }
        outlines = {} if self.outlines is None else {self.column: self.outlines}
        contacts = contact_matrices(self.country, self.contact_source).reciprocal(people["age"])
        return SyntheticPopulation(name, people, networks, {self.column: labels}, outlines, contacts, self.attribution)

    def _community(self, place: torch.Tensor) -> Mixing:
        """Chance meetings, most in one's own place, the others anywhere in proportion to who lives there."""
        share = torch.bincount(place.long(), minlength=len(self.persons)).double() / len(place)
        everywhere, own = share.expand(len(share), -1), torch.eye(len(share), dtype=torch.float64)
        return Mixing(place, COMMUNITY * (ELSEWHERE * everywhere + (1 - ELSEWHERE) * own))

    def _columns(self, count: int, key: int) -> dict[str, torch.Tensor]:
        """The attributes of all agents, place by place."""
        counts = apportioned(np.stack(list(self.persons.values())), count)
        columns = {
            name: torch.empty(count, dtype=torch.uint8 if name in ("age", self.column) else torch.int32)
            for name in ("age", self.column, *GROUPED)
        }
        end, groups = 0, dict.fromkeys(GROUPED, 0)
        for number, (label, own) in enumerate(zip(self.persons, counts, strict=True)):
            if own.sum() and not own[ADULT:].sum():
                raise ValueError(f"of {count} agents, {label} has {own.sum()} children and no adult: give more agents.")
            if own.sum():
                begin, end = end, end + int(own.sum())
                columns[self.column][begin:end] = number
                for name, values in self._place(np.random.default_rng([key, number]), own, self.sizes[label]).items():
                    part = torch.from_numpy(values)
                    if name in groups:  # numbered on from those of the places before
                        part = torch.where(part < 0, part, part + groups[name])
                        groups[name] = max(groups[name], 1 + int(part.max()))
                    columns[name][begin:end] = part
        return columns

    @staticmethod
    def _place(rng: np.random.Generator, ages: Counts, sizes: Floats) -> dict[str, np.ndarray]:
        """Age and groups of the agents of one place, household by household, each numbered from 0."""
        size = drawn_sizes(rng, int(ages.sum()), sizes, int(ages[ADULT:].sum()))
        age = composed(rng, ages, size)
        school, classroom = schools(rng, age)
        workplace, team = working(rng, age, school)
        household = np.repeat(np.arange(len(size), dtype=np.int32), size)
        return {"age": age} | dict(zip(GROUPED, (household, school, classroom, workplace, team), strict=True))

    @property
    def contact_source(self) -> str:
        """The source of contacts by age: the one with reciprocal settings, for countries that it has."""
        return "prem16" if self.country in ("BRA", "KEN", "NZL") else "mistry18"

    @property
    def attribution(self) -> str:
        """Origin and licence of each table, one a line."""
        about = [data.DATASETS[name] for name in (*self.tables, f"contact_{self.contact_source}_countries.csv")]
        return "\n".join(f"{each.content}: {each.origin} ({each.licence})" for each in about)
