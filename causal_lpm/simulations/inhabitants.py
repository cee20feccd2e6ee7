"""Whoever lives in a simulation: a population by name, of one's own, or one that a template brings along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from causal_lpm.agents import ContactMatrices, FreshRandom, Groups, Layer, Population
from causal_lpm.validate import known, whole_number

__all__ = ["MET_BY_CHANCE", "Inhabitants", "inhabitants"]

COLUMNS = ("household", "school", "workplace")
MET_BY_CHANCE = 4
"""Chance contacts a day, drawn afresh, of everybody in a population that says nothing of them."""


@dataclass(frozen=True, eq=False)
class Inhabitants:
    """Who lives in a simulation, as templates take them.

    Attributes:
        name: For tables and charts.
        people: The agents.
        networks: Setting -> layer.
        places: Column of `people` -> labels of the places that it numbers; what happens is counted by the first.
        outlines: Column of `people` -> packaged data set with the outlines of its places.
        attribution: Origin and licence of the tables that they were made from.
        contacts: Contacts a day by age and setting, of a population by name; none in one's own.
    """

    name: str
    people: Population
    networks: Mapping[str, Layer]
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outlines: Mapping[str, str] = field(default_factory=dict)
    attribution: str = ""
    contacts: ContactMatrices | None = None


def inhabitants(population: Any, agents: int | None, seed: int, by: str | None) -> Inhabitants:
    """The population that was asked for.

    Args:
        population: A name of `causal_lpm.populations`, a table of pandas as `SyntheticPopulation.from_frame` takes it,
            a `Population`, or anything with `people`, `networks` and `places`. In a `Population`, the columns
            `household`, `school` and `workplace` number the groups of each agent (-1: in none), everybody has four
            chance contacts a day, and text columns are places.
        agents: How many, of a population by name; as many as there are persons, if not given.
        seed: Of a population by name.
        by: Column of places by which the simulation counts; the first, if not given.

    Raises:
        ValueError: an unknown name or column; a number of agents that a population of one's own does not have.
        TypeError: something else.
    """
    if isinstance(population, str):
        from causal_lpm.populations import population as made

        found: Any = made(population, agents=agents, seed=seed)
    elif hasattr(population, "columns"):  # a table of pandas
        from causal_lpm.populations import SyntheticPopulation

        found = SyntheticPopulation.from_frame(population)
    elif isinstance(population, Population):
        found = _of_columns(population)
    elif all(hasattr(population, part) for part in ("people", "networks", "places")):
        found = population
    else:
        raise TypeError(
            f"the population is a {type(population).__name__}: give a name such as 'nyc', a Population, or an object "
            "with people, networks and places."
        )
    if agents is not None and whole_number("agents", agents) != found.people.size:
        raise ValueError(
            f"agents is {agents}, and the population that was given has {found.people.size}: leave agents out."
        )
    return Inhabitants(
        str(getattr(found, "name", "") or "population of one's own"),
        found.people,
        found.networks,
        _first(found.places, by),
        dict(getattr(found, "outlines", {})),
        str(getattr(found, "attribution", "")),
        getattr(found, "contacts", None),
    )


def _of_columns(people: Population) -> Inhabitants:
    networks: dict[str, Layer] = {name: Groups(people[name]) for name in COLUMNS if name in people}
    stubs = torch.full((people.size,), MET_BY_CHANCE, dtype=torch.int32, device=people.device)
    networks["community"] = FreshRandom(stubs, name="community")
    return Inhabitants("", people, networks, dict(people.labels))


def _first(places: Mapping[str, tuple[str, ...]], by: str | None) -> dict[str, tuple[str, ...]]:
    """The same with the column by which is counted in front."""
    if by is None:
        return dict(places)
    known("column of places", by, places)
    return {by: places[by], **places}
