"""Contacts that stay the same: groups in which everybody meets, and graphs given or drawn once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from causal_lpm.agents.fresh_networks import FreshRandom, FreshWattsStrogatz
from causal_lpm.agents.layers import MOST, Layer, integers, messages
from causal_lpm.kernels import graph_change, graph_total, group_total, hashing, ring_edges, stub_edges
from causal_lpm.kernels.building import Edges, compressed_rows
from causal_lpm.validate import fits_in_memory

__all__ = ["Graph", "Groups", "random_graph", "watts_strogatz"]

_BLOCK = 1 << 16  # edges worked on at a time: few enough for the cache of a core


@dataclass(frozen=True, eq=False)
class Groups(Layer):
    """Everybody meets everybody else in the group: households, workplaces, classes.

    Args:
        group: integers `[agents]`, the number of each agent's group from 0; -1: in no group.

    Raises:
        ValueError: not integers, not one-dimensional, no agents, or numbers outside -1 ... 2**31 - 2.

    >>> Groups(torch.tensor([0, 0, 0, 1])).total(torch.tensor([1, 2, 4, 8]))
    tensor([6, 5, 3, 0])
    """

    group: Tensor
    agents: int = field(init=False)
    groups: int = field(init=False)

    def __post_init__(self) -> None:
        group = integers("group", self.group, lowest=-1, highest=MOST - 1)
        self._set(group=group, agents=group.shape[0], groups=int(group.max()) + 1)

    def total(self, x: Tensor) -> Tensor:
        return group_total(messages(self, x), self.group, self.groups)

    def degree(self) -> Tensor:
        return self.total(torch.ones(self.agents, dtype=torch.int64, device=self.group.device)).float()


@dataclass(frozen=True, eq=False)
class Graph(Layer):
    """Fixed contacts, each stored at both of its ends (compressed rows); usually made by `Graph.from_edges`.

    Args:
        indptr: integers `[agents + 1]`, where each agent's neighbours begin in `neighbours`.
        neighbours: integers `[2 * edges]`; an edge given twice counts twice.

    Raises:
        ValueError: rows that do not fit together, agents out of range, or an edge that lacks its other direction.

    >>> Graph.from_edges(torch.tensor([0, 1]), torch.tensor([1, 2]), agents=4).total(torch.tensor([1, 2, 4, 8]))
    tensor([2, 5, 2, 0])
    """

    indptr: Tensor
    neighbours: Tensor
    agents: int = field(init=False)

    def __post_init__(self) -> None:
        indptr = integers("indptr", self.indptr, lowest=0, dtype=torch.int64)
        agents = indptr.shape[0] - 1
        neighbours = integers("neighbours", self.neighbours, lowest=0, highest=agents - 1, empty=True)
        if agents < 1 or indptr[0] != 0 or indptr[-1] != neighbours.shape[0] or bool((indptr.diff() < 0).any()):
            raise ValueError(
                f"indptr must rise from 0 to the {neighbours.shape[0]} neighbours in agents + 1 entries: "
                "build the graph with Graph.from_edges(src, dst, agents)."
            )
        if not _symmetric(indptr, neighbours):
            raise ValueError("some edge stands at one of its ends only: build the graph with Graph.from_edges.")
        self._set(indptr=indptr, neighbours=neighbours, agents=agents)

    @classmethod
    def from_edges(cls, src: Tensor, dst: Tensor, agents: int) -> Graph:
        """A graph from undirected edges, each given once, in any direction; edges of an agent to itself are dropped.

        Args:
            src: integers `[edges]`, one end.
            dst: integers `[edges]`, the other end.
            agents: number of agents.

        Raises:
            ValueError: no agents, ends out of range, or src and dst of different length.

        >>> Graph.from_edges(torch.tensor([0, 2]), torch.tensor([1, 2]), agents=3).degree()
        tensor([1., 1., 0.])
        """
        _check_size(agents, torch.as_tensor(src).numel())
        src = integers("src", src, lowest=0, highest=agents - 1, empty=True)
        dst = integers("dst", dst, lowest=0, highest=agents - 1, empty=True)
        if src.shape != dst.shape:
            raise ValueError(f"src has {src.shape[0]} ends and dst {dst.shape[0]}: every edge needs both.")
        return cls._of(lambda: [(src, dst)], agents)

    @classmethod
    def _of(cls, edges: Edges, agents: int) -> Graph:
        """A graph from edges that are known to be in range."""
        graph = cls.__new__(cls)  # without the constructor's checks: these rows fit, and are made faster than checked
        # By row, and ascending inside it: close neighbours are close in memory, and equal graphs are stored equally.
        indptr, neighbours = compressed_rows(edges, agents)
        graph._set(indptr=indptr, neighbours=neighbours, agents=agents)
        return graph

    def total(self, x: Tensor) -> Tensor:
        return graph_total(messages(self, x), self.indptr, self.neighbours)

    def changed_total(self, total: Tensor, before: Tensor, x: Tensor) -> Tensor:
        """`total` of the messages `before`, brought up to date with `x` in place."""
        return graph_change(total, before, messages(self, x), self.indptr, self.neighbours)

    def degree(self) -> Tensor:
        return self.indptr.diff().float()


def watts_strogatz(agents: int, degree: float, rewire: float, seed: int) -> Graph:
    """A small world that stays the same: a ring of neighbours, some of them replaced by agents from anywhere.

    Args:
        agents: number of agents, in ring order.
        degree: expected degree, at most agents - 1; half of it may be a fraction, then its part of the edges exists.
        rewire: probability that an edge is rewired to a uniform agent outside the lattice neighbourhood.
        seed: any integer; the same seed gives the same graph.

    Raises:
        ValueError: degree outside 0 ... agents - 1, rewire outside [0, 1].

    Source: Watts and Strogatz (1998), Collective dynamics of small-world networks, Nature 393.

    >>> watts_strogatz(100, degree=4, rewire=0.1, seed=1).degree().mean()
    tensor(4.)
    """
    classes = torch.zeros(max(agents, 0), dtype=torch.int32)
    fresh = FreshWattsStrogatz(classes, torch.tensor([float(degree)]), rewire, "static")
    src, dst, exists = ring_edges(_key(seed, "watts_strogatz"), *fresh.ring, rewire)
    return Graph.from_edges(src[exists], dst[exists], agents)


def random_graph(
    agents: int,
    mean_degree: float | None = None,
    degrees: Tensor | Sequence[int] | None = None,
    *,
    seed: int,
) -> Graph:
    """A random graph that stays the same, with a given mean degree or (nearly) given degrees.

    Give one of the two. With `mean_degree`, round(agents * mean_degree / 2) edges between uniform pairs of different
    agents: degrees are close to Poisson. With `degrees`, the configuration model: stubs are paired at random and pairs
    of one agent with itself are dropped, so that a degree can end up slightly below what was asked for.

    Args:
        agents: number of agents.
        mean_degree: expected degree.
        degrees: integers `[agents]`.
        seed: any integer; the same seed gives the same graph.

    Raises:
        ValueError: both or none of the two, a negative or NaN degree, the wrong length, fewer than two agents.

    >>> random_graph(100, mean_degree=4, seed=1).degree().mean()
    tensor(4.)
    """
    if (mean_degree is None) == (degrees is None):
        raise ValueError("random_graph needs either mean_degree or degrees: give exactly one of them.")
    key = _key(seed, "random_graph")
    if degrees is not None:
        fresh = FreshRandom(torch.as_tensor(degrees), name="static")
        if fresh.agents != agents:
            raise ValueError(f"degrees has {fresh.agents} entries for {agents} agents: give one an agent.")
        src, dst = stub_edges(key, fresh.owner, chain=False)
        return Graph.from_edges(src, dst, agents)
    if agents < 2 or mean_degree is None or not 0 <= mean_degree <= agents - 1:
        raise ValueError(
            f"mean_degree is {mean_degree} for {agents} agents: give at least two agents and 0 to agents - 1."
        )
    pairs = round(agents * mean_degree / 2)
    _check_size(agents, pairs)

    def edges() -> Iterator[tuple[Tensor, Tensor]]:
        for begin in range(0, max(pairs, 1), _BLOCK):
            number = torch.arange(begin, min(begin + _BLOCK, pairs))
            first = hashing.below(hashing.bits(key, 2 * number), agents)
            gap = 1 + hashing.below(hashing.bits(key, 2 * number + 1), agents - 1)
            yield first.int(), ((first + gap) % agents).int()

    return Graph._of(edges, agents)


def _check_size(agents: int, edges: int) -> None:
    if not 1 <= agents < MOST:
        raise ValueError(f"a graph of {agents} agents was asked for: give at least 1 and fewer than 2**31 - 1.")
    fits_in_memory(f"{edges:.3g} contacts of {agents:.3g} agents", 8 * (agents + edges))


def _symmetric(indptr: Tensor, neighbours: Tensor) -> bool:
    """Whether each pair of agents stands in the rows as often in one order as in the other."""
    # The sum of a hash over all pairs is the same in both directions if the pairs are (else: by chance 2**-64).
    agents, there_less_back = indptr.shape[0] - 1, torch.zeros((), dtype=torch.int64, device=indptr.device)
    for begin in range(0, neighbours.shape[0], _BLOCK):
        other = neighbours[begin : begin + _BLOCK].long()
        entry = torch.arange(begin, begin + other.shape[0], device=indptr.device)
        owner = torch.searchsorted(indptr, entry, right=True) - 1
        there_less_back += (hashing.mix(owner * agents + other) - hashing.mix(other * agents + owner)).sum()
    return not bool(there_less_back)


def _key(seed: int, name: str) -> Tensor:
    return hashing.stream(torch.tensor([hashing.signed(seed % 2**64)]), name, 0)
