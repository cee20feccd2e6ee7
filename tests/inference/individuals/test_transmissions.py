"""Transmission trees: infectors in exact proportion to what contacts add, from every kind of network."""

import math
from collections.abc import Callable
from typing import Any

import pyro
import pytest
import torch

from causal_lpm import KeyedNoise, MeanField, Rollout, Seeds, comparing, event, exposure, policy, rollout, tally
from causal_lpm.agents import FreshRandom, FreshWattsStrogatz, Graph, Groups, Layer, random_graph
from causal_lpm.inference.individuals.transmission_tree import OUTSIDE, TransmissionTree
from causal_lpm.inference.individuals.transmissions import Transmissions
from causal_lpm.ops.simulation import resampled
from causal_lpm.typing import State
from tests.inference.abduction.tiny import WORLDS
from tests.inference.abduction.tiny import epidemic as tiny_epidemic

STAR = Graph.from_edges(torch.tensor([0, 0, 0, 0]), torch.tensor([1, 2, 3, 3]), 5)  # agent 3 is met twice
HOME = Groups(torch.tensor([0, 0, -1, 1, 1]))
SENT = torch.tensor([0.0, 1.0, 2.0, 3.0, 7.0])


def test_infectors_are_drawn_in_exact_proportion() -> None:
    """Four shares of some 35,000 infections within four standard errors: one fails in 0.03% of all
    seeds; the seed is fixed.
    """
    rows = 40_000

    def day(s: State) -> State:
        sent = torch.where(s["ill"], SENT, 0.0)
        hazard = 0.1 * exposure(STAR, sent) + 0.4 * exposure(HOME, sent) + 0.2
        return {"ill": s["ill"] | event("infection", hazard, where=~s["ill"])}

    with KeyedNoise(torch.arange(rows)[:, None]), Transmissions(importation=True) as seen:
        rollout(day, {"ill": torch.tensor([False, True, True, True, True])}, 1)
    tree = seen.tree()
    assert tree.dims == (rows,)
    assert bool((tree.infectee == 0).all())
    parts = {1: 0.1 + 0.4, 2: 0.2, 3: 0.6, OUTSIDE: 0.2}
    total = sum(parts.values())
    assert len(tree.row) / rows == pytest.approx(1 - math.exp(-total), abs=0.01)
    for infector, part in parts.items():
        share = float((tree.infector == infector).double().mean())
        expected = part / total
        assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / len(tree.row)), infector


AGENTS = 240


def networks() -> dict[str, Layer]:
    classes = torch.arange(AGENTS) % 8
    classes[::7] = -1
    return {
        "groups": Groups(torch.arange(AGENTS) // 4),
        "nobody": Groups(torch.where(torch.arange(AGENTS) % 3 == 0, -1, torch.arange(AGENTS) // 6)),
        "graph": random_graph(AGENTS, mean_degree=6, seed=1),
        "random": FreshRandom(torch.arange(AGENTS) % 5),
        "chain": FreshRandom(torch.arange(AGENTS) % 3, chain=True, name="bus"),
        "school": FreshWattsStrogatz(classes, torch.full((8,), 4.5), 0.2, "school"),
        "sum": Groups(torch.arange(AGENTS) // 3) + FreshRandom(torch.full((AGENTS,), 2), name="shop"),
        "part": random_graph(AGENTS, mean_degree=5, seed=2) + random_graph(AGENTS, mean_degree=5, seed=2),
    }


def sir(network: Any, hazard: Callable[[torch.Tensor], torch.Tensor] = lambda met: 0.25 * met) -> Callable[[], Rollout]:
    """SIRS, so that agents are infected again."""

    def model() -> Rollout:
        closure = policy("closure", 99.0)

        def day(s: State) -> State:
            met = exposure(network, (s["stage"] == 1).float() * s["strength"])
            met *= 2.0  # written into
            open_ = torch.where(s["t"] < s["closure"], 0.5, 0.2)
            infected = event("infection", hazard(open_ * met), where=s["stage"] == 0)
            back = event("recovery", 0.3, where=s["stage"] > 0)
            tally("infections", infected)
            tally("met", met)
            return {**s, "stage": (s["stage"] + infected + back) % 3}

        stage = (torch.randperm(AGENTS, generator=torch.Generator().manual_seed(1)) < 30).to(torch.uint8)
        strength = 0.5 + torch.arange(AGENTS) % 4 / 4
        return rollout(day, {"stage": stage, "strength": strength, "closure": closure}, 12)

    return model


@pytest.mark.parametrize("rows", [None, 3])
@pytest.mark.parametrize("name", networks())
def test_every_network_names_its_contacts_and_the_run_stays_the_same(name: str, rows: int | None) -> None:
    """That parts add up to the sums of the network is checked on the way, for every infection."""
    model = sir(networks()[name])
    seed = 5 if rows is None else torch.arange(rows)[:, None]
    with KeyedNoise(seed):
        alone = model()
    with KeyedNoise(seed), Transmissions() as seen:
        run = model()
    assert not any(x.requires_grad for x in (*run.state.values(), *run.tallies.values()))
    for key in alone.tallies:
        assert torch.equal(run.tallies[key], alone.tallies[key])
    tree = seen.tree()
    infections = alone.tallies["infections"].reshape(-1, 12)
    assert torch.equal(torch.bincount(tree.row * 12 + tree.day, minlength=infections.numel()), infections.flatten())
    assert len(tree.row) > 20
    assert bool((tree.infector != OUTSIDE).all())
    assert bool((tree.infector != tree.infectee).all())
    with KeyedNoise(seed), Transmissions() as again:
        model()
    assert torch.equal(again.tree().infector, tree.infector)


def test_infectors_of_a_graph_were_infectious_neighbours() -> None:
    graph = random_graph(AGENTS, mean_degree=6, seed=1)
    stages = []

    def day(s: State) -> State:
        stages.append(s["stage"].clone())
        infected = event("infection", 0.2 * exposure(graph, s["stage"] == 1), where=s["stage"] == 0)
        return {"stage": s["stage"] + infected + event("recovery", 0.3, where=s["stage"] == 1)}

    with KeyedNoise(2), Transmissions() as seen:
        rollout(day, {"stage": (torch.arange(AGENTS) < 5).to(torch.uint8)}, 15)
    tree = seen.tree()
    assert len(tree.row) > 50
    for infectee, infector, when in zip(tree.infectee, tree.infector, tree.day.tolist(), strict=True):
        assert int(infector) in graph.neighbours[graph.indptr[infectee] : graph.indptr[infectee + 1]].tolist()
        assert int(stages[when][infector]) == 1


@pytest.mark.parametrize("noise", ["keyed", "seeds", "blocks"])
def test_worlds_have_the_trees_of_runs_alone_and_the_same_ones_until_they_differ(noise: str) -> None:
    rows = 4

    def luck() -> Any:
        pyro.set_rng_seed(3)
        if noise == "keyed":
            return KeyedNoise(torch.arange(rows)[:, None])
        return Seeds("luck", (0, 5), blocks=4 if noise == "blocks" else 1)

    settings: dict[str, dict[str, float]] = {"fact": {}, "closed": {"closure": 6.0}}
    model = sir(networks()["graph"])
    with luck(), comparing(settings, replicates=rows) as worlds, Transmissions() as seen:
        model()
    tree = seen.tree()
    assert tree.dims == (2, rows)
    found = {name: tree.of(worlds.take(tree.rows, name)) for name in settings}
    for name, setting in settings.items():
        with luck(), comparing({name: setting}, replicates=rows), Transmissions() as alone:
            model()
        for column in ("row", "day", "infectee", "infector"):
            assert torch.equal(getattr(found[name], column), getattr(alone.tree(), column)), (name, column)
    early = [found[name].day < 6 for name in settings]
    assert torch.equal(found["fact"].infector[early[0]], found["closed"].infector[early[1]])
    assert len(found["closed"].row) < len(found["fact"].row)
    by_person = [
        {(r, i, int(d)): int(j) for r, i, d, j in zip(*map(torch.Tensor.tolist, columns), strict=True)}
        for columns in ((t.row, t.infectee, t.day, t.infector) for t in found.values())
    ]
    both = by_person[0].keys() & by_person[1].keys()
    same = sum(by_person[0][key] == by_person[1][key] for key in both) / len(both)
    assert same > 0.8, "the clock of a contact is the same in both worlds"


def test_a_tree_of_a_tiny_epidemic_with_its_seeds() -> None:
    with KeyedNoise(torch.arange(50)[:, None]), comparing(WORLDS, draws=50), Transmissions() as seen:
        run = tiny_epidemic()
    tree = seen.tree()
    assert tree.dims == (2, 50)
    assert len(tree.row) == int(run.tallies["infections"].expand(2, 50, -1, -1).sum())


# Trees


def line(*infections: tuple[int, int, int, int]) -> TransmissionTree:
    """Row, day, infectee, infector."""
    return TransmissionTree((2,), 6, 5, *(torch.tensor(column) for column in zip(*infections, strict=True)))


TREE = line((0, 0, 1, 0), (1, 0, 1, OUTSIDE), (0, 1, 2, 1), (0, 1, 3, 1), (1, 2, 4, 1), (0, 3, 1, 2), (0, 4, 5, 1))


def test_offspring_go_to_the_latest_infection_of_the_infector() -> None:
    assert TREE.offspring().tolist() == [2, 1, 1, 0, 0, 1, 0]
    expected = [[2, 0.5, math.nan, 1, 0], [1, math.nan, 0, math.nan, math.nan]]
    assert torch.allclose(TREE.case_reproduction(), torch.tensor(expected).double(), equal_nan=True)
    assert torch.allclose(TREE.offspring_distribution(), torch.tensor([3 / 7, 3 / 7, 1 / 7]).double())


def test_the_mean_of_the_distribution_is_the_mean_offspring() -> None:
    with KeyedNoise(torch.arange(3)[:, None]), Transmissions() as seen:
        sir(networks()["graph"])()
    tree = seen.tree()
    shares = tree.offspring_distribution()
    assert float(shares.sum()) == pytest.approx(1)
    mean = float((shares * torch.arange(len(shares))).sum())
    assert mean == pytest.approx(float(tree.offspring().double().mean()))
    assert int(tree.offspring().sum()) <= len(tree.row)


def test_rows_of_a_tree() -> None:
    assert torch.equal(TREE.rows, torch.tensor([[0], [1]]))
    one = TREE.of(torch.tensor([1]))
    assert (one.dims, one.row.tolist(), one.infectee.tolist()) == ((1,), [0, 0], [1, 4])
    with pytest.raises(ValueError, match=r"the rows \[2\] of a transmission tree of 2 rows"):
        TREE.of(torch.tensor([2]))
    with pytest.raises(ValueError, match=r"the rows \[0, 0\] .* each once"):
        TREE.of(torch.tensor([0, 0]))


def test_a_tree_of_no_infection() -> None:
    with KeyedNoise(1), Transmissions() as seen:
        sir(networks()["graph"], lambda met: 0 * met)()
    assert len(seen.tree().row) == 0
    assert bool(seen.tree().case_reproduction().isnan().all())
    assert seen.tree().offspring().shape == (0,)


# What has no tree


class Unsaid:
    """A network of somebody's own."""

    agents = AGENTS

    def total(self, x: torch.Tensor) -> torch.Tensor:
        return random_graph(AGENTS, mean_degree=6, seed=1).total(x)


class Lying(Groups):
    """Its contacts are not those that it sums over."""

    def contacts(self, agents: torch.Tensor, rows: torch.Tensor, dims: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return agents[:0], agents[:0]


@pytest.mark.parametrize(
    ("network", "hazard", "message"),
    [
        (Unsaid(), lambda met: 0.3 * met, "a Unsaid does not say who meets whom: give it a method contacts"),
        (Lying(torch.arange(AGENTS) // 4), lambda met: 0.3 * met, "the contacts of Lying do not add up to its sums"),
        (None, lambda met: -torch.expm1(-met), "the hazard of event 'infection' is no sum of its exposures"),
        (
            None,
            lambda met: 0.3 * met + 0.1,
            r"\d+% of the hazard .* agent \d+ does not come from contacts: give import",
        ),
        (None, lambda met: (0.3 * met - 0.01).clamp(min=0), "the exposures of event 'infection' add up to more than"),
    ],
)
def test_what_has_no_tree_is_refused(network: Any, hazard: Any, message: str) -> None:
    with KeyedNoise(1), Transmissions(), pytest.raises(ValueError, match=message):
        sir(networks()["graph"] if network is None else network, hazard)()


def test_events_without_where_gradients_and_resampling_are_refused() -> None:
    graph = networks()["graph"]

    def day(s: State) -> State:
        return {"ill": s["ill"] | event("infection", 0.5 * exposure(graph, s["ill"].float()))}

    ill = {"ill": torch.arange(AGENTS) < 20}
    with KeyedNoise(1), Transmissions(), pytest.raises(ValueError, match=r"again to agent .* and has no where="):
        rollout(day, ill, 9)
    with KeyedNoise(1), Transmissions(), MeanField(), pytest.raises(ValueError, match=r"came as torch.float32"):
        rollout(lambda s: {"x": event("infection", s["x"])}, {"x": torch.ones(3)}, 1)
    with Transmissions() as seen, pytest.raises(ValueError, match="rows are resampled while"):
        resampled(torch.tensor([0]))
    with pytest.raises(ValueError, match="no event 'infection' was seen"):
        seen.tree()
