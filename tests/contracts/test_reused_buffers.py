"""The law: a buffer that a model writes its messages, values or states into, day after day, changes nothing."""

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from chirho.dynamical.handlers import LogTrajectory, StaticIntervention

from causal_lpm import (
    Checkpointing,
    KeyedNoise,
    MeanField,
    Recording,
    Relaxed,
    Rollout,
    StraightThrough,
    Worlds,
    allocate,
    choose,
    event,
    exogenous,
    exposure,
    rollout,
    tally,
)
from causal_lpm.agents.networks import FreshRandom, FreshWattsStrogatz, Graph, Groups, random_graph
from causal_lpm.handlers.incremental import Incremental
from causal_lpm.typing import State

N, DAYS = 300, 12
NUMBER = torch.arange(N)
Keep = Callable[[str, torch.Tensor], torch.Tensor]


class Buffers:
    """One tensor a name, as long as shape and type allow, written in one of the ways that Python knows."""

    def __init__(self, write: Callable[[torch.Tensor, torch.Tensor], None]) -> None:
        self._write, self._kept = write, dict[str, torch.Tensor]()

    def __call__(self, name: str, value: torch.Tensor) -> torch.Tensor:
        kept = self._kept.get(name)
        if kept is None or kept.shape != value.shape or kept.dtype != value.dtype:
            kept = self._kept[name] = torch.empty_like(value)
        self._write(kept, value)
        return kept


def _by_numpy(buffer: torch.Tensor, value: torch.Tensor) -> None:
    buffer.detach().numpy()[...] = value.detach().numpy()


def _by_out(buffer: torch.Tensor, value: torch.Tensor) -> None:
    torch.add(value, torch.zeros((), dtype=value.dtype), out=buffer)


def _by_dlpack(buffer: torch.Tensor, value: torch.Tensor) -> None:
    torch.from_dlpack(buffer).copy_(value)


WAYS: dict[str, Callable[[torch.Tensor, torch.Tensor], Any]] = {
    "in place": lambda buffer, value: buffer.copy_(value),
    "by index": lambda buffer, value: buffer.__setitem__(..., value),
    "data": lambda buffer, value: buffer.data.copy_(value),
    "numpy": _by_numpy,
    "out": _by_out,
    "view": lambda buffer, value: buffer.view(-1).copy_(value.reshape(-1)),
    "dlpack": _by_dlpack,
}
each_way = pytest.mark.parametrize("way", WAYS)
seen_and_unseen = pytest.mark.parametrize("way", ["in place", "numpy"])  # torch counts the first, not the second

NETWORKS: dict[str, Any] = {
    "graph": random_graph(N, mean_degree=6, seed=0),
    "groups": Groups(NUMBER // 4),
    "stubs": FreshRandom(NUMBER % 4, name="bus"),
    "small worlds": FreshWattsStrogatz(NUMBER % 3, torch.tensor([4.0, 3.5, 8.0]), 0.1, "work"),
    "sum": random_graph(N, mean_degree=3, seed=1) + Groups(NUMBER // 4),
    "named": {"a": random_graph(N, mean_degree=3, seed=1), "b": Graph.from_edges(NUMBER[1:], NUMBER[:-1], N)},
}
MESSAGES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "bool": lambda ill: ill,
    "int64": lambda ill: ill.long() * 2,
    "uint8": lambda ill: ill.to(torch.uint8),
    "float32": lambda ill: ill.float() * 0.7,
    "float64": lambda ill: ill.double() * 0.7,
}


def epidemic(keep: Keep, network: str = "graph", message: str = "bool", policy: bool = False) -> Rollout:
    """Every operation gets its values through `keep`; so does the next state."""

    def day(s: State) -> State:
        sent = keep("message", MESSAGES[message](s["stage"] == 1))
        received = exposure(NETWORKS[network], sent)
        total = sum(received.values()) if isinstance(received, dict) else received
        hazard = keep("hazard", 0.15 * s["contact"] * total)
        infected = event("infection", hazard, where=keep("where", s["stage"] == 0))
        recovered = event("recovery", keep("recovery", torch.full((N,), 0.2))) & (s["stage"] == 1)
        asking = torch.where(s["stage"] == 0, NUMBER % 3, 256)
        served = allocate("dose", keep("priority", asking), keep("supply", torch.tensor([5])))
        served = served & ~infected
        route = choose("route", keep("logits", torch.stack([total, torch.ones_like(total)], -1)))
        luck = exogenous("luck", N, "uniform", slots=4, index=keep("index", s["times"].long().clamp(max=3)))
        tally("cases", keep("cases", infected), by=keep("groups", NUMBER % 5), groups=5)
        tally("luck", keep("floats", torch.where(infected, luck, 0.0)))
        tally("route", keep("route", route))
        new = {"stage": s["stage"] + infected + recovered + 2 * served, "times": s["times"] + infected}
        return {**s, **{name: keep(f"state {name}", value.to(s[name].dtype)) for name, value in new.items()}}

    stage = (NUMBER % 30 == 0).to(torch.uint8)
    first = {"stage": stage, "times": torch.zeros(N, dtype=torch.uint8), "contact": torch.ones(1)}
    return rollout(day, {name: keep(f"first {name}", value) for name, value in first.items()}, DAYS)


def unlike(run: Rollout, expected: Rollout) -> list[str]:
    got, wanted = run.state | run.tallies, expected.state | expected.tallies
    assert int(wanted["cases"].sum()) > 5
    return [name for name in wanted if not torch.equal(got[name], wanted[name])]


def new(name: str, value: torch.Tensor) -> torch.Tensor:
    return value.clone()


@each_way
def test_in_every_way(way: str) -> None:
    with KeyedNoise(1):
        expected = epidemic(new)
    with KeyedNoise(1):
        assert unlike(epidemic(Buffers(WAYS[way])), expected) == []


@seen_and_unseen
@pytest.mark.parametrize("network", NETWORKS)
def test_in_every_network(way: str, network: str) -> None:
    with KeyedNoise(1):
        expected = epidemic(new, network)
    with KeyedNoise(1):
        assert unlike(epidemic(Buffers(WAYS[way]), network), expected) == []


@seen_and_unseen
@pytest.mark.parametrize("message", MESSAGES)
def test_in_every_type(way: str, message: str) -> None:
    with KeyedNoise(1):
        expected = epidemic(new, message=message)
    with KeyedNoise(1):
        assert unlike(epidemic(Buffers(WAYS[way]), message=message), expected) == []


HANDLERS: dict[str, Callable[[], Any]] = {
    "worlds": Worlds,
    "recording": Recording,
    "incremental": Incremental,
    "checkpointing": Checkpointing,
    "log": lambda: LogTrajectory(torch.arange(float(DAYS + 1))),
    "static": lambda: StaticIntervention(torch.tensor(3.0), {"contact": torch.tensor([0.5])}),
}


@seen_and_unseen
@pytest.mark.parametrize(("outer", "inner"), list(itertools.permutations(HANDLERS, 2)))
def test_under_every_two_handlers(way: str, outer: str, inner: str) -> None:
    runs, told = [], []
    for keep in (new, Buffers(WAYS[way])):
        one, other = HANDLERS[outer](), HANDLERS[inner]()
        with one, other, KeyedNoise(1):
            runs.append(epidemic(keep))
        told.append(one)
    assert unlike(runs[1], runs[0]) == []
    if isinstance(told[0], LogTrajectory):
        logs = [log.trajectory["stage"] for log in told]
        assert torch.equal(*logs)
        assert not torch.equal(logs[0][..., 0], logs[0][..., -1])
    if isinstance(told[0], Recording):
        assert torch.equal(told[1].series()["cases"], told[0].series()["cases"])


@each_way
def test_across_two_simulations(way: str) -> None:
    """The second simulation writes where the first one had its last state."""
    keep = Buffers(WAYS[way])
    with KeyedNoise(1):
        first = epidemic(keep)
    with KeyedNoise(2):
        second = epidemic(keep, message="bool")
    for seed, run in ((1, first), (2, second)):
        with KeyedNoise(seed):
            assert unlike(run, epidemic(new)) == []


def columns(keep: Keep, beta: torch.Tensor) -> Rollout:
    """The same as columns of floats, for gradients; what carries a gradient is not written into."""

    def day(s: State) -> State:
        weekend = keep("weekend", (NUMBER + s["t"].long()) % 7 < 5)
        infected = s["S"] * event("infection", beta * exposure(NETWORKS["graph"], s["I"]), where=weekend)
        tally("cases", infected * (1 + NUMBER), by=keep("groups", (NUMBER + s["t"].long()) % 5), groups=5)
        return {"S": s["S"] - infected, "I": s["I"] + infected}

    first = (NUMBER % 30 == 0).float()
    return rollout(day, {"S": keep("S", 1 - first), "I": keep("I", first)}, DAYS)


@seen_and_unseen
@pytest.mark.parametrize("checkpoints", [False, True], ids=["", "checkpoints"])
@pytest.mark.parametrize("handler", [StraightThrough, MeanField, Relaxed])
def test_under_gradients(way: str, handler: Callable[[], Any], checkpoints: bool) -> None:
    """Masks and groups, too, that the backward pass looks at."""
    found = []
    for keep in (new, Buffers(WAYS[way])):
        beta = torch.tensor(0.02, requires_grad=True)
        with KeyedNoise(1), handler(), Checkpointing() if checkpoints else nullcontext():
            cases = columns(keep, beta).tallies["cases"]
        (cases * torch.arange(5.0)[:, None]).sum().backward()
        found.append((cases.detach(), beta.grad))
    assert torch.equal(found[0][0], found[1][0])
    assert found[0][1] is not None
    assert torch.equal(found[0][1], found[1][1])
    assert float(found[0][1]) > 0
