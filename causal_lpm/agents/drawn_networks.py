"""Graphs that are drawn once and stay the same; two agents have one contact at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from causal_lpm.agents.columns import seed_number, whole_numbers
from causal_lpm.agents.distinct_contacts import again, repaired, with_new_for_repeated
from causal_lpm.agents.fixed_networks import BLOCK, Graph, check_size
from causal_lpm.agents.fresh_networks import FreshRandom, FreshWattsStrogatz
from causal_lpm.kernels import hashing, ring_edges, stub_edges
from causal_lpm.kernels.building import compressed_rows

__all__ = ["random_graph", "watts_strogatz"]


def watts_strogatz(agents: int, degree: float, rewire: float, seed: int) -> Graph:
    """A small world that stays the same: a ring of neighbours, some of them replaced by agents from anywhere.

    Args:
        agents: number of agents, in ring order.
        degree: expected degree, at most agents - 1; where half of it has a fraction, the farthest edges exist with that
            probability.
        rewire: probability that an edge is rewired to a uniform agent outside the lattice neighbourhood; where the two
            are joined already, it is left in place.
        seed: any integer; the same seed gives the same graph.

    Raises:
        ValueError: no agents, degree outside 0 ... agents - 1, rewire outside [0, 1], a seed that is not a whole
            number.

    Source: Watts and Strogatz (1998), Collective dynamics of small-world networks, Nature 393.

    >>> watts_strogatz(100, degree=4, rewire=0.1, seed=1).degree().mean()
    tensor(4.)
    """
    agents, key = check_size(agents), _key(seed, "watts_strogatz")
    everybody = torch.zeros(agents, dtype=torch.int32)
    ring = FreshWattsStrogatz(everybody, torch.tensor([float(degree)]), rewire, "static").ring
    src, dst, exists = ring_edges(key, *ring, rewire)
    step = 1 + torch.arange(src.shape[0]) % max(src.shape[0] // agents, 1)  # edges are listed agent by agent
    lattice = (src + step) % agents
    # Opposite agents would be reached from both sides: they are drawn below, pair by pair.
    exists &= 2 * step != agents
    src, dst, lattice = src[exists], dst[exists], lattice[exists]
    dst = torch.where(again(src, dst, agents), lattice, dst)
    if agents % 2 == 0 and degree > agents - 2:
        half = torch.arange(agents // 2)
        half = half[hashing.uniform(hashing.bits(hashing.mix(key), half)) <= degree - (agents - 2)]
        src, dst = torch.cat([src, half]), torch.cat([dst, half + agents // 2])
    return Graph._of(lambda: [(src.int(), dst.int())], agents)


def random_graph(
    agents: int,
    mean_degree: float | None = None,
    degrees: Tensor | Sequence[int] | None = None,
    *,
    seed: int,
) -> Graph:
    """A random graph that stays the same, with a given mean degree or (nearly) given degrees.

    Give one of the two. With `mean_degree`, the first round(agents * mean_degree / 2) different pairs of a sequence of
    uniform pairs: all graphs with so many edges are equally likely, and degrees are close to Poisson. With `degrees`,
    the configuration model: stubs are paired at random; a pair of one agent with itself, or one that is there already,
    swaps ends with another pair. A degree can end up below what was asked for only where no such swap is found: the sum
    is odd, or no graph has these degrees.

    Args:
        agents: number of agents.
        mean_degree: expected degree.
        degrees: integers `[agents]`, at most agents - 1.
        seed: any integer; the same seed gives the same graph.

    Raises:
        ValueError: both or none of the two, a degree that is negative, NaN or above agents - 1, the wrong length, fewer
            than two agents with `mean_degree`, a seed that is not a whole number.

    Source: Erdos and Renyi (1959), On random graphs I, Publicationes Mathematicae 6; Milo et al. (2003), On the uniform
    generation of random graphs with prescribed degree sequences, arXiv:cond-mat/0312028, section "switching".

    >>> random_graph(100, mean_degree=4, seed=1).degree().mean()
    tensor(4.)
    >>> random_graph(4, mean_degree=3, seed=1).neighbours.reshape(4, 3)
    tensor([[1, 2, 3],
            [0, 2, 3],
            [0, 1, 3],
            [0, 1, 2]], dtype=torch.int32)
    """
    if (mean_degree is None) == (degrees is None):
        raise ValueError("random_graph needs either mean_degree or degrees: give exactly one of them.")
    agents, key = check_size(agents), _key(seed, "random_graph")
    if degrees is not None:
        fresh = FreshRandom(whole_numbers("degrees", degrees, 0, agents - 1), name="static")
        if fresh.agents != agents:
            raise ValueError(f"degrees has {fresh.agents} entries for {agents} agents: give one an agent.")
        src, dst = repaired(*stub_edges(key, fresh.owner, chain=False), agents, hashing.mix(key))
        return Graph._of(lambda: [(src, dst)], agents)
    if agents < 2 or mean_degree is None or not 0 <= mean_degree <= agents - 1:
        raise ValueError(
            f"mean_degree is {mean_degree} for {agents} agents: give at least two agents and 0 to agents - 1."
        )
    pairs = round(agents * mean_degree / 2)
    check_size(agents, pairs)

    def pair(number: Tensor) -> tuple[Tensor, Tensor]:
        first = hashing.below(hashing.bits(key, 2 * number), agents)
        gap = 1 + hashing.below(hashing.bits(key, 2 * number + 1), agents - 1)
        return first.int(), ((first + gap) % agents).int()

    def edges() -> Iterator[tuple[Tensor, Tensor]]:
        for begin in range(0, max(pairs, 1), BLOCK):
            yield pair(torch.arange(begin, min(begin + BLOCK, pairs)))

    return Graph._of_rows(*with_new_for_repeated(*compressed_rows(edges, agents), pair))


def _key(seed: int, name: str) -> Tensor:
    return hashing.stream(torch.tensor([hashing.signed(seed_number(seed) % 2**64)]), name, 0)
