"""What a template needs of a population, and one sentence where it is not there."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypedDict

import torch

from causal_lpm.agents import Layer, Population
from causal_lpm.validate import did_you_mean

__all__ = ["SETTINGS", "Counted", "TemplatePopulation", "by_place", "meeting_places", "needs"]

SETTINGS = ("household", "school", "workplace", "community")
"""Names of networks, in the order in which templates use them."""
OLDEST = 120
"""Years."""


class TemplatePopulation(Protocol):
    """People, who they meet, and where they live.

    Attributes:
        people: The agents.
        networks: Setting -> layer, of the settings `household`, `school`, `workplace`, `community` that there are.
        places: Column of `people` -> labels of the places that it numbers; templates count by the first.
    """

    @property
    def people(self) -> Population: ...
    @property
    def networks(self) -> Mapping[str, Layer]: ...
    @property
    def places(self) -> Mapping[str, tuple[str, ...]]: ...


class Counted(TypedDict, total=False):
    """The arguments by which `tally` counts by place."""

    by: torch.Tensor
    groups: int


def needs(population: TemplatePopulation, columns: Sequence[str] = (), networks: Iterable[str] = ()) -> None:
    """Raises ValueError unless the population has these columns and networks, and ages are years.

    >>> from types import SimpleNamespace
    >>> here = SimpleNamespace(people=Population({"ages": torch.zeros(3)}), networks={}, places={})
    >>> needs(here, columns=["age"])
    Traceback (most recent call last):
    ValueError: the population has no column 'age', which this model needs: did you mean 'ages'?
    """
    for what, wanted, there in (
        ("column", columns, population.people.attributes),
        ("network", networks, population.networks),
    ):
        for name in wanted:
            if name not in there:
                raise ValueError(
                    f"the population has no {what} {name!r}, which this model needs: {did_you_mean(name, there)}"
                )
    if "age" in columns:
        youngest, oldest = population.people["age"].aminmax()
        if youngest < 0 or oldest > OLDEST:
            raise ValueError(f"there are ages from {youngest:g} to {oldest:g}: give years, from 0 to {OLDEST}.")
    for name, layer in population.networks.items():
        if layer.agents != population.people.size:
            raise ValueError(
                f"the network {name!r} connects {layer.agents} agents and the population has "
                f"{population.people.size}: make both for the same people."
            )


def meeting_places(population: TemplatePopulation) -> dict[str, Layer]:
    """The networks that the population has, households first, then those of other names.

    Raises:
        ValueError: it has none.
    """
    found = {name: population.networks[name] for name in SETTINGS if name in population.networks}
    found |= {name: layer for name, layer in population.networks.items() if name not in found}
    if not found:
        raise ValueError(
            "the population has no network, so that nobody meets anybody: give it at least one of "
            f"{', '.join(map(repr, SETTINGS))}."
        )
    needs(population)
    return found


def by_place(population: TemplatePopulation) -> Counted:
    """The arguments by which `tally` counts by the first column of places; none where there is no such column.

    >>> from types import SimpleNamespace
    >>> people = Population({"district": torch.tensor([0, 1, 1])})
    >>> by_place(SimpleNamespace(people=people, networks={}, places={"district": ("North", "South")}))
    {'by': tensor([0, 1, 1]), 'groups': 2}
    """
    for column, labels in population.places.items():
        needs(population, columns=[column])
        return {"by": population.people[column], "groups": len(labels)}
    return {}
