"""The force of infection in the settings of a population, each with its weight and its closure."""

import torch

from causal_lpm.ops import exposure
from causal_lpm.templates.closures import open_share
from causal_lpm.templates.needs import TemplatePopulation, meeting_places
from causal_lpm.typing import State

__all__ = ["Spread"]

WEIGHTS = {"household": 3.0, "school": 0.6, "workplace": 0.6}
"""How much a contact transmits, 0.3 elsewhere. Source: Kerr et al. 2021, doi:10.1371/journal.pcbi.1009149."""


class Spread:
    """Who meets whom in which setting, and how much a contact there transmits.

    Args:
        population: With at least one network.

    >>> from types import SimpleNamespace
    >>> from causal_lpm.agents import Groups, Population
    >>> people = Population({"age": torch.zeros(3)})
    >>> home = Groups(torch.tensor([0, 0, 1]))
    >>> spread = Spread(SimpleNamespace(people=people, networks={"household": home}, places={}))
    >>> spread.contacts, spread.force({}, torch.tensor([True, False, False]))
    (tensor(2.), tensor([0., 3., 0.]))
    """

    def __init__(self, population: TemplatePopulation) -> None:
        self.layers = meeting_places(population)
        self.weights = {setting: WEIGHTS.get(setting, 0.3) for setting in self.layers}

    @property
    def contacts(self) -> torch.Tensor:
        """Mean weighted contacts of an agent, by which `r0` is divided, float32 `[]`."""
        return torch.stack([weight * self.layers[name].degree().mean() for name, weight in self.weights.items()]).sum()

    def force(self, s: State, infectious: torch.Tensor, **taking_place: torch.Tensor) -> torch.Tensor:
        """Weighted infectious contacts of each agent today, float32 `[*dims, agents]`.

        Args:
            s: State with `t` and the entries of `closures`.
            infectious: Who is, bool, or how much each sends, float32, `[*dims, agents]`.
            **taking_place: Setting -> share of its contacts that takes place today, beside closures.
        """
        met = exposure(self.layers, infectious)
        shares = {name: open_share(s, name) * taking_place.get(name, 1.0) for name in self.layers}
        first, *others = (weight * shares[name] * met[name] for name, weight in self.weights.items())
        for force in others:  # one after the other: the same sum in every world
            first = first + force
        return first
