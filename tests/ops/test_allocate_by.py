"""`allocate(by=)`: stocks of groups serve as one call a group would, and what must hold of them."""

from typing import Any

import pyro
import pytest
import torch
from chirho.interventional.handlers import do
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import (
    KeyedNoise,
    MeanField,
    Relaxed,
    Score,
    Seeds,
    StraightThrough,
    Worlds,
    allocate,
    comparing,
    kernels,
    policy,
    rollout,
    tally,
)
from causal_lpm.kernels import reference
from causal_lpm.ops.allocate import CLASSES
from tests.kernels.with_threads import threads

BOTH = pytest.mark.parametrize("implementation", ["reference", "numba"])


@st.composite
def queues(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Classes `[2, 1, agents]`, stocks `[2, 3, groups]`, groups of one or of all rows."""
    agents, groups = draw(st.integers(1, 60)), draw(st.integers(1, 7))
    g = torch.Generator().manual_seed(draw(st.integers(0, 2**30)))
    dtype = draw(st.sampled_from([torch.int64, torch.int16, torch.uint8, torch.bool, torch.uint16]))
    most = 2 if dtype == torch.bool else 255 if dtype == torch.uint8 else CLASSES + 2
    priority = torch.randint(0, draw(st.sampled_from([1, 3, most])), (2, 1, agents), generator=g).to(dtype)
    by = torch.randint(-1, groups, draw(st.sampled_from([(agents,), (2, 1, agents), (3, agents)])), generator=g)
    stocks = torch.randint(0, agents // groups + 2, (2, 3, groups), generator=g)
    return priority, stocks, by.to(draw(st.sampled_from([torch.int64, torch.int32, torch.int8])))


def one_call_a_group(priority: torch.Tensor, stocks: torch.Tensor, by: torch.Tensor, seed: Any) -> torch.Tensor:
    served = torch.zeros((), dtype=torch.bool)
    for group in range(stocks.shape[-1]):
        with KeyedNoise(seed):
            mine = torch.where(by == group, priority.int(), CLASSES)
            served = served | allocate("dose", mine, stocks[..., group : group + 1])
    return served


@BOTH
@settings(max_examples=60)
@given(case=queues(), seed=st.integers(-(2**62), 2**62))
def test_it_serves_whom_one_call_a_group_serves(
    implementation: str, case: tuple[torch.Tensor, torch.Tensor, torch.Tensor], seed: int
) -> None:
    priority, stocks, by = case
    seeds = torch.tensor([[seed], [seed + 1], [seed + 2]])
    with kernels.use(implementation), KeyedNoise(seeds):
        served = allocate("dose", priority, stocks, by=by)
    assert torch.equal(served, one_call_a_group(priority, stocks, by, seeds))
    groups = torch.arange(stocks.shape[-1])[:, None]
    asking = ((by[..., None, :] == groups) & (priority.int() < CLASSES)[..., None, :]).sum(-1)
    given_out = ((by[..., None, :] == groups) & served[..., None, :]).sum(-1)
    assert torch.equal(given_out, torch.minimum(stocks, asking).expand(given_out.shape))


@settings(max_examples=40)
@given(case=queues(), seed=st.integers(0, 2**62), extra=st.integers(0, 3))
def test_who_is_served_with_less_is_served_with_more(
    case: tuple[torch.Tensor, torch.Tensor, torch.Tensor], seed: int, extra: int
) -> None:
    priority, stocks, by = case
    more = stocks + extra * (torch.arange(stocks.shape[-1]) % 2)
    with KeyedNoise(seed):
        few, many = allocate("dose", priority, stocks, by=by), allocate("dose", priority, more, by=by)
    assert bool((many >= few).all())
    unchanged = by % 2 == 0
    assert torch.equal(many & unchanged, few & unchanged), "the stock of one group is nothing to another"


@BOTH
@pytest.mark.parametrize("groups", [1, 20, 700])
def test_many_agents_and_groups(implementation: str, groups: int) -> None:
    g = torch.Generator().manual_seed(groups)
    by, priority = torch.randint(-1, groups, (70_000,), generator=g), torch.randint(0, 3, (70_000,), generator=g)
    stocks = torch.randint(0, 120_000 // groups, (groups,), generator=g)
    noise = torch.randint(0, 50, (70_000,), generator=g).float()  # equal for many: the agent's number decides
    key = torch.tensor([9])
    with kernels.use(implementation):
        by_noise, by_key = (
            kernels.select_by(priority, noise, stocks, 3, by),
            kernels.select(priority, key, stocks, 3, by),
        )
    drawn = reference.field(key, 70_000, "exponential")
    for served, luck in ((by_noise, noise), (by_key, drawn)):
        order = sorted(range(70_000), key=lambda i: (int(priority[i]), float(luck[i]), i))
        left, expected = stocks.tolist(), torch.zeros(70_000, dtype=torch.bool)
        for i in order:
            if (group := int(by[i])) >= 0 and left[group] > 0:
                left[group] -= 1
                expected[i] = True
        assert torch.equal(served, expected)


def test_two_threads_give_what_one_gives() -> None:
    g = torch.Generator().manual_seed(1)
    by, priority = torch.randint(0, 20, (400_000,), generator=g), torch.zeros(4, 1, 400_000, dtype=torch.uint8)
    stocks = torch.randint(0, 20_000, (4, 1, 20), generator=g)
    served = []
    for count in (1, 2):
        with threads(count), KeyedNoise(3):
            served.append(allocate("dose", priority, stocks, by=by))
    assert torch.equal(*served)


def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    district = torch.arange(300) % 3
    stocks = torch.cat([s["north"], s["south"], s["north"] * 0 + 4], -1).round()
    dose = allocate("dose", torch.where(s["dosed"], CLASSES, 0), stocks, by=district)
    tally("doses", dose, by=district, groups=3)
    return {**s, "dosed": s["dosed"] | dose}


def simulated() -> Any:
    state = {"dosed": torch.zeros(300, dtype=torch.bool)}
    return rollout(day, {**state, "north": policy("north", 2), "south": policy("south", 3)}, days=6)


@pytest.mark.parametrize("noise", [lambda: KeyedNoise(4), lambda: KeyedNoise(torch.tensor([[4], [5]]))])
def test_worlds_are_runs_of_their_own(noise: Any) -> None:
    settings_ = {"plain": {}, "north": {"north": 20.0}, "none": {"south": 0.0, "north": 0.0}}
    seeds = noise().seed().numel()
    with comparing(settings_, replicates=seeds), noise():
        together = simulated().tallies["doses"]
    for number, policies in enumerate(settings_.values()):
        with noise(), do(actions={name: torch.tensor(value) for name, value in policies.items()}):
            alone = simulated().tallies["doses"]
        assert torch.equal(together[number].squeeze(), alone.squeeze()), number


@pytest.mark.parametrize("handler", [StraightThrough, MeanField, Relaxed, Score, Worlds], ids=lambda h: h.__name__)
def test_handlers_that_have_nothing_to_say_leave_it_as_it_is(handler: Any) -> None:
    with KeyedNoise(4):
        alone = simulated().tallies["doses"]
    with KeyedNoise(4), handler():
        assert torch.equal(simulated().tallies["doses"].squeeze(), alone.squeeze())


def test_it_runs_without_keyed_noise_and_with_blocks_of_seeds() -> None:
    by, stocks = torch.tensor([0, 0, 0, 1, 1, -1]), torch.tensor([1, 5])
    pyro.set_rng_seed(0)
    with pyro.poutine.trace() as tr:
        served = allocate("dose", torch.zeros(6, dtype=torch.int8), stocks, by=by)
    noise = tr.trace.nodes["dose_noise"]["value"]
    assert served.tolist() == [*(noise[:3] == noise[:3].min()).tolist(), True, True, False]
    with Seeds("luck", blocks=2):
        assert int(allocate("dose", torch.zeros(6, dtype=torch.int8), stocks, by=by).sum()) == 3


SIX = torch.zeros(6, dtype=torch.int64)
GROUPS = torch.tensor([0, 0, 1, 1, 2, -1])


@pytest.mark.parametrize(
    ("supply", "by", "message"),
    [
        ([1, 2], GROUPS, r"has 2 stocks and an agent of group 2: give one stock a group, \[\*dims, 3\]"),
        (5, GROUPS, "has 1 stocks and an agent of group 2"),
        ([1, 2, 3], GROUPS - 1, "is by groups from -2: number them from 0, and give -1 for none"),
        ([1, -2, 3], GROUPS, "a stock of allocation 'dose' is -2: give whole numbers from 0"),
        (-1, GROUPS * 0, "a stock of allocation 'dose' is -1: give whole numbers from 0"),
        (-(2**80), GROUPS * 0, "a stock of allocation 'dose' is -1: give whole numbers from 0"),
        ([1.5, 2, 3], GROUPS, r"is 1.5: give a whole number \(.floor\(\)\), or infinity"),
        ([float("nan"), 2, 3], GROUPS, "is nan: give a whole number"),
        ([], GROUPS, r"has no stock: give one a group, \[\*dims, groups\]"),
        ([1, 2, 3], GROUPS[:4], r"is among 6 agents by groups of shape \(4,\): give one group an agent"),
        ([1, 2, 3], GROUPS.float(), "is by groups of torch.float32: give integers from 0"),
        ([1, 2, 3], GROUPS == 0, "is by groups of torch.bool: give integers from 0"),
        ([1, 2, 3], "north", "the groups of allocation 'dose' is 'north'"),
        ([1, 2, 3], None, r"give one number a row, \[\*dims, 1\], or whose stock serves each agent \(by=\)"),
        (torch.ones(3, 3).long(), GROUPS.expand(2, 6), "have shapes .*, which do not fit together"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(supply: Any, by: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as plain:
        allocate("dose", SIX, supply, by=by)
    with KeyedNoise(1), pytest.raises(ValueError, match=message) as keyed:
        allocate("dose", SIX, supply, by=by)
    assert str(plain.value) == str(keyed.value)


def test_infinity_serves_all_who_ask_and_the_last_group_may_be_empty() -> None:
    served = allocate("dose", torch.tensor([0, 300, 0, 0, 0, 0]), [float("inf"), 1, 0, 7], by=GROUPS)
    assert served.tolist()[:2] == [True, False]
    assert served.tolist()[4:] == [False, False]
    assert int(served[2:4].sum()) == 1
