"""Drawn graphs have a pair of agents at most once, and keep all else that they had."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causal_lpm.agents.networks import Graph, random_graph, watts_strogatz
from causal_lpm.kernels import hashing


def contacts(graph: Graph) -> list[tuple[int, int]]:
    """Every contact once, the smaller number first."""
    owner = torch.repeat_interleave(torch.arange(graph.agents), graph.indptr.diff())
    return [(a, b) for a, b in zip(owner.tolist(), graph.neighbours.tolist(), strict=True) if a < b]


def simple(graph: Graph) -> bool:
    """No contact twice, none with itself, and rows as `Graph.from_edges` makes them."""
    pairs = contacts(graph)
    rows = Graph.from_edges([a for a, _ in pairs], [b for _, b in pairs], graph.agents)
    same = torch.equal(rows.indptr, graph.indptr) and torch.equal(rows.neighbours, graph.neighbours)
    return same and len(set(pairs)) == len(pairs) == graph.neighbours.shape[0] // 2


def sequence(agents: int, seed: int) -> Iterator[tuple[int, int]]:
    """The uniform pairs of a seed: pair k has the hashes 2 k and 2 k + 1."""
    key, number = hashing.stream(torch.tensor([seed]), "random_graph", 0), 0
    while True:
        k = torch.arange(number, number := number + 1000)
        first = hashing.below(hashing.bits(key, 2 * k), agents)
        other = (first + 1 + hashing.below(hashing.bits(key, 2 * k + 1), agents - 1)) % agents
        yield from zip(torch.minimum(first, other).tolist(), torch.maximum(first, other).tolist(), strict=True)


@settings(max_examples=60)
@given(st.integers(2, 14), st.floats(0, 1), st.integers(0, 2**40))
def test_the_first_different_pairs_of_a_sequence(agents: int, share: float, seed: int) -> None:
    degree = share * (agents - 1)
    graph = random_graph(agents, mean_degree=degree, seed=seed)
    wanted, expected = round(agents * degree / 2), {}
    for pair in sequence(agents, seed):
        if len(expected) == wanted:
            break
        expected[pair] = None
    assert simple(graph)
    assert set(contacts(graph)) == set(expected)


@pytest.mark.parametrize(("agents", "degree", "seed"), [(30, 10.0, 4), (10_000, 8.0, 0), (3_000, 0.5, 2)])
def test_pairs_that_do_not_repeat_stay_what_they_were(agents: int, degree: float, seed: int) -> None:
    pairs = round(agents * degree / 2)
    drawn = [pair for _, pair in zip(range(pairs), sequence(agents, seed), strict=False)]
    graph = random_graph(agents, mean_degree=degree, seed=seed)
    assert simple(graph)
    new = set(contacts(graph)) - set(drawn)
    assert set(drawn) <= set(contacts(graph))
    assert len(new) == pairs - len(set(drawn)) == {30: 23, 10_000: 21, 3_000: 0}[agents]


@pytest.mark.parametrize("agents", [2, 3, 10, 40])
def test_everybody_meets_everybody(agents: int) -> None:
    every = agents * (agents - 1) // 2
    for graph in (
        random_graph(agents, mean_degree=agents - 1, seed=1),
        random_graph(agents, degrees=[agents - 1] * agents, seed=1),
        watts_strogatz(agents, agents - 1, 0.3, seed=1),
    ):
        assert simple(graph)
        assert len(contacts(graph)) == every


def test_every_graph_is_as_likely() -> None:
    # Three of the six pairs of four agents: twenty graphs. False alarm 1e-6, and none at the fixed seeds.
    seen = [tuple(contacts(random_graph(4, mean_degree=1.5, seed=seed))) for seed in range(1500)]
    counts = [seen.count(graph) for graph in set(seen)]
    assert len(counts) == 20
    assert stats.chisquare(counts).pvalue > 1e-6


@settings(max_examples=60)
@given(
    st.integers(2, 9).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.booleans(), min_size=n * n))), st.integers()
)
def test_degrees_of_a_graph_are_kept(of: tuple[int, list[bool]], seed: int) -> None:
    agents, there = of
    degrees = [0] * agents
    for i in range(agents):
        for j in range(i):
            degrees[i] += there[i * agents + j]
            degrees[j] += there[i * agents + j]
    graph = random_graph(agents, degrees=degrees, seed=seed)
    assert simple(graph)
    assert graph.degree().tolist() == degrees


@settings(max_examples=30)
@given(st.lists(st.integers(0, 7), min_size=8, max_size=8), st.integers())
def test_degrees_that_no_graph_has_are_not_passed(degrees: list[int], seed: int) -> None:
    graph = random_graph(8, degrees=degrees, seed=seed)
    assert simple(graph)
    assert bool((graph.degree() <= torch.tensor(degrees)).all())


def test_large_degrees_are_kept_too() -> None:
    generator = torch.Generator().manual_seed(1)
    degrees = (torch.rand(20_000, generator=generator) ** -0.75).floor().clamp(max=3_000).long()  # a heavy tail
    degrees[0] += degrees.sum() % 2
    graph = random_graph(20_000, degrees=degrees, seed=2)
    assert torch.equal(graph.degree().long(), degrees)
    assert simple(graph)


@settings(max_examples=60)
@given(st.integers(1, 16), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**40))
def test_small_worlds_have_a_contact_once(agents: int, share: float, rewire: float, seed: int) -> None:
    graph = watts_strogatz(agents, share * (agents - 1), rewire, seed)
    assert simple(graph)
    assert len(contacts(graph)) <= agents * (agents - 1) // 2


def test_opposite_agents_of_a_small_world_have_their_part_of_contacts() -> None:
    # 3000 pairs with probability 0.3: five standard errors are 125, false alarm 6e-7; the seeds are fixed.
    there = sum(len(contacts(watts_strogatz(6, 4.3, 0.0, seed))) - 12 for seed in range(1000))
    assert abs(there - 900) < 125


@pytest.mark.parametrize("agents", [0, 2.5, float("nan"), -3])
def test_graphs_of_no_number_of_agents_are_refused(agents: float) -> None:
    for draw in (
        lambda: random_graph(agents, 1.0, seed=1),  # type: ignore[arg-type]
        lambda: random_graph(agents, degrees=[], seed=1),  # type: ignore[arg-type]
        lambda: watts_strogatz(agents, 0.0, 0.1, 1),  # type: ignore[arg-type]
        lambda: Graph.from_edges([], [], agents),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match="agents was asked for: give a whole number"):
            draw()


def test_degrees_beyond_the_population_are_refused() -> None:
    with pytest.raises(ValueError, match=r"degrees contains \[3\]: allowed are whole numbers from 0 to 2"):
        random_graph(3, degrees=[3, 1, 0], seed=1)
    with pytest.raises(ValueError, match="mean_degree is inf"):
        random_graph(3, mean_degree=float("inf"), seed=1)
