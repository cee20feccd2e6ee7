"""`allocate`: the sorted reference, and what must hold for any queue."""

import contextlib
import math
from typing import Any

import pyro
import pytest
import torch
from chirho.interventional.handlers import do
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, Worlds, allocate, exogenous, policy
from causal_lpm.ops.allocate import CLASSES

queues = st.lists(st.integers(0, CLASSES + 3), min_size=1, max_size=80).map(torch.tensor)
seeds = st.integers(-(2**63), 2**63 - 1)


def by_sorting(priority: torch.Tensor, noise: torch.Tensor, supply: int) -> torch.Tensor:
    """The definition: best class, then least noise, then least agent number."""
    asking = [i for i in range(len(priority)) if int(priority[i]) < CLASSES]
    order = sorted(asking, key=lambda i: (int(priority[i]), float(noise[i]), i))
    served = torch.zeros(len(priority), dtype=torch.bool)
    served[order[: max(supply, 0)]] = True
    return served


@settings(max_examples=60)
@given(
    priority=queues,
    supply=st.integers(-2, 90),
    seed=seeds,
    dtype=st.sampled_from([torch.int64, torch.int32, torch.int16, torch.uint16, torch.uint32, torch.uint64]),
)
def test_it_equals_a_sort(priority: torch.Tensor, supply: int, seed: int, dtype: torch.dtype) -> None:
    with KeyedNoise(seed):
        served = allocate("dose", priority.to(dtype), supply)
        noise = exogenous("dose", len(priority))
    assert torch.equal(served, by_sorting(priority, noise, supply))


@settings(max_examples=30)
@given(priority=queues, supply=st.integers(0, 90), seed=st.integers(0, 2**32 - 1))
def test_it_equals_a_sort_without_keyed_noise(priority: torch.Tensor, supply: int, seed: int) -> None:
    pyro.set_rng_seed(seed)
    with pyro.poutine.trace() as tr:
        served = allocate("dose", priority, supply)
    assert torch.equal(served, by_sorting(priority, tr.trace.nodes["dose_noise"]["value"].reshape(-1), supply))


@settings(max_examples=60)
@given(priority=queues, supply=st.integers(0, 90), seed=seeds)
def test_never_more_than_the_supply_nor_a_worse_class_first(priority: torch.Tensor, supply: int, seed: int) -> None:
    with KeyedNoise(seed):
        served = allocate("dose", priority, supply)
        more = allocate("dose", priority, supply + 1)
    asking = priority < CLASSES
    assert int(served.sum()) == min(supply, int(asking.sum()))
    waiting = asking & ~served
    if bool(served.any()) and bool(waiting.any()):
        assert int(priority[served].max()) <= int(priority[waiting].min())
    assert bool((more >= served).all()), "more supply serves the same and some more"


def test_ties_are_broken_evenly() -> None:
    """Each of 20 agents gets one of 5 doses in a quarter of 4,000 rounds; 5 sd = 0.034, false alarm 1e-5."""
    priority = torch.zeros(20, dtype=torch.int64)
    with KeyedNoise(torch.arange(4_000)[:, None]):
        served = allocate("dose", priority.expand(4_000, 20), torch.tensor([5]))
    assert bool(((served.double().mean(0) - 0.25).abs() < 5 * (0.25 * 0.75 / 4_000) ** 0.5).all())


def test_equal_noise_is_broken_by_agent_number() -> None:
    noise = torch.full((6,), 0.5)
    with pyro.poutine.condition(data={"dose_noise": noise}):
        served = allocate("dose", torch.tensor([1, 0, 0, 1, 0, 0]), 3)
    assert served.tolist() == [False, True, True, False, True, False]


def test_worlds_with_their_own_supply_and_queue() -> None:
    priority = torch.randint(0, 5, (500,), generator=torch.Generator().manual_seed(0))
    with (
        Worlds(replicates=2),
        KeyedNoise(torch.tensor([[4], [5]])),
        do(actions={"doses": (torch.tensor(90), torch.tensor(0))}),
    ):
        doses = policy("doses", 30)
        served = allocate("dose", torch.where(doses > 50, 4 - priority, priority), doses.long())
    assert served.shape == (3, 2, 500)
    for row, seed in enumerate((4, 5)):
        for world, (supply, queue) in enumerate(((30, priority), (90, 4 - priority), (0, priority))):
            with KeyedNoise(seed):
                assert torch.equal(served[world, row], allocate("dose", queue, supply))


def test_many_agents_with_every_supply_near_a_class_border() -> None:
    priority = torch.randint(0, 4, (20_000,), generator=torch.Generator().manual_seed(0))
    border = int((priority == 0).sum())
    with KeyedNoise(4):
        noise = exogenous("dose", 20_000)
        for supply in (0, 1, border - 1, border, border + 1, 19_999, 20_000, 25_000):
            assert torch.equal(allocate("dose", priority, supply), by_sorting(priority, noise, supply))


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_classes_of_every_type_are_the_same(dtype: torch.dtype, keyed: bool) -> None:
    served = []
    for classes in (torch.int64, dtype):
        pyro.set_rng_seed(1)
        with KeyedNoise(1) if keyed else contextlib.nullcontext():
            served.append(allocate("dose", (torch.arange(30) % 2).to(classes), 20))
    assert torch.equal(*served)
    assert int(served[0].sum()) == 20


UNLIMITED = [
    math.inf,
    1e30,
    2**70,
    10**400,
    torch.tensor(math.inf),
    torch.tensor([1e39], dtype=torch.float64),
    torch.tensor([2**63 - 1]),
    torch.tensor([6e4], dtype=torch.float16),
    torch.tensor([2**32 - 1], dtype=torch.uint32),
]


@pytest.mark.parametrize("supply", UNLIMITED, ids=repr)
def test_an_unlimited_supply_serves_all_who_ask(supply: Any) -> None:
    assert allocate("dose", torch.tensor([0, 3, 300, 255]), supply).tolist() == [True, True, False, True]
    assert not allocate("dose", torch.tensor([0, 3, 300, 255]), -1 * supply if supply is not UNLIMITED[-1] else 0).any()


def test_a_policy_may_lift_the_limit_in_one_world() -> None:
    with KeyedNoise(1), Worlds(), do(actions={"supply": torch.tensor(math.inf)}):
        served = allocate("dose", torch.zeros(4, dtype=torch.int8), policy("supply", 1))
    assert served.sum(-1).tolist() == [1, 4]


@pytest.mark.parametrize(
    ("supply", "message"),
    [
        (2.9, r"is 2.9: give a whole number \(.floor\(\)\), or infinity"),
        (math.nan, "is nan: give a whole number"),
        (torch.tensor([[1.0], [0.5]]), "is 0.5: give a whole number"),
        ("x", "is 'x' .*: give numbers"),
        (torch.tensor([1, 2]), r"has shape \(2,\): give one number a row, \[\*dims, 1\]"),
        (torch.tensor([[1], [2], [3]]), "have shapes .*, which do not fit together"),
    ],
)
def test_a_supply_is_one_whole_number_a_row(supply: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        allocate("dose", torch.zeros(2, 2, dtype=torch.int64), supply)


@pytest.mark.parametrize(
    ("priority", "message"),
    [
        (torch.tensor([0.0, 1.0]), "are floats: give integer classes"),
        (torch.tensor([0, -1]), "has a class below 0"),
        (torch.tensor([0, -128], dtype=torch.int8), "has a class below 0"),
        (torch.zeros(0, dtype=torch.int64), "is among 0 agents: give 1 to"),
        (torch.zeros(1, dtype=torch.uint8).expand(2**31), "is among 2147483648 agents: give 1 to"),
    ],
)
def test_bad_input(priority: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        allocate("dose", priority, 1)
