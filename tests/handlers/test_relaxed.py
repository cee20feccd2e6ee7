"""Relaxed events: the same luck as the exact ones, smooth in the hazard, and their gradient."""

import contextlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import Checkpointing, KeyedNoise, Relaxed, event, exposure, rollout, tally
from causal_lpm.agents.networks import random_graph
from causal_lpm.typing import State

AGENTS = 60
GRAPH = random_graph(AGENTS, 4, seed=1)


def infections(beta: torch.Tensor, *handlers: contextlib.AbstractContextManager[object]) -> torch.Tensor:
    infectious = (torch.arange(AGENTS) < 6).float()

    def day(s: State) -> State:
        infected = s["S"] * event("infection", s["beta"] * exposure(GRAPH, s["I"]), where=s["S"] > 0)
        recovered = s["I"] * event("recovery", 0.2)
        tally("infections", infected, by=torch.arange(AGENTS) % 2, groups=2)
        return {**s, "S": s["S"] - infected, "I": s["I"] + infected - recovered}

    with contextlib.ExitStack() as stack:
        for handler in handlers:
            stack.enter_context(handler)
        return rollout(day, {"S": 1 - infectious, "I": infectious, "beta": beta}, 8).tallies["infections"].sum()


@given(st.integers(0, 2**40), st.floats(0.01, 3.0), st.floats(0.05, 5.0))
def test_above_one_half_is_who_it_happens_to(seed: int, hazard: float, temperature: float) -> None:
    each = torch.full((200,), hazard)
    with KeyedNoise(seed):
        happened = event("x", each)
    with KeyedNoise(seed), Relaxed(temperature):
        part = 1.0 * event("x", each)
    edge = (part - 0.5).abs() < 1e-3  # float32 may round to either side
    assert torch.equal((part > 0.5)[~edge], happened[~edge])
    assert bool(((part >= 0) & (part <= 1)).all())


@pytest.mark.parametrize("inside", [False, True])
def test_low_temperatures_are_the_exact_simulation(inside: bool) -> None:
    hazard = torch.linspace(0, 3, 2000)
    with KeyedNoise(5):
        happened = event("x", hazard).float()
    handlers = [KeyedNoise(5), Relaxed(1e-3)]
    with contextlib.ExitStack() as stack:
        for handler in handlers if inside else handlers[::-1]:
            stack.enter_context(handler)
        part = 1.0 * event("x", hazard)
    assert float((part - happened).abs().mean()) < 2e-3


def test_the_edges_of_hazards() -> None:
    hazard = torch.tensor([0.0, float("inf"), 1e-40, 0.5, 0.5], requires_grad=True)
    with KeyedNoise(1), Relaxed(0.5):
        part = 1.0 * event("x", hazard, where=torch.tensor([True, True, True, True, False]))
    assert part[[0, 1, 4]].tolist() == [0.0, 1.0, 0.0]
    (slope,) = torch.autograd.grad(part.sum(), hazard)
    assert bool(slope.isfinite().all())
    assert slope[[0, 1, 4]].tolist() == [0.0, 0.0, 0.0]
    assert float(slope[3]) > 0


@settings(max_examples=10)
@given(st.integers(0, 2**40), st.floats(0.3, 2.0))
def test_the_gradient_is_that_of_the_relaxed_simulation(seed: int, temperature: float) -> None:
    beta = torch.tensor([0.1], requires_grad=True)
    (slope,) = torch.autograd.grad(infections(beta, KeyedNoise(seed), Relaxed(temperature)), beta)
    h = 3e-4  # at 1e-3 the quotient is off by up to 2%
    low, high = (
        float(infections(torch.tensor([0.1 + sign * h]), KeyedNoise(seed), Relaxed(temperature))) for sign in (-1, 1)
    )
    assert float(slope) == pytest.approx((high - low) / (2 * h), rel=0.02, abs=0.5)


def test_checkpoints_change_nothing() -> None:
    slopes = []
    for handlers in ([], [Checkpointing()]):
        beta = torch.tensor([0.1], requires_grad=True)
        slopes += torch.autograd.grad(infections(beta, *handlers, KeyedNoise(1), Relaxed()), beta)
    assert torch.equal(*slopes)


def test_data_are_kept_and_pass_nothing_back() -> None:
    data = torch.tensor([1.0, 0.0])
    with KeyedNoise(1), Relaxed():
        happened = event("x", torch.full((2,), 0.1, requires_grad=True), obs=data)
    assert happened.tolist() == [1.0, 0.0]
    assert not happened.requires_grad


def test_a_gradient_is_never_lost_in_silence() -> None:
    hazard = torch.tensor([0.3], requires_grad=True)
    with KeyedNoise(1), Relaxed(), pytest.raises(ValueError, match="'and' of an event"):
        rollout(lambda s: {"S": (s["S"] > 0) & event("x", hazard)}, {"S": torch.ones(3)}, 1)
    with KeyedNoise(1), Relaxed(), pytest.raises(ValueError, match="no gradient flows"):
        rollout(lambda s: {"S": s["S"] + 0 * event("x", hazard).detach()}, {"S": torch.ones(3)}, 1)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_temperatures_are_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match="give a positive number"):
        Relaxed(temperature)


def test_negative_hazards_are_refused() -> None:
    with KeyedNoise(1), Relaxed(), pytest.raises(ValueError, match="must be >= 0"):
        event("x", torch.tensor([-0.1, 0.2]))
