"""`tally` by group: who is in none, how many groups there are, and sums that do not fit."""

import math

import numpy as np
import pytest
import torch
from chirho.interventional.handlers import do
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, Score, StraightThrough, Worlds, event, policy, rollout, tally
from causal_lpm.typing import State

WORK = torch.tensor([0, 0, 1, 1, 2, -1, -1, -1])


def test_who_is_in_no_group_is_counted_in_no_row() -> None:
    retired = torch.zeros(2, 8, dtype=torch.bool)
    retired[1, 5:] = True
    assert tally("x", retired, by=WORK, groups=3).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert tally("x", retired[1], by=WORK, groups=3).tolist() == [0, 0, 0]
    assert tally("x", torch.ones(3, dtype=torch.bool), by=torch.tensor([0, 1, -1]), groups=2).tolist() == [1, 1]


@settings(max_examples=60)
@given(st.data(), st.sampled_from([torch.bool, torch.int64, torch.float32]))
def test_groups_are_those_that_are_named(data: st.DataObject, dtype: torch.dtype) -> None:
    """With groups= the columns do not depend on which labels are there; rows do not see each other."""
    rows, agents, groups = (data.draw(st.integers(1, n)) for n in (3, 20, 4))
    by = data.draw(st.lists(st.integers(-1, groups - 1), min_size=agents, max_size=agents))
    x = np.array(data.draw(st.lists(st.integers(0, 1), min_size=rows * agents, max_size=rows * agents)))
    x = x.reshape(rows, agents)
    total = tally("x", torch.from_numpy(x).to(dtype), torch.tensor(by), groups=groups)
    assert total.tolist() == [[int(row[np.array(by) == g].sum()) for g in range(groups)] for row in x]


@pytest.mark.parametrize("replicates", [1, 2])
def test_who_is_in_no_group_is_nobodys_in_every_world(replicates: int) -> None:
    def day(s: State) -> State:
        ill = event("ill", s["rate"].expand(*s["rate"].shape[:-1], 8))
        tally("ill", ill, by=WORK, groups=5)
        tally("all", ill)
        return {**s, "at_home": s["at_home"] + (ill & (WORK < 0))}

    seeds = torch.arange(replicates)[:, None] if replicates > 1 else 0
    with KeyedNoise(seeds), Worlds(replicates=replicates), do(actions={"rate": torch.tensor(3.0)}):
        run = rollout(day, {"at_home": torch.zeros(8), "rate": policy("rate", 0.3)}, 5)
    assert run.tallies["ill"].shape == (2, *((2,) if replicates > 1 else ()), 5, 5)
    assert int(run.tallies["ill"][..., 3:, :].sum()) == 0
    employed = run.tallies["all"].sum((-1, -2)) - run.state["at_home"].sum(-1)
    assert torch.equal(run.tallies["ill"].sum((-1, -2)), employed.long())


@pytest.mark.parametrize("label", [torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.uint32])
def test_labels_of_every_integer_type(label: torch.dtype) -> None:
    by = torch.tensor([0, 127, 1], dtype=label)
    total = tally("x", torch.tensor([[True, True, False], [False, False, True]]), by, groups=128)
    assert total.shape == (2, 128)
    assert total.nonzero().tolist() == [[0, 0], [0, 127], [1, 1]]


def test_whole_numbers_are_summed_exactly() -> None:
    """Beyond 2**53 no float holds them."""
    x = torch.tensor([2**53 + 1, 2**62, 2**62, -(2**62)])
    assert tally("x", x).tolist() == [2**53 + 1 + 2**62]
    assert tally("x", x, torch.tensor([0, 1, 1, 1]), groups=2).tolist() == [2**53 + 1, 2**62]
    for by in (None, torch.tensor([0, 0, 0, -1])):
        with pytest.raises(ValueError, match=r"a sum of tally 'x' is beyond 2\*\*63"):
            tally("x", torch.tensor([2**62, 2**62, 0, 0]), by, groups=None if by is None else 1)


def test_what_is_no_number_shows_in_its_own_row_and_group() -> None:
    x = torch.tensor([[math.nan, 1.0, 2.0, math.nan], [1.0, math.inf, 2.0, 3.0]])
    total = tally("x", x, torch.tensor([0, 1, 1, -1]), groups=2)
    assert total[0].isnan().tolist() == [True, False]
    assert total[:, 1].tolist() == [3.0, math.inf]
    assert tally("x", x)[:, 0].isfinite().tolist() == [False, False]


def test_nobody_is_nothing() -> None:
    none = torch.zeros(2, 0, dtype=torch.bool)
    assert tally("x", none).tolist() == [[0], [0]]
    assert tally("x", none, torch.zeros(0, dtype=torch.int64), groups=2).tolist() == [[0, 0], [0, 0]]
    assert tally("x", torch.zeros(0, 3, dtype=torch.bool)).shape == (0, 1)


ONES = torch.ones(3)


@pytest.mark.parametrize(
    ("by", "groups", "message"),
    [
        (torch.tensor([0, 1, -2]), 2, "is by groups from -2: number them from 0, and give -1 for no group"),
        (torch.tensor([0.0, 1.0, 2.0]), 3, "is by groups of torch.float32: give integers from 0"),
        (torch.tensor([True, False, True]), 2, "is by groups of torch.bool: give integers from 0"),
        (torch.tensor([0, 1, 2]), None, "is by groups: say how many there are with groups="),
        (torch.tensor([0, 1, 2]), 2, "has 2 groups and label 2: number them 0 to 1"),
        (torch.tensor([0, 1, 2]), 0, "is 0: give a whole number of at least 1"),
        (torch.tensor([0, 1, 2]), 2.5, "is 2.5: give a whole number of at least 1"),
        (None, 2, "has 2 groups, but no agent has one: give by=, too"),
        (torch.tensor([0, 10**9, 5]), 3, "has 3 groups and label 1000000000: number them 0 to 2 without gaps"),
        (torch.tensor([0, 10**13, 5]), 10**13 + 1, "10000000000001 groups of tally 'x' need about 80000 GB"),
        (torch.tensor([[0, 1, 2]]), 3, "give one group an agent"),
    ],
)
def test_groups_that_are_none_are_refused(by: torch.Tensor | None, groups: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tally("x", ONES, by, groups=groups)


@pytest.mark.parametrize("handler", [StraightThrough, Score])
def test_gradients_flow_from_who_is_in_a_group(handler: type) -> None:
    weight = torch.tensor([1.0, 2.0, 4.0, 8.0], requires_grad=True)
    by = torch.tensor([2, -1, 0, 2], dtype=torch.int8)
    plain = tally("x", weight.detach(), by, groups=4)
    with handler():
        total = tally("x", weight, by, groups=4)
    assert total.tolist() == plain.tolist() == [4.0, 0.0, 9.0, 0.0]
    (slope,) = torch.autograd.grad(total.sum(), weight)
    assert slope.tolist() == [1.0, 0.0, 1.0, 1.0]
