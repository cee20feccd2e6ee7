"""A population with everything that a template needs: people, who they meet, where they live, and whose data it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from causal_lpm.agents import ContactMatrices, FreshRandom, Groups, Layer, Population
from causal_lpm.agents.columns import whole_numbers
from causal_lpm.validate import known, whole_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COMMUNITY", "MEETING", "SyntheticPopulation"]

COMMUNITY = 4
"""Chance meetings a day of each agent."""
OLDEST = 150
"""No age in a table is above."""
MEETING = {"household": ("household",), "school": ("classroom", "school"), "workplace": ("team", "workplace")}
"""Setting -> columns in whose groups everybody meets; the first of them that is there."""


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
        contacts: Contacts a day by age and setting of the country, made reciprocal with the ages of these people
            (`contacts.change` says by how much); none in a population of one's own.
        attribution: Origin and licence of the tables.
    """

    name: str
    people: Population
    networks: Mapping[str, Layer]
    places: Mapping[str, tuple[str, ...]]
    outlines: Mapping[str, str]
    contacts: ContactMatrices | None
    attribution: str

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        name: str = "own",
        *,
        required: Iterable[str] = (),
        places: Iterable[str] | None = None,
        outlines: Mapping[str, str] | None = None,
        community: int = COMMUNITY,
        attribution: str = "",
    ) -> SyntheticPopulation:
        """A population from one's own table with one row an agent.

        Everybody meets everybody in the groups of the columns `household`, `classroom` (else `school`) and `team` (else
        `workplace`), where the table has them: numbers from 0, in any order and with gaps, -1 for none; or text.

        Args:
            frame: The table; `age` in whole years, if there is one.
            name: Of the population.
            required: Columns that must be there.
            places: Text columns that say where agents live; all text columns that are no groups, if not given.
            outlines: Column -> packaged outlines, or the path of a GeoJSON file, for maps.
            community: Chance meetings a day of each agent; 0: none.
            attribution: Whose data it is.

        Raises:
            ValueError: a column that is not there, missing values, groups or ages that are no whole numbers from -1 or
                0, places that are no text, outlines of a column that has no places, no network at all.

        >>> import pandas as pd
        >>> table = pd.DataFrame({"age": [30, 31, 4], "household": [7, 7, 9], "town": ["Ely", "Ely", "Bath"]})
        >>> own = SyntheticPopulation.from_frame(table)
        >>> own.places, list(own.networks)
        ({'town': ('Bath', 'Ely')}, ['household', 'community'])
        >>> SyntheticPopulation.from_frame(table.assign(household=[0.5, 1, 2]))
        Traceback (most recent call last):
        ValueError: household is [0.5, 1.0, 2.0] of type torch.float64: give whole numbers, ...
        """
        groups = [column for columns in MEETING.values() for column in columns if column in frame.columns]
        for column in groups:
            if empty := int(frame[column].isna().sum()):
                raise ValueError(f"column {column!r} has {empty} missing values: write -1 for who is in none.")
        people = Population.from_frame(frame, dict.fromkeys([*required, *map(str, frame.columns)]))
        limits = dict.fromkeys(groups, (-1, 2**63 - 1, torch.int64)) | {"age": (0, OLDEST, torch.int32)}
        whole = {
            column: whole_numbers(column, people[column], *limit)
            for column, limit in limits.items()
            if column in people and column not in people.labels
        }
        people = people.with_attributes(**whole)
        networks: dict[str, Layer] = {}
        for setting, columns in MEETING.items():
            if there := [column for column in columns if column in people]:
                networks[setting] = Groups(people[there[0]])
        if whole_number("community", community, 0):
            networks["community"] = FreshRandom(torch.full((people.size,), community), name="community")
        if not networks:
            raise ValueError(
                "nobody meets anybody: give the table one of the columns 'household', 'school' and 'workplace', or "
                "community=, a number of chance meetings a day."
            )
        text = [column for column in people.labels if column not in groups]
        where = text if places is None else list(places)
        for column in where:
            known("column of places", column, text)
        for column in outlines or {}:
            known("column of places", column, where)
        named = {column: people.labels[column] for column in where}
        return cls(name, people, networks, named, dict(outlines or {}), None, attribution)

    @property
    def size(self) -> int:
        """The number of agents."""
        return self.people.size

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        where = ", ".join(f"{len(labels)} of {column}" for column, labels in self.places.items())
        return f"<{self.name}: {self.size:,} agents; {where or 'no places'}; networks {', '.join(self.networks)}>"
