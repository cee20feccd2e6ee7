"""Sums that follow changes are the sums: with worlds that split, several questions a day, and tensors that change."""

import importlib
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, comparing, event, exposure, policy, rollout, tally
from causal_lpm.agents.networks import Graph, Groups, random_graph
from causal_lpm.handlers import incremental
from causal_lpm.typing import IncrementalNetwork, State

AGENTS = 400
GRAPH = random_graph(AGENTS, 6, seed=2)


class _Never(incremental.Incremental):
    """The handler without its effect: every sum is computed from nothing."""

    def _pyro_exposure(self, msg: object) -> None:
        pass


def epidemic(seed: int, split_on: float, days: int = 25) -> dict[str, torch.Tensor]:
    def day(s: State) -> State:
        infectious = s["stage"] == 1
        contacts = exposure(GRAPH, infectious)
        told = exposure(GRAPH, infectious.float() * 0.25)  # fractions, on the same network
        calm = torch.where(s["t"] < s["closure"], 1.0, 0.4)
        infected = event("infection", 0.08 * calm * (contacts + told), where=s["stage"] == 0)
        tally("infections", infected)
        return {**s, "stage": s["stage"] + infected + event("recovery", 0.1, where=infectious)}

    with KeyedNoise(seed), comparing({"open": {}, "closed": {"closure": split_on}, "late": {"closure": 20.0}}):
        stage = (torch.arange(AGENTS) < 10).to(torch.uint8)
        run = rollout(day, {"stage": stage, "closure": policy("closure", 999.0)}, days)
    return {**run.state, **run.tallies}


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 7.0, 24.0]))
def test_nothing_changes_but_the_time(seed: int, split_on: float) -> None:
    followed = epidemic(seed, split_on)
    with pytest.MonkeyPatch.context() as patched:
        # The module, not the function of the same name that the package shows.
        patched.setattr(importlib.import_module("causal_lpm.handlers.solver"), "Incremental", _Never)
        computed = epidemic(seed, split_on)
    for name, value in computed.items():
        assert torch.equal(followed[name], value)


def test_a_model_may_change_its_own_tensors() -> None:
    sent = torch.zeros(AGENTS, dtype=torch.bool)
    with incremental.Incremental():
        for agent in range(5):
            sent[agent] = True
            assert torch.equal(exposure(GRAPH, sent), GRAPH.total(sent).float())


def test_fewer_worlds_ask_in_between() -> None:
    one, three = torch.rand(AGENTS) < 0.2, torch.rand(3, AGENTS) < 0.2
    with incremental.Incremental():
        for x in (one, three, one, three[:1], three):
            assert torch.equal(exposure(GRAPH, x), GRAPH.total(x).float())


def test_questions_of_any_shape_and_networks_without_edges() -> None:
    empty = Graph.from_edges(torch.tensor([]), torch.tensor([]), AGENTS)
    with incremental.Incremental():
        for lead in ((2,), (3,), (), (3, 1), (3, 2)):
            x = torch.rand(*lead, AGENTS) < 0.2
            assert torch.equal(exposure(GRAPH, x), GRAPH.total(x).float())
            assert not exposure(empty, x).any()


@pytest.mark.parametrize("contacts", [255, 256])
def test_sums_of_many_contacts_do_not_wrap(contacts: int) -> None:
    star = Graph.from_edges(torch.zeros(contacts), torch.arange(1, contacts + 1), contacts + 1)
    asked = torch.zeros(contacts + 1, dtype=torch.bool)
    following = incremental.Incremental()
    with following:
        for many in (contacts - 1, contacts, 0, contacts):
            asked[1:] = torch.arange(contacts) < many
            assert exposure(star, asked)[0] == many
            assert following.total(star, asked).dtype == star.total(asked).dtype


def test_a_network_of_a_day_is_forgotten() -> None:
    alive: list[weakref.ref[Graph]] = []

    def day(s: State) -> State:
        today = random_graph(AGENTS, 2, seed=int(s["t"]))
        alive.append(weakref.ref(today))
        return {"x": s["x"] + exposure(today, s["x"] > 0)}

    rollout(day, {"x": torch.ones(AGENTS)}, 5)
    assert sum(graph() is not None for graph in alive) <= 1


class _Halved(Graph):
    def total(self, x: torch.Tensor) -> torch.Tensor:
        return super().total(x) // 2


def test_a_total_of_its_own_is_not_followed() -> None:
    halved = _Halved(GRAPH.indptr, GRAPH.neighbours)
    with incremental.Incremental():
        for share in (0.1, 0.5, 0.2):
            x = torch.rand(AGENTS) < share
            assert torch.equal(exposure(halved, x), halved.total(x).float())


def test_only_networks_that_can_are_followed() -> None:
    assert isinstance(GRAPH, IncrementalNetwork)
    assert isinstance(Graph(GRAPH.indptr, GRAPH.neighbours), IncrementalNetwork)
    assert not isinstance(Groups(torch.zeros(3)), IncrementalNetwork)


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
def test_messages_in_memory_that_somebody_else_writes(dtype: str) -> None:
    """Torch counts its own writes only; numpy, `.data` and other tensors on the same memory are not seen."""
    buffer = np.zeros(AGENTS, dtype=dtype)
    shared, view = torch.from_numpy(buffer), torch.from_numpy(buffer).detach()
    with incremental.Incremental():
        for day in range(8):
            if day % 3 == 0:
                buffer[day::7] = 1
            elif day % 3 == 1:
                view.data[day::5] = 0
            else:
                shared.logical_not_()
            assert torch.equal(exposure(GRAPH, shared), received(GRAPH, shared))


def received(graph: Graph, messages: torch.Tensor) -> torch.Tensor:
    return graph.total(messages.long()).float()  # whole numbers, also as floats


def test_contacts_that_change_in_place_are_other_contacts() -> None:
    graph = Graph.from_edges(torch.tensor([0, 2]), torch.tensor([1, 3]), 4)
    sent = torch.tensor([True, False, False, False])
    with incremental.Incremental():
        assert exposure(graph, sent).tolist() == [0.0, 1.0, 0.0, 0.0]
        graph.neighbours.copy_(torch.tensor([2, 3, 0, 1]))  # 0 meets 2, and 1 meets 3
        assert exposure(graph, sent).tolist() == [0.0, 0.0, 1.0, 0.0]
