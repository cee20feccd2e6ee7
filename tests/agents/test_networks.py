"""Network layers: laws that every layer keeps, what each one promises, and what bad input gets to hear."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.agents import fresh_networks
from causal_lpm.agents.networks import (
    FreshRandom,
    FreshWattsStrogatz,
    Graph,
    Groups,
    Layer,
    Layers,
    random_graph,
    watts_strogatz,
)
from causal_lpm.kernels import hashing

AGENTS = 60


def of_the_day(key: int | list[int]) -> Callable[..., torch.Tensor]:
    """Stands in for the exogenous key of the day: one hash of the name and of each given number."""
    numbers = torch.tensor(key).reshape(-1, 1) if isinstance(key, list) else torch.tensor([key])

    def exogenous(name: str, agents: int, kind: str) -> torch.Tensor:
        assert (agents, kind) == (1, "bits")
        return hashing.stream(numbers, name, 0)

    return exogenous


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | list[int]], None]:
    return lambda key: monkeypatch.setattr(fresh_networks, "exogenous", of_the_day(key))


def layers() -> dict[str, Layer]:
    g = torch.Generator().manual_seed(1)
    ends = torch.randint(0, AGENTS, (2, 100), generator=g)
    classes = torch.randint(-1, 3, (AGENTS,), generator=g)
    stubs = torch.randint(0, 5, (AGENTS,), generator=g)
    homes = Groups(torch.randint(-1, 25, (AGENTS,), generator=g))
    school = FreshWattsStrogatz(classes, torch.tensor([2.0, 3.5, 8.0]), 0.3, "school")
    return {
        "groups": homes,
        "graph": Graph.from_edges(ends[0], ends[1], AGENTS),
        "watts_strogatz": watts_strogatz(AGENTS, 5.0, 0.2, seed=3),
        "random_graph": random_graph(AGENTS, mean_degree=3.0, seed=3),
        "configuration": random_graph(AGENTS, degrees=stubs, seed=3),
        "fresh_watts_strogatz": school,
        "pairs": FreshRandom(stubs, name="bus"),
        "chain": FreshRandom(stubs, chain=True, name="bus"),
        "sum": homes + school + FreshRandom(stubs, name="bus"),
    }


every_layer = pytest.mark.parametrize("name", list(layers()))


@every_layer
@settings(max_examples=20)
@given(seed=st.integers(0, 2**30))
def test_contacts_are_mutual_and_add_up(name: str, seed: int) -> None:
    layer, g = layers()[name], torch.Generator().manual_seed(seed)
    x, y = torch.randint(-(2**30), 2**30, (2, AGENTS), generator=g)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fresh_networks, "exogenous", of_the_day(seed))
        assert int((x * layer.total(y)).sum()) == int((y * layer.total(x)).sum())
        assert torch.equal(layer.total(x + y), layer.total(x) + layer.total(y))
        one = torch.nn.functional.one_hot(torch.arange(AGENTS))
        assert int(layer.total(one).diagonal().abs().sum()) == 0  # nobody meets himself


@every_layer
def test_worlds_and_replicates_equal_separate_runs(name: str, today: Callable[[int | list[int]], None]) -> None:
    layer = layers()[name]
    x = torch.randint(0, 1000, (2, 1, AGENTS), generator=torch.Generator().manual_seed(2))
    today([5, 6, 5])
    together = layer.total(x).expand(2, 3, AGENTS)
    for draw, key in enumerate([5, 6, 5]):
        today(key)
        for world in range(2):
            assert torch.equal(together[world, draw], layer.total(x[world, 0]))


@every_layer
@settings(max_examples=20)
@given(data=st.data())
def test_contacts_are_those_that_are_summed_over(name: str, data: st.DataObject) -> None:
    """Of some agents in some rows of two worlds of three replicates, two of which have the same contacts."""
    layer, keys = layers()[name], [5, 6, 5]
    x = torch.randint(0, 1000, (2, 3, AGENTS), generator=torch.Generator().manual_seed(2))
    some = sorted(data.draw(st.sets(st.tuples(st.integers(0, 5), st.integers(0, AGENTS - 1)), max_size=40)))
    rows, agents = torch.tensor(some, dtype=torch.int64).reshape(-1, 2).unbind(-1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fresh_networks, "exogenous", of_the_day(keys))
        place, other = layer.contacts(agents, rows, (2, 3))
        total = layer.total(x).reshape(6, AGENTS)[rows, agents]
    summed = torch.zeros_like(total).index_add_(0, place, x.reshape(6, AGENTS)[rows[place], other])
    assert torch.equal(summed, total)
    assert not bool((other == agents[place]).any())


@every_layer
@settings(max_examples=20)
@given(seed=st.integers(0, 2**30), share=st.sampled_from([0.0, 0.02, 0.3]))
def test_who_is_met_has_a_contact_among_them(name: str, seed: int, share: float) -> None:
    """In two worlds of three replicates, two of which have the same contacts."""
    layer = layers()[name]
    who = torch.rand(2, 3, AGENTS, generator=torch.Generator().manual_seed(seed)) < share
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fresh_networks, "exogenous", of_the_day([5, 6, 5]))
        assert torch.equal(layer.met(who), layer.total(who) > 0)


def test_moving_forgets_what_was_found_on_the_old_device() -> None:
    homes = Groups(torch.tensor([0, 0, 1]))
    homes.met(torch.tensor([True, False, False]))
    assert "_members" in vars(homes)
    assert "_members" not in vars(homes.to("cpu"))


def test_a_part_does_not_say_who_meets_whom() -> None:
    with pytest.raises(ValueError, match="a GraphPart says how many an agent meets, and not whom: give it a method"):
        layers()["graph"].part(0, 2).contacts(torch.tensor([0]), torch.tensor([0]), ())


@every_layer
def test_the_degree_is_the_mean_number_of_contacts(name: str, today: Callable[[int | list[int]], None]) -> None:
    layer, days = layers()[name], 4000
    today(list(range(days)))
    contacts = layer.total(torch.ones(days, AGENTS, dtype=torch.int64)).double()
    assert layer.degree().dtype == torch.float32
    # 7 standard errors for each of 60 agents: false alarm below 2e-10; the keys are fixed.
    error = contacts.std(0) / days**0.5
    assert ((contacts.mean(0) - layer.degree()).abs() <= 7 * error + 1e-5).all()


@every_layer
def test_moving_keeps_everything(name: str, today: Callable[[int | list[int]], None]) -> None:
    layer = layers()[name]
    moved = layer.to("cpu")
    today(3)
    x = torch.arange(AGENTS)
    assert type(moved) is type(layer)
    assert moved.agents == layer.agents == AGENTS
    assert torch.equal(moved.total(x), layer.total(x))


def test_fresh_layers_change_from_day_to_day(today: Callable[[int | list[int]], None]) -> None:
    x = torch.arange(AGENTS)
    for name in ("fresh_watts_strogatz", "pairs", "chain"):
        layer = layers()[name]
        today(1)
        monday, again = layer.total(x), layer.total(x)
        today(2)
        assert torch.equal(monday, again)
        assert not torch.equal(monday, layer.total(x))


def test_the_key_is_exogenous_under_keyed_noise() -> None:
    from causal_lpm import KeyedNoise

    layer, x = layers()["chain"], torch.arange(AGENTS)
    with KeyedNoise(1):
        one = layer.total(x)
    with KeyedNoise(1):
        world = layer.total(x.expand(2, 1, AGENTS))
    with KeyedNoise(2):
        assert not torch.equal(one, layer.total(x))
    assert torch.equal(world, one.expand(2, 1, AGENTS))


@every_layer
def test_a_part_gives_its_agents_what_the_whole_gives_them(name: str, today: Callable[[int | list[int]], None]) -> None:
    today(3)
    layer, x = layers()[name], torch.randint(0, 2**40, (2, AGENTS), generator=torch.Generator().manual_seed(2))
    for first, here in ((0, AGENTS), (0, 2), (7, AGENTS - 20)):
        part = layer.part(first, here)
        for sent in (x, x % 3 == 0, torch.where(x % 9 == 0, x, 0)):
            assert torch.equal(part.total(sent), layer.total(sent)[:, first : first + here])
        assert torch.equal(part.degree(), layer.degree()[first : first + here])
        assert (part.agents, part.noise_names) == (AGENTS, layer.noise_names)


def test_a_part_of_a_graph_refuses_gradients() -> None:
    with pytest.raises(ValueError, match="a part of a graph passes no gradients on"):
        layers()["graph"].part(0, 2).total(torch.ones(AGENTS, requires_grad=True))


def test_sums_are_flat_and_immutable() -> None:
    parts = layers()
    both = parts["groups"] + parts["graph"] + (parts["pairs"] + parts["configuration"])
    assert isinstance(both, Layers)
    assert len(both.networks) == 4
    with pytest.raises(AttributeError):
        both.agents = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        _ = parts["groups"] + 1  # type: ignore[operator]


def test_edges_are_stored_at_both_ends_and_loops_dropped() -> None:
    graph = Graph.from_edges(torch.tensor([2, 0, 1, 1]), torch.tensor([0, 2, 1, 2]), 4)
    assert graph.indptr.tolist() == [0, 2, 3, 6, 6]
    assert graph.neighbours.tolist() == [2, 2, 2, 0, 0, 1]
    assert graph.neighbours.dtype == torch.int32
    assert torch.equal(Graph(graph.indptr, graph.neighbours).total(torch.arange(4)), graph.total(torch.arange(4)))
    assert Graph.from_edges(torch.tensor([]), torch.tensor([]), 2).total(torch.tensor([1, 1])).tolist() == [0, 0]


def test_large_graphs_are_symmetric_and_given_rows_are_checked() -> None:
    agents = 70_000  # products of two of its numbers are more than int32 holds
    graph = random_graph(agents, mean_degree=3.0, seed=1)
    again = Graph(graph.indptr, graph.neighbours)  # the constructor checks both directions, `random_graph` need not
    assert torch.equal(again.degree(), graph.degree())
    wrong = graph.neighbours.clone()
    wrong[-1] = (wrong[-1] + 1) % (agents - 1)
    with pytest.raises(ValueError, match="one of its ends only"):
        Graph(graph.indptr, wrong)


def test_a_random_graph_is_that_of_its_edges() -> None:
    """In several blocks the same as at once: pair k has the hashes 2 k and 2 k + 1, and a pair counts once."""
    agents, pairs = 50_000, 150_000
    key = hashing.stream(torch.tensor([7]), "random_graph", 0)
    number = torch.arange(pairs + 9)  # nine pairs are there twice
    first = hashing.below(hashing.bits(key, 2 * number), agents)
    gap = 1 + hashing.below(hashing.bits(key, 2 * number + 1), agents - 1)
    expected = Graph.from_edges(first, (first + gap) % agents, agents, distinct=True)
    graph = random_graph(agents, mean_degree=6.0, seed=7)
    assert torch.equal(graph.indptr, expected.indptr)
    assert torch.equal(graph.neighbours, expected.neighbours)


@given(st.lists(st.integers(0, 4), min_size=5, max_size=40), st.integers())
def test_random_graph_respects_degrees(degrees: list[int], seed: int) -> None:
    graph = random_graph(len(degrees), degrees=degrees, seed=seed)
    assert (graph.degree() <= torch.tensor(degrees)).all()
    assert torch.equal(graph.neighbours, random_graph(len(degrees), degrees=degrees, seed=seed).neighbours)


def test_random_graphs_have_the_mean_degree_and_poisson_spread() -> None:
    degree = random_graph(20_000, mean_degree=6.0, seed=8).degree()
    assert degree.mean() == 6.0
    # The variance of a Poisson sample of this size has standard error 0.06: six of them, false alarm 2e-9.
    assert abs(degree.var() - 6.0) < 0.36


def test_small_worlds_have_their_degree() -> None:
    assert watts_strogatz(1000, 6.0, 0.1, seed=1).degree().mean() == 6.0
    assert (watts_strogatz(1000, 6.0, 0.0, seed=1).degree() == 6.0).all()
    assert not torch.equal(watts_strogatz(99, 4.0, 0.1, 1).neighbours, watts_strogatz(99, 4.0, 0.1, 2).neighbours)


ids, one = torch.tensor([0, 1, 0]), torch.ones(3, dtype=torch.int64)
BAD: dict[str, tuple[Callable[[], object], str]] = {
    "group below -1": (lambda: Groups(torch.tensor([0, -2])), r"group contains \[-2\]: allowed"),
    "group NaN": (lambda: Groups(torch.tensor([0.0, torch.nan])), "give whole numbers"),
    "group 2-d": (lambda: Groups(torch.zeros(2, 2)), r"shape \(2, 2\)"),
    "no agents": (lambda: Groups(torch.tensor([])), "at least one entry"),
    "edge out of range": (lambda: Graph.from_edges(ids, ids + 2, 3), r"dst contains \[3\]: allowed .* 0 to 2"),
    "ends differ": (lambda: Graph.from_edges(ids, ids[:2], 3), "needs both"),
    "graph of none": (lambda: Graph.from_edges(ids[:0], ids[:0], 0), "at least 1"),
    "graph beyond int32": (lambda: random_graph(2**31, 1.0, seed=1), "fewer than 2"),
    "graph beyond memory": (lambda: random_graph(2**30, 1e6, seed=1), r"need about \d+ GB; this machine has"),
    "one direction": (lambda: Graph(torch.tensor([0, 1, 1]), torch.tensor([1])), "one of its ends only"),
    "bad rows": (lambda: Graph(torch.tensor([0, 3]), torch.tensor([0])), "must rise from 0"),
    "class without degree": (lambda: FreshWattsStrogatz(ids, torch.tensor([1.0]), 0.1, "w"), "classes contains"),
    "NaN degree": (lambda: FreshWattsStrogatz(ids, torch.tensor([torch.nan, 0.0]), 0.1, "w"), "number >= 0"),
    "negative degree": (lambda: FreshWattsStrogatz(ids, torch.tensor([-1.0, 0.0]), 0.1, "w"), "number >= 0"),
    "large degree": (
        lambda: FreshWattsStrogatz(ids, torch.tensor([2.0, 0.0]), 0.1, "w"),
        "class 0 has 2 members and degree 2: a degree is at most class size - 1",
    ),
    "rewire": (lambda: FreshWattsStrogatz(ids, torch.zeros(2), 1.5, "w"), "rewire is 1.5"),
    "rewire NaN": (lambda: watts_strogatz(9, 2.0, float("nan"), 1), "rewire is nan"),
    "ring degree": (lambda: watts_strogatz(9, 9.0, 0.1, 1), "at most class size - 1"),
    "negative stubs": (lambda: FreshRandom(torch.tensor([1, -1])), r"stubs contains \[-1\]"),
    "too many stubs": (lambda: FreshRandom(torch.tensor([2**30, 2**30])), "at most"),
    "both degrees": (lambda: random_graph(3, 1.0, [1, 1, 0], seed=1), "exactly one"),
    "wrong length": (lambda: random_graph(4, degrees=[1, 1, 0], seed=1), "3 entries for 4 agents"),
    "NaN mean": (lambda: random_graph(4, float("nan"), seed=1), "mean_degree is nan"),
    "wrong agents": (lambda: Groups(ids).total(torch.ones(4, dtype=torch.int64)), r"shape \(4,\) .* for 3 agents"),
    "int32 messages": (lambda: Groups(ids).total(torch.ones(3).int()), "torch.int32"),
    "unequal layers": (lambda: Groups(ids) + Groups(ids[:2]), r"connect \[3, 2\] agents"),
    "same name": (lambda: FreshRandom(one) + FreshRandom(one), "each its own name"),
    "no layers": (lambda: Layers(()), "at least one"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_told_what_to_do(case: str) -> None:
    make, sentence = BAD[case]
    with pytest.raises(ValueError, match=sentence):
        make()
