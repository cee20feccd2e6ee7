"""Gradient handlers: the simulation they run, the derivative they give, and their refusal to lose it in silence."""

import contextlib
import math
from collections.abc import Callable
from typing import Any

import pyro
import pytest
import torch
from chirho.interventional.handlers import do
from chirho.observational.handlers import condition as chirho_condition
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import (
    DiscreteTime,
    KeyedNoise,
    MeanField,
    Seeds,
    StraightThrough,
    Worlds,
    choose,
    event,
    exposure,
    policy,
    rollout,
    tally,
)
from causal_lpm.agents.networks import FreshRandom, FreshWattsStrogatz, Groups, random_graph
from causal_lpm.typing import State

AGENTS = 60
AGE = torch.arange(AGENTS) % 3
NETWORKS = {
    "groups": Groups(torch.arange(AGENTS) // 4),
    "graph": random_graph(AGENTS, 4, seed=1),
    "ring": FreshWattsStrogatz(torch.zeros(AGENTS), torch.tensor([4.0]), 0.2, "work"),
    "stubs": FreshRandom(torch.full((AGENTS,), 2)),
}
BETA = 0.1
LOSES = "no gradient flows"


def day(s: State, network: str = "graph") -> State:
    """An SIRS with a vaccine that some get by chance, in float columns."""
    hazard = s["beta"] * exposure(NETWORKS[network], s["I"] * s["infectivity"])
    infected = s["S"] * event("infection", hazard, where=s["S"] > 0)
    recovered = s["I"] * event("recovery", 0.2)
    lost = (1 - s["S"] - s["I"]) * event("loss", 0.05)
    tally("infections", infected)
    tally("by_age", infected, by=AGE, groups=3)
    tally("infectious", s["I"])
    return {**s, "S": s["S"] - infected + lost, "I": s["I"] + infected - recovered}


def start(beta: torch.Tensor) -> State:
    infectious = (torch.arange(AGENTS) < 6).float()
    infectivity = torch.linspace(0.3, 1.7, AGENTS)  # no multiples of 2**-20
    return {"S": 1 - infectious, "I": infectious, "beta": beta, "infectivity": infectivity}


def simulated(
    *handlers: contextlib.AbstractContextManager[object],
    beta: torch.Tensor | None = None,
    network: str = "graph",
    days: int = 12,
) -> dict[str, torch.Tensor]:
    beta = torch.tensor([BETA]) if beta is None else beta
    with contextlib.ExitStack() as stack:
        for handler in handlers:
            stack.enter_context(handler)
        return rollout(lambda s: day(s, network), start(beta), days).tallies


@settings(max_examples=8)
@given(st.integers(0, 2**40), st.sampled_from(sorted(NETWORKS)), st.booleans())
def test_straight_through_is_the_same_simulation(seed: int, network: str, inside: bool) -> None:
    plain = simulated(KeyedNoise(seed), network=network)
    handlers = [KeyedNoise(seed), StraightThrough()]
    beta = torch.tensor([BETA], requires_grad=True)
    got = simulated(*(handlers if inside else handlers[::-1]), beta=beta, network=network)
    for name, series in plain.items():
        assert got[name].dtype == series.dtype
        assert torch.equal(got[name], series)
    assert got["infections"].requires_grad
    assert torch.equal(got["by_age"].sum(-2, keepdim=True), got["infections"])


def test_straight_through_in_worlds_and_replicates() -> None:
    def run(*handlers: contextlib.AbstractContextManager[object]) -> dict[str, torch.Tensor]:
        with contextlib.ExitStack() as stack:
            for handler in handlers:
                stack.enter_context(handler)
            return rollout(day, start(policy("beta", BETA)), 8).tallies

    seeds = torch.arange(3)[:, None]
    with Worlds(replicates=3), do(actions={"beta": torch.tensor(0.3)}):
        plain = run(KeyedNoise(seeds))
    stronger = torch.tensor(0.3, requires_grad=True)
    with Worlds(replicates=3), do(actions={"beta": stronger}):
        got = run(KeyedNoise(seeds), StraightThrough())
    assert got["infections"].shape == (2, 3, 1, 8)
    assert all(torch.equal(got[name], plain[name]) for name in plain)
    (slope,) = torch.autograd.grad(got["infections"][1].sum(), stronger, retain_graph=True)
    assert float(slope) > 0
    (none,) = torch.autograd.grad(got["infections"][0].sum(), stronger)
    assert float(none) == 0  # the factual world knows nothing of the intervention


def test_one_event_has_the_derivative_of_its_probability() -> None:
    hazard = torch.tensor([0.0, 0.3, 2.0], requires_grad=True)
    where = torch.tensor([True, True, False])
    for handlers in ([KeyedNoise(1), StraightThrough()], [MeanField()]):
        with contextlib.ExitStack() as stack:
            for handler in handlers:
                stack.enter_context(handler)  # type: ignore[arg-type]
            happened = event("x", hazard, where=where)
        assert happened.dtype == torch.float32
        assert float(happened[2].detach()) == 0
        (slope,) = torch.autograd.grad((1.0 * happened).sum(), hazard)
        torch.testing.assert_close(slope, torch.exp(-hazard.detach()) * where)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_mean_field_gradient_is_exact_for_the_mean_field_model(network: str) -> None:
    def total(beta: float) -> float:
        return float(simulated(KeyedNoise(3), MeanField(), beta=torch.tensor([beta]), network=network)["by_age"].sum())

    beta = torch.tensor([BETA], requires_grad=True)
    series = simulated(KeyedNoise(3), MeanField(), beta=beta, network=network)
    (slope,) = torch.autograd.grad(series["by_age"].sum(), beta)
    h = 1e-3
    assert float(slope) == pytest.approx((total(BETA + h) - total(BETA - h)) / (2 * h), rel=2e-3)
    assert float(series["infections"][..., 0].detach()) % 1 != 0


def test_the_mean_field_needs_no_noise() -> None:
    first, second = simulated(MeanField()), simulated(MeanField())
    assert all(torch.equal(series, second[name]) for name, series in first.items())


def test_straight_through_by_hand() -> None:
    """Two days of a pair: the chain rule through the state and the contacts."""

    def pair(s: State) -> State:
        infected = s["S"] * event("infection", s["beta"] * exposure(Groups(torch.tensor([0, 0])), s["I"]))
        tally("infections", infected)
        return {**s, "S": s["S"] - infected, "I": s["I"] + infected}

    beta = torch.tensor([0.4], requires_grad=True)
    seen = set()
    for seed in range(8):
        with KeyedNoise(seed), StraightThrough():
            initial = {"S": torch.tensor([0.0, 1.0]), "I": torch.tensor([1.0, 0.0]), "beta": beta}
            series = rollout(pair, initial, 2).tallies["infections"][0]
        with KeyedNoise(seed):
            events = rollout(lambda s: {"e": event("infection", 0.4 * torch.ones(2))}, {"e": torch.zeros(2)}, 2).state
        e1, e2, slope = float(series[0].detach()), float(events["e"][1]), float(torch.exp(-beta.detach()))
        assert float(series[1].detach()) == (1 - e1) * e2
        # x1 = e1 and x2 = (1 - e1) e2, where d e = slope.
        (got,) = torch.autograd.grad(series.sum(), beta)
        assert float(got) == pytest.approx(slope + -slope * e2 + (1 - e1) * slope)
        seen.add((e1, e2))
    assert len(seen) > 2


def keeping(change: Callable[[State, torch.Tensor], dict[str, torch.Tensor]]) -> Callable[[State], State]:
    def dynamics(s: State) -> State:
        return {**s, **change(s, event("infection", s["beta"].expand(AGENTS)))}

    return dynamics


REFUSED: dict[str, tuple[Callable[[State, torch.Tensor], dict[str, torch.Tensor]], str]] = {
    "and": (lambda s, e: {"I": (s["stage"] == 0) & e}, "'and' of an event"),
    "or": (lambda s, e: {"I": e | (s["stage"] == 0)}, "'or' of an event"),
    "not": (lambda s, e: {"I": ~e}, "'invert' of an event"),
    "comparison": (lambda s, e: {"I": e > 0}, "'gt' of an event"),
    "equality": (lambda s, e: {"I": e == 1}, "'eq' of an event"),
    "conversion": (lambda s, e: {"I": e.bool()}, "'bool' of an event"),
    **{
        f: (lambda s, e, f=f: {"I": getattr(torch, f)(e)}, f"'{f}' of an event")
        for f in ("round", "sign", "ceil", "floor", "trunc", "square")
    },
    "power": (lambda s, e: {"I": e**2}, "'pow' of an event"),
    "exponent": (lambda s, e: {"I": 2**e}, "pow' of an event"),
    "in place": (lambda s, e: {"I": e.round_()}, "'round' of an event"),
    "condition": (lambda s, e: {"I": torch.where(e, 1.0, s["I"])}, "'where' of an event"),
    "stage": (lambda s, e: {"stage": s["stage"] + e}, "puts a result with a gradient into 'stage'"),
    "late comparison": (lambda s, e: {"I": torch.where(s["S"] * e > 0, 1.0, s["I"])}, LOSES),
    "never used": (lambda s, e: {}, LOSES),
    "detached": (lambda s, e: {"I": e.detach()}, LOSES),
    "exposure": (lambda s, e: {"I": e * exposure(NETWORKS["graph"], s["stage"] == 1)}, "an exposure sums torch.bool"),
    "choice": (lambda s, e: {"I": e * choose("c", s["beta"].expand(AGENTS, 2))}, "the options of choice 'c'"),
}


@pytest.mark.parametrize("handler", [StraightThrough, MeanField])
@pytest.mark.parametrize("case", REFUSED)
def test_a_gradient_is_never_lost_in_silence(case: str, handler: type[StraightThrough] | type[MeanField]) -> None:
    change, sentence = REFUSED[case]
    state = {**start(torch.tensor([BETA], requires_grad=True)), "stage": torch.zeros(AGENTS, dtype=torch.uint8)}
    with KeyedNoise(1), handler(), pytest.raises(ValueError, match=sentence):
        rollout(keeping(change), state, 2)


@pytest.mark.parametrize("handler", [StraightThrough, MeanField])
def test_nor_where_the_dynamics_change_the_dictionary_that_they_are_given(handler: Any) -> None:
    def day(s: State) -> State:
        s["stage"] = s["stage"] + event("infection", s["beta"].expand(AGENTS))
        return s

    state = {"beta": torch.tensor([BETA], requires_grad=True), "stage": torch.zeros(AGENTS, dtype=torch.uint8)}
    with KeyedNoise(1), handler(), pytest.raises(ValueError, match="puts a result with a gradient into 'stage'"):
        rollout(day, state, 2)


def test_what_is_written_in_place_passes_its_gradient_on() -> None:
    def day(s: State) -> State:
        s["I"].add_(event("infection", s["beta"].expand(AGENTS)))
        return s

    beta = torch.tensor([BETA], requires_grad=True)
    with KeyedNoise(1), StraightThrough():
        last = rollout(day, {"beta": beta, "I": torch.zeros(AGENTS)}, 2).state
    (slope,) = torch.autograd.grad(last["I"].sum(), beta)
    assert float(slope) == pytest.approx(2 * AGENTS * math.exp(-BETA))


ALLOWED: dict[str, Callable[[State, torch.Tensor], dict[str, torch.Tensor]]] = {
    "product": lambda s, e: {"I": s["I"] + s["S"] * e},
    "value under a condition": lambda s, e: {"I": torch.where(s["stage"] == 0, e, 0.0)},
    "into a tally only": lambda s, e: {"S": torch.ones(AGENTS), "I": 0 * s["I"] + tally("n", e)},
    "itself": lambda s, e: {"I": e},
    "maximum": lambda s, e: {"I": torch.maximum(s["I"], e)},
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_may_be_done_with_an_event(case: str) -> None:
    beta = torch.tensor([BETA], requires_grad=True)
    state = {**start(beta), "stage": torch.zeros(AGENTS, dtype=torch.uint8)}
    with KeyedNoise(1), StraightThrough():
        last = rollout(keeping(ALLOWED[case]), state, 2).state
    (slope,) = torch.autograd.grad(last["I"].sum(), beta)
    assert float(slope) > 0


def test_an_event_without_gradient_may_go_anywhere() -> None:
    state = {**start(torch.tensor([BETA])), "stage": torch.zeros(AGENTS, dtype=torch.uint8)}
    with KeyedNoise(1), StraightThrough():
        last = rollout(keeping(lambda s, e: {"stage": s["stage"] + e}), state, 1).state
    assert last["stage"].dtype == torch.uint8


def test_data_are_kept_and_pass_nothing_back() -> None:
    data = torch.tensor([1.0, 0.0])
    for handler in (StraightThrough(), MeanField()):
        with KeyedNoise(1), handler:
            happened = event("x", torch.full((2,), 0.1, requires_grad=True), obs=data)
        assert happened.tolist() == [1.0, 0.0]
        assert not happened.requires_grad


@pytest.mark.parametrize("condition", [pyro.poutine.condition, chirho_condition])
@pytest.mark.parametrize("handler", [StraightThrough, MeanField])
@pytest.mark.parametrize("inside", [False, True])
def test_conditions_are_data(
    condition: Callable[..., contextlib.AbstractContextManager[object]],
    handler: type[StraightThrough] | type[MeanField],
    inside: bool,
) -> None:
    data, hazard = torch.tensor([1.0, 0.0]), torch.full((2,), 0.1, requires_grad=True)

    def dynamics(s: State) -> State:
        with condition(data={"x": data}) if inside else contextlib.nullcontext():
            return {"x": event("x", hazard) * (1.0 + s["t"])}

    def run(*names: str) -> torch.Tensor:
        outside = [] if inside else [condition(data=dict.fromkeys(names, data))]
        with contextlib.ExitStack() as stack:
            for each in (KeyedNoise(1), handler(), DiscreteTime(name="r"), *outside):
                stack.enter_context(each)
            return rollout(dynamics, {"x": torch.zeros(2)}, 2).state["x"]

    known = run("r/t=1/x")
    assert known.tolist() == [2.0, 0.0]
    assert not known.requires_grad
    if not inside:
        assert run("x", "t=1/x", "r/t=0/x").requires_grad  # the sites of others


@pytest.mark.parametrize("network", NETWORKS)
def test_float64_columns_are_rounded_as_they_are_without_gradients(network: str) -> None:
    x = torch.rand(AGENTS, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 100
    x[:20] = (torch.arange(20) + 0.5 - 1e-10) / 2**20  # in float32 just on the edge
    with KeyedNoise(1):
        plain = rollout(lambda s: {"x": exposure(NETWORKS[network], x)}, {"x": torch.zeros(AGENTS)}, 1).state["x"]
    with KeyedNoise(1), StraightThrough():
        got = rollout(
            lambda s: {"x": exposure(NETWORKS[network], x.clone().requires_grad_())}, {"x": torch.zeros(AGENTS)}, 1
        ).state["x"]
    assert got.dtype == plain.dtype == torch.float32
    assert torch.equal(got.detach(), plain)
    got.sum().backward()


def test_gradients_with_seeds_as_sites() -> None:
    beta = torch.tensor([BETA], requires_grad=True)
    (slope,) = torch.autograd.grad(simulated(Seeds(), StraightThrough(), beta=beta)["infections"].sum(), beta)
    assert float(slope) > 0
