"""What ranks have for each other arrives, whatever its length: also what is longer than travels with its number."""

import pytest
import torch
from torch import Tensor, distributed

from causal_lpm.handlers.sharded.meeting import meet
from causal_lpm.handlers.sharded.ranks import AT_ONCE
from causal_lpm.ranks import on_ranks

pytestmark = pytest.mark.skipif(not distributed.is_available(), reason="torch has no processes that speak")

LENGTHS = (0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 5 * AT_ONCE)


def parcel(sender: int, receiver: int, length: int) -> Tensor:
    """Bytes that nobody else has for anybody."""
    generator = torch.Generator().manual_seed(100 * sender + receiver)
    return torch.randint(256, (length,), generator=generator, dtype=torch.uint8)


def swapped_by_all() -> list[list[bool]]:
    """For each pair of lengths, whether each rank has what the others had for it; one sends more than the others."""
    ranks = meet()
    own, right = ranks.number, []
    for few in LENGTHS:
        for many in LENGTHS:

            def of(sender: int, receiver: int, few: int = few, many: int = many) -> Tensor:
                return parcel(sender, receiver, many if (sender, receiver) == (0, 1) else few)

            came = ranks.swapped([of(own, other) for other in range(ranks.count)])
            here = all(torch.equal(each, of(other, own)) for other, each in enumerate(came))
            right.append(ranks.stacked(torch.tensor(here)).tolist())
    return right


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_parcels_of_any_length_arrive(count: int) -> None:
    assert on_ranks(count, swapped_by_all) == [[True] * count] * len(LENGTHS) ** 2
