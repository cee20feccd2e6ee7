"""What every network layer can do, and sums of layers."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TypeAlias

import torch
from torch import Tensor

from causal_lpm.ops.population import Address, join_ranges

__all__ = ["Follow", "Layer", "Layers", "RangeLayer", "messages", "singles", "stretches"]

Follow: TypeAlias = Callable[["Layer", Tensor], Tensor]
"""Sums messages over a layer, perhaps from what it was asked last."""


class Layer(ABC):
    """What every network layer can do; immutable."""

    agents: int

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.agents:,} agents>"

    @property
    def fractional(self) -> bool:
        """Whether sums are fractions even of whole messages, as contacts by a matrix are."""
        return False

    @abstractmethod
    def total(self, x: Tensor) -> Tensor:
        """The sum of x over each agent's contacts `[*dims, agents]`.

        int32 of bool, else the type of x; float32 of whole numbers where the layer is `fractional`.
        """

    @abstractmethod
    def degree(self) -> Tensor:
        """The expected number of contacts, float32 `[agents]`."""

    def contacts(self, agents: Tensor, rows: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Whom some agents meet, in all of whose rows a fresh layer has other contacts.

        Args:
            agents: int64 `[n]`; no two the same in a row.
            rows: int64 `[n]`, the number of the row of each among all of `dims`, flattened.
            dims: Sizes of the dimensions left of the agents.

        Returns:
            Place in `agents` and number of the other one, int64 `[contacts]` each; whom one meets twice is there twice.

        Raises:
            ValueError: a layer that cannot say who meets whom.
        """
        raise ValueError(
            f"a {type(self).__name__} says how many an agent meets, and not whom: give it a method contacts, as "
            "causal_lpm.agents.Layer has it, or another network."
        )

    def met(self, who: Tensor) -> Tensor:
        """Who meets at least one of those in `who`, bool `[*dims, agents]` as it is; the work goes by their contacts.

        Raises:
            ValueError: a layer that cannot say who meets whom.
        """
        rows, agents = who.reshape(-1, who.shape[-1]).nonzero().unbind(-1)
        place, other = self.contacts(agents, rows, tuple(who.shape[:-1]))
        found = torch.zeros(who.numel(), dtype=torch.bool, device=who.device)
        found[rows[place] * who.shape[-1] + other] = True
        return found.reshape(who.shape)

    @property
    def noise_names(self) -> tuple[str, ...]:
        """Names of the noise that makes the layer fresh; two layers of one name would have the same contacts."""
        name = getattr(self, "name", None)
        return () if name is None else (name,)

    def part(self, first: int, here: int) -> Layer:
        """The layer of a process that holds `here` agents from `first` on: messages of all agents, sums of these."""
        return Part(self, first, here)

    def of_range(self, address: Address) -> RangeLayer:
        """The layer of a process that holds these agents and speaks to those that hold the others."""
        return Whole(self, address)

    def to(self, device: torch.device | str) -> Layer:
        """The same layer with its tensors on another device."""
        moved = copy.copy(self)
        kept = [f.name for f in fields(self)]  # type: ignore[arg-type]  # every concrete layer is a dataclass
        for name in set(vars(moved)) - set(kept):
            del moved.__dict__[name]  # what was found on the old device, and is kept
        for name in kept:
            value = getattr(self, name)
            if isinstance(value, Tensor):
                object.__setattr__(moved, name, value.to(device))
        return moved

    def __add__(self, other: Layer) -> Layers:
        if not isinstance(other, Layer):
            return NotImplemented
        return Layers((*singles(self), *singles(other)))

    def _set(self, **derived: object) -> None:
        for name, value in derived.items():
            object.__setattr__(self, name, value)


class RangeLayer(ABC):
    """What a process that holds a range of the agents makes of a layer: the sums of those held here.

    All ranges ask for them together, since they speak to each other.
    """

    @abstractmethod
    def total(self, x: Tensor, follow: Follow) -> Tensor:
        """The sums `[*dims, here]` of what contacts send, wherever they are.

        Args:
            x: bool or int64 `[*dims, here]`: what the agents here send.
            follow: Sums over a layer that stays the same.
        """


class Whole(RangeLayer):
    """The layer itself, which every range sums for everybody: right for every layer, and divides no work."""

    def __init__(self, layer: Layer, address: Address) -> None:
        self.layer, self.first, self.here = layer, address.first, address.here

    def total(self, x: Tensor, follow: Follow) -> Tensor:
        return follow(self.layer, join_ranges(x)).narrow(-1, self.first, self.here)


def singles(layer: Layer) -> tuple[Layer, ...]:
    """The layers of which a sum is made, or the one that it is."""
    return tuple(one for part in layer.networks for one in singles(part)) if isinstance(layer, Layers) else (layer,)


@dataclass(frozen=True, eq=False, repr=False)
class Layers(Layer):
    """Several layers as one network; contacts in more than one layer count in each.

    Args:
        networks: at least one layer, all of the same agents.

    Raises:
        ValueError: no layer, different numbers of agents, or two fresh layers of one name (they would share noise).

    >>> from causal_lpm.agents import Graph, Groups
    >>> both = Groups(torch.tensor([0, 0, 1])) + Graph.from_edges(torch.tensor([0]), torch.tensor([2]), 3)
    >>> both.total(torch.tensor([1, 10, 100]))
    tensor([110,   1,   1])
    """

    networks: tuple[Layer, ...]
    agents: int = field(init=False)

    def __post_init__(self) -> None:
        if not self.networks:
            raise ValueError("Layers got no network: give at least one.")
        sizes = [network.agents for network in self.networks]
        if len(set(sizes)) > 1:
            raise ValueError(f"the layers connect {sizes} agents: all must connect the same number of agents.")
        names = self.noise_names
        if len(set(names)) < len(names):
            raise ValueError(f"the fresh layers are named {names}: give each its own name, or they share their noise.")
        self._set(agents=sizes[0])

    @property
    def noise_names(self) -> tuple[str, ...]:
        return tuple(name for network in self.networks for name in network.noise_names)

    @property
    def fractional(self) -> bool:
        return any(network.fractional for network in self.networks)

    def total(self, x: Tensor) -> Tensor:
        result = self.networks[0].total(x)
        for network in self.networks[1:]:
            result = result + network.total(x)
        return result

    def degree(self) -> Tensor:
        return torch.stack([network.degree() for network in self.networks]).sum(0)

    def contacts(self, agents: Tensor, rows: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        pairs = [network.contacts(agents, rows, dims) for network in self.networks]
        return torch.cat([place for place, _ in pairs]), torch.cat([other for _, other in pairs])

    def part(self, first: int, here: int) -> Layers:
        return Layers(tuple(network.part(first, here) for network in self.networks))

    def to(self, device: torch.device | str) -> Layers:
        return Layers(tuple(network.to(device) for network in self.networks))


@dataclass(frozen=True, eq=False, repr=False)
class Part(Layer):
    """The sums of some agents, from those of all: right for every layer, and as much work as those of all.

    Args:
        network: the layer.
        first: number of the first of these agents.
        here: how many they are.
    """

    network: Layer
    first: int
    here: int

    @property
    def agents(self) -> int:  # type: ignore[override]
        return self.network.agents

    @property
    def noise_names(self) -> tuple[str, ...]:
        return self.network.noise_names

    @property
    def fractional(self) -> bool:
        return self.network.fractional

    def total(self, x: Tensor) -> Tensor:
        return self.network.total(x).narrow(-1, self.first, self.here)

    def degree(self) -> Tensor:
        return self.network.degree().narrow(-1, self.first, self.here)

    def to(self, device: torch.device | str) -> Part:
        return Part(self.network.to(device), self.first, self.here)


def messages(layer: Layer, x: Tensor) -> Tensor:
    """`x` if it is bool, int64 or float with the layer's agents last; else raises ValueError."""
    if x.shape[-1:] != (layer.agents,) or not (x.dtype in (torch.bool, torch.int64) or x.is_floating_point()):
        raise ValueError(
            f"got messages of shape {tuple(x.shape)} and type {x.dtype} for {layer.agents} agents: "
            "give bool, int64 or floats with the agents last; causal_lpm.exposure turns any number into such messages."
        )
    return x


def stretches(begin: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers of several stretches, and which stretch each belongs to; both int64.

    >>> stretches(torch.tensor([5, 0]), torch.tensor([2, 1]))
    (tensor([0, 0, 1]), tensor([5, 6, 0]))
    """
    place = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    within = torch.arange(len(place), device=count.device) - (count.cumsum(0) - count)[place]
    return place, begin[place] + within
