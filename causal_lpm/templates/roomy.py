"""A population of a template with empty places, into which people can be born, and whom they meet."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from causal_lpm.agents import Groups, Layer, Population, with_places
from causal_lpm.ops import exposure
from causal_lpm.templates.needs import TemplatePopulation, by_place, needs
from causal_lpm.templates.parameters import parameter

__all__ = ["Roomy", "roomy"]


@dataclass(frozen=True)
class Roomy:
    """People and empty places, by place of residence; the networks of the people alone are not theirs."""

    people: Population
    places: Mapping[str, tuple[str, ...]]
    networks: Mapping[str, Layer] = field(default_factory=dict)

    def share_met(self, infectious: torch.Tensor, alive: torch.Tensor, at_home: torch.Tensor) -> torch.Tensor:
        """The share of the infectious among those whom each agent meets, float32 `[*dims, places]`.

        Args:
            infectious: bool `[*dims, places]`.
            alive: bool `[*dims, places]`.
            at_home: Share of contacts within the place of residence; all others are anywhere.
        """
        anywhere = Groups(torch.zeros(self.people.size, dtype=torch.int64))
        found = exposure(anywhere, infectious) / exposure(anywhere, alive).clamp(min=1)
        if not (counted := by_place(self)):
            return found
        own = Groups(counted["by"])
        return at_home * exposure(own, infectious) / exposure(own, alive).clamp(min=1) + (1 - at_home) * found


def roomy(population: TemplatePopulation, room: float) -> Roomy:
    """The population with so many places for each of its people.

    Args:
        population: With the column `age`.
        room: At least 1.

    >>> from types import SimpleNamespace
    >>> few = SimpleNamespace(people=Population({"age": torch.zeros(10)}), networks={}, places={})
    >>> roomy(few, room=1.2).people.size
    12
    """
    needs(population, columns=["age"])
    capacity = round(population.people.size * float(parameter("room", room, 1)))
    return Roomy(with_places(population.people, capacity), population.places)
