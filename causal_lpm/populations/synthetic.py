"""A population with everything that a template needs: people, who they meet, where they live, and whose data it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from causal_lpm.agents import Layer, Population

__all__ = ["SyntheticPopulation"]


@dataclass(frozen=True, eq=False, repr=False)
class SyntheticPopulation:
    """People with the networks in which they meet, made from tables; see `population`.

    Attributes:
        name: Such as "nyc".
        people: Attributes of the agents: `age` in years, where they live, and the numbers of their household, school,
            classroom, workplace and team, -1 for none. Members of a household follow each other, and so do agents of a
            place.
        networks: Layers by setting: `household`, `school` (the classroom), `workplace` (the team), `community`.
        places: Column of `people` -> the labels of the places that it numbers.
        outlines: Column of `people` -> the data set with outlines of these places, for maps.
        contacts: Contacts by age, where there is a table of them.
        attribution: Origin and licence of the tables.
    """

    name: str
    people: Population
    networks: Mapping[str, Layer]
    places: Mapping[str, tuple[str, ...]]
    outlines: Mapping[str, str]
    contacts: Any
    attribution: str

    @property
    def size(self) -> int:
        """The number of agents."""
        return self.people.size

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        where = ", ".join(f"{len(labels)} of {column}" for column, labels in self.places.items())
        return f"<{self.name}: {self.size:,} agents; {where or 'no places'}; networks {', '.join(self.networks)}>"
