"""`exposure` at the ends of its numbers: every float type, messages and sums that 64 bits do not hold."""

from typing import Any

import pytest
import torch

from causal_lpm import exposure
from causal_lpm.agents.networks import Graph, Groups, random_graph
from causal_lpm.handlers.incremental import Incremental
from causal_lpm.ops.exposure import FIXED_POINT, to_fixed_point

HOME = Groups(torch.tensor([0, 0, 0, 1]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_fixed_point_is_computed_where_it_fits(dtype: torch.dtype) -> None:
    """float16 ends at 65504, one sixteenth in fixed point."""
    assert to_fixed_point(torch.tensor([0.5, 6e4], dtype=dtype)).tolist()[0] == FIXED_POINT // 2
    assert exposure(HOME, torch.tensor([0.5, 0.5, 0.0, 1.0], dtype=dtype)).tolist() == [0.5, 0.5, 1.0, 0.0]
    if dtype != torch.float16:
        assert exposure(HOME, torch.tensor([2.0**41, 2.0**41, 0.0, 1.0], dtype=dtype)).tolist() == [
            *(2.0**41,) * 2,
            2.0**42,
            0.0,
        ]


class Everybody:
    """A network of a user's own, with sums that are torch's."""

    agents = 4

    def total(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(-1, keepdim=True, dtype=torch.int32 if x.dtype == torch.bool else torch.int64) - x.long()


CIRCLES = {
    "groups": Groups(torch.zeros(4, dtype=torch.int64)),
    "layers": HOME + Graph.from_edges(torch.tensor([3, 3, 3]), torch.tensor([0, 1, 2]), 4),
    "a user's own": Everybody(),
}


@pytest.mark.parametrize("circle", CIRCLES)
@pytest.mark.parametrize(
    ("message", "sum_of_three"),
    [
        (torch.tensor(2.0**41), 1.5 * 2.0**42),
        (torch.tensor(8e12), None),
        (torch.tensor(-8e12, dtype=torch.float64), None),
        (torch.tensor(2**61), 1.5 * 2.0**62),
        (torch.tensor(2**62), None),
        (torch.tensor(-(2**63)), None),
        (torch.tensor(2**32 - 1, dtype=torch.uint32), 3 * (2.0**32 - 1)),
        (torch.tensor(2**63 - 1, dtype=torch.uint64), None),
    ],
)
def test_sums_that_do_not_fit_are_refused(circle: str, message: torch.Tensor, sum_of_three: float | None) -> None:
    x = message.expand(2, 4)
    if sum_of_three is None:
        with pytest.raises(ValueError, match=r"a sum of infectiousness over contacts .* is beyond 2\*\*63"):
            exposure(CIRCLES[circle], x)
    else:
        expected = torch.full((2, 4), sum_of_three, dtype=torch.float64).float()
        assert torch.equal(exposure(CIRCLES[circle], x), expected)


def test_large_messages_that_cancel_are_summed() -> None:
    x = torch.tensor([2**62, 2**62 - 1, -(2**62), 0])
    for circle in CIRCLES.values():
        total = exposure(circle, x)
        assert total[2:].tolist() == [2.0**63, 2.0**62]
    assert exposure(CIRCLES["groups"], x)[:2].tolist() == [-1.0, 0.0]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.tensor([1e13, 0.0, 0.0, 0.0]), r"reaches 1e\+13: floats end at 2\*\*43"),
        (torch.tensor([0.0, -1e305, 0.0, 0.0], dtype=torch.float64), r"reaches 1e\+305: floats end at 2\*\*43"),
        (torch.tensor([2**63, 0, 0, 0], dtype=torch.uint64), r"integers from 2\*\*63 on"),
        (["x"] * 4, "give numbers"),
    ],
)
def test_messages_that_do_not_fit_are_refused(x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        exposure(HOME, x)


def test_sums_follow_changes_from_small_to_large_messages_and_back() -> None:
    graph = random_graph(60, mean_degree=5, seed=1)
    g = torch.Generator().manual_seed(3)
    days = [torch.randint(0, top, (60,), generator=g) for top in (2, 2**50, 3, 2**50, 2)]
    with Incremental():
        along = [exposure(graph, x) for x in days]
    assert all(torch.equal(total, exposure(graph, x)) for total, x in zip(along, days, strict=True))
