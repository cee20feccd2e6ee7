"""Contacts that stay the same: groups in which everybody meets, and graphs of given contacts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from causal_lpm.agents.columns import MOST, whole_numbers
from causal_lpm.agents.layers import Layer, messages, stretches
from causal_lpm.agents.ranges.graph_range import GraphRange
from causal_lpm.agents.ranges.group_range import GroupRange
from causal_lpm.kernels import graph_change, graph_total, group_total, hashing
from causal_lpm.kernels.building import Edges, compressed_rows
from causal_lpm.ops.population import Address, own_part
from causal_lpm.validate import fits_in_memory

__all__ = ["Graph", "Groups"]

BLOCK = 1 << 16
"""Edges worked on at a time: few enough for the cache of a core."""


@dataclass(frozen=True, eq=False, repr=False)
class Groups(Layer):
    """Everybody meets everybody else in the group: households, workplaces, classes.

    Args:
        group: integers `[agents]`, the number of each agent's group from 0; -1: in no group. Large numbers,
            such as official serial numbers, cost no memory: they are renumbered from 0, in their order.

    Raises:
        ValueError: not integers, not one-dimensional, no agents, or a number below -1.

    >>> Groups(torch.tensor([0, 0, 0, 1])).total(torch.tensor([1, 2, 4, 8]))
    tensor([6, 5, 3, 0])
    """

    group: Tensor
    agents: int = field(init=False)
    groups: int = field(init=False)

    def __post_init__(self) -> None:
        group = whole_numbers("group", self.group, -1, 2**63 - 1, torch.int64, people="groups")
        if int(group.max()) >= group.shape[0]:
            found, group = torch.unique(group, return_inverse=True)
            group = group - int(found[0] < 0)  # in no group is the smallest number, where it is there
        groups = int(group.max()) + 1
        self._set(group=group.to(torch.int32, copy=True), agents=group.shape[0], groups=groups)

    def total(self, x: Tensor) -> Tensor:
        return group_total(messages(self, x), self.group, self.groups)

    def of_range(self, address: Address) -> GroupRange:
        """See `Layer.of_range`; only sums of groups that have members in several ranges travel."""
        return GroupRange(own_part(self.group), address, Groups)

    def degree(self) -> Tensor:
        return self.total(torch.ones(self.agents, dtype=torch.int64, device=self.group.device)).float()

    @cached_property
    def _members(self) -> tuple[Tensor, Tensor, Tensor]:
        """All agents in the order of their groups; where each group begins, and its size. First are those in none."""
        size = torch.bincount(self.group.long() + 1, minlength=self.groups + 1)
        return torch.argsort(self.group, stable=True), size.cumsum(0) - size, size

    def met(self, who: Tensor) -> Tensor:
        # Each group once, however many of them are in it: in pairs, a large group would take the square of its size.
        rows, agents = who.reshape(-1, self.agents).nonzero().unbind(-1)
        own = self.group[agents].long() + 1
        rows, own = rows[own > 0], own[own > 0]
        places, count = torch.unique(rows * (self.groups + 1) + own, return_counts=True)
        members, begin, size = self._members
        rows, own = places // (self.groups + 1), places % (self.groups + 1)
        place, at = stretches(begin[own], size[own])
        found = torch.zeros(who.numel(), dtype=torch.bool, device=who.device)
        other = rows[place] * self.agents + members[at]
        found[other] = ~who.reshape(-1)[other] | (count[place] > 1)  # nobody meets himself
        return found.reshape(who.shape)

    def contacts(self, agents: Tensor, rows: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        members, begin, size = self._members
        own = self.group[agents].long() + 1
        place, at = stretches(begin[own], torch.where(own > 0, size[own], 0))
        other = members[at]
        apart = other != agents[place]
        return place[apart], other[apart]


@dataclass(frozen=True, eq=False, repr=False)
class Graph(Layer):
    """Fixed contacts, each stored at both of its ends (compressed rows); usually made by `Graph.from_edges`.

    Args:
        indptr: integers `[agents + 1]`, where each agent's neighbours begin in `neighbours`.
        neighbours: integers `[2 * edges]`; an edge given twice counts twice.

    Raises:
        ValueError: rows that do not fit together, agents out of range, an agent who is its own neighbour, or an edge
            that lacks its other direction.

    >>> Graph.from_edges(torch.tensor([0, 1]), torch.tensor([1, 2]), agents=4).total(torch.tensor([1, 2, 4, 8]))
    tensor([2, 5, 2, 0])
    """

    indptr: Tensor
    neighbours: Tensor
    agents: int = field(init=False)

    def __post_init__(self) -> None:
        indptr = whole_numbers("indptr", self.indptr, 0, 2**63 - 1, torch.int64).clone()
        agents = indptr.shape[0] - 1
        neighbours = whole_numbers("neighbours", self.neighbours, 0, agents - 1, empty=True).clone()
        if agents < 1 or indptr[0] != 0 or indptr[-1] != neighbours.shape[0] or bool((indptr.diff() < 0).any()):
            raise ValueError(
                f"indptr must rise from 0 to the {neighbours.shape[0]} neighbours in agents + 1 entries: "
                "build the graph with Graph.from_edges(src, dst, agents)."
            )
        _check_rows(indptr, neighbours)
        self._set(indptr=indptr, neighbours=neighbours, agents=agents)

    @classmethod
    def from_edges(cls, src: Any, dst: Any, agents: int, distinct: bool | None = None) -> Graph:
        """A graph from undirected edges, in any direction; edges of an agent to itself are dropped.

        Args:
            src: integers `[edges]`, one end.
            dst: integers `[edges]`, the other end.
            agents: number of agents.
            distinct: True: two agents have one contact at most, however often and in whichever direction the list has
                it. False: every entry of the list is a contact, so that one given twice counts twice. None: as False,
                but a list in which every contact stands in both directions is refused.

        Raises:
            ValueError: no agents, ends that are not whole numbers or out of range, src and dst of different length, or
                every contact given in both directions while `distinct` is None.

        >>> Graph.from_edges(torch.tensor([0, 2]), torch.tensor([1, 2]), agents=3).degree()
        tensor([1., 1., 0.])
        >>> Graph.from_edges(torch.tensor([0, 1]), torch.tensor([1, 0]), agents=3, distinct=True).degree()
        tensor([1., 1., 0.])
        """
        agents = check_size(agents)
        src = whole_numbers("src", src, 0, agents - 1, empty=True)
        dst = whole_numbers("dst", dst, 0, agents - 1, empty=True)
        if src.shape != dst.shape:
            raise ValueError(f"src has {src.shape[0]} ends and dst {dst.shape[0]}: every edge needs both.")
        check_size(agents, src.shape[0])
        if distinct:
            pair = torch.unique(torch.minimum(src, dst).long() * agents + torch.maximum(src, dst))
            src, dst = (pair // agents).int(), (pair % agents).int()
        elif distinct is None and bool((src != dst).any()) and _mutual(src, dst, agents):
            raise ValueError(
                f"the {src.shape[0]} entries of src and dst have every contact in both directions, and would count it "
                "twice: say distinct=True for one contact a pair of agents, or distinct=False if both are meant."
            )
        return cls._of(lambda: [(src, dst)], agents)

    @classmethod
    def _of(cls, edges: Edges, agents: int) -> Graph:
        """A graph from edges that are known to be in range."""
        # By row, and ascending inside it: close neighbours are close in memory, and equal graphs are stored equally.
        return cls._of_rows(*compressed_rows(edges, agents))

    @classmethod
    def _of_rows(cls, indptr: Tensor, neighbours: Tensor) -> Graph:
        """A graph from rows that are known to fit: made faster than checked."""
        graph = cls.__new__(cls)
        graph._set(indptr=indptr, neighbours=neighbours, agents=indptr.shape[0] - 1)
        return graph

    def total(self, x: Tensor) -> Tensor:
        return graph_total(messages(self, x), self.indptr, self.neighbours)

    def changed_total(self, total: Tensor, before: Tensor, x: Tensor) -> Tensor:
        """`total` of the messages `before`, brought up to date with `x` in place."""
        return graph_change(total, before, messages(self, x), self.indptr, self.neighbours)

    def most_contacts(self) -> int:
        """The largest number of contacts of an agent; no sum of bools is larger."""
        return int(self.indptr.diff().max())

    def part(self, first: int, here: int) -> GraphPart:
        """See `Layer.part`; it has the contacts of these agents only."""
        begin, end = int(self.indptr[first]), int(self.indptr[first + here])
        indptr = self.indptr[first : first + here + 1] - begin
        return GraphPart(indptr, self.neighbours[begin:end].clone(), self.agents)

    def of_range(self, address: Address) -> GraphRange:
        """See `Layer.of_range`; only messages of agents with contacts in another range travel."""
        return GraphRange(self.indptr, self.neighbours, address, Graph._of_rows)

    def degree(self) -> Tensor:
        return self.indptr.diff().float()

    def contacts(self, agents: Tensor, rows: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        place, at = stretches(self.indptr[agents], self.indptr.diff()[agents])
        return place, self.neighbours[at].long()


@dataclass(frozen=True, eq=False, repr=False)
class GraphPart(Layer):
    """The contacts of some agents, made by `Graph.part`: it takes messages of all agents and gives the sums of these.

    Args:
        indptr: int64 `[agents here + 1]`, where the neighbours of each begin.
        neighbours: int32 `[their contacts]`, numbers among all agents.
        agents: number of all agents.

    Raises:
        ValueError: messages that carry a gradient: it would have to reach agents whose contacts are elsewhere.
    """

    indptr: Tensor
    neighbours: Tensor
    agents: int

    def total(self, x: Tensor) -> Tensor:
        if x.requires_grad:
            raise ValueError("a part of a graph passes no gradients on: give the whole graph, or x.detach().")
        return graph_total(messages(self, x), self.indptr, self.neighbours)

    def degree(self) -> Tensor:
        return self.indptr.diff().float()


def check_size(agents: float, edges: float = 0) -> int:
    """The number of agents as an integer; raises ValueError for a graph that is impossible or too large."""
    if not float(agents).is_integer() or not 1 <= agents < MOST:
        raise ValueError(
            f"a graph of {agents} agents was asked for: give a whole number, at least 1 and fewer than 2**31 - 1."
        )
    fits_in_memory(f"{edges:.3g} contacts of {agents:.3g} agents", 8 * (agents + edges))
    return int(agents)


def _check_rows(indptr: Tensor, neighbours: Tensor) -> None:
    """Raises ValueError unless every edge stands equally often at both ends, and joins two agents."""
    agents, balance = indptr.shape[0] - 1, torch.zeros((), dtype=torch.int64, device=indptr.device)
    for begin in range(0, neighbours.shape[0], BLOCK):
        other = neighbours[begin : begin + BLOCK].long()
        entry = torch.arange(begin, begin + other.shape[0], device=indptr.device)
        owner = torch.searchsorted(indptr, entry, right=True) - 1
        if bool((alone := owner == other).any()):
            raise ValueError(f"agent {int(owner[alone][0])} is its own neighbour: leave such edges out.")
        balance += _more_one_way(owner, other, agents)
    if bool(balance):
        raise ValueError("some edge stands at one of its ends only: build the graph with Graph.from_edges.")


def _mutual(src: Tensor, dst: Tensor, agents: int) -> bool:
    """Whether each pair of agents is there as often in one direction as in the other."""
    blocks = zip(src.split(BLOCK), dst.split(BLOCK), strict=True)
    return not bool(sum(_more_one_way(one.long(), other.long(), agents) for one, other in blocks))


def _more_one_way(src: Tensor, dst: Tensor, agents: int) -> Tensor:
    """A sum of hashes, 0 over all pairs if each is there as often in both directions (else with chance 2**-64)."""
    return (hashing.mix(src * agents + dst) - hashing.mix(dst * agents + src)).sum()
