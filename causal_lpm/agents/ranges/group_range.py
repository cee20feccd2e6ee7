"""Groups with members in several ranges: what the members elsewhere send together is added to their sums."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from causal_lpm.agents.layers import Follow, Layer, RangeLayer
from causal_lpm.agents.ranges.border import Border
from causal_lpm.kernels import group_sum
from causal_lpm.ops.population import Address, bounds_of_ranges, swap

__all__ = ["GroupRange"]


class GroupRange(RangeLayer):
    """The groups of the agents here.

    Args:
        group: int32 `[here]`, numbers of groups among all; below 0: in none.
        address: Who is here.
        groups_of: Makes a layer of the groups of agents, int32.
    """

    def __init__(self, group: Tensor, address: Address, groups_of: Callable[[Tensor], Layer]) -> None:
        known, local = torch.unique(group, return_inverse=True)
        lacking = int(len(known) > 0 and known[0] < 0)
        known, local = known[lacking:].long(), local.int() - lacking
        bounds = bounds_of_ranges(address.total)
        common = _in_common(known, len(bounds) - 1, bounds.index(address.first))
        shared = torch.unique(torch.cat(common))
        self._layer, self._shared = groups_of(local), len(shared)
        place = torch.full((len(known) + 1,), -1, dtype=torch.int32)
        place[torch.searchsorted(known, shared)] = torch.arange(len(shared), dtype=torch.int32)
        self._members = (place[local] >= 0).nonzero()[:, 0]
        self._group_of_member = place[local[self._members]]
        places = [torch.searchsorted(shared, each) for each in common]
        self._border = Border(places, places, len(shared))

    def total(self, x: Tensor, follow: Follow) -> Tensor:
        total = self._layer.total(x)
        own = group_sum(x.index_select(-1, self._members), self._group_of_member, self._shared)
        elsewhere = self._border.exchanged(own).to(total.dtype)
        return total.index_add_(-1, self._members, elsewhere[..., self._group_of_member]) if self._shared else total


def _in_common(known: Tensor, ranges: int, own: int) -> list[Tensor]:
    """By range, the groups that have members here and there, ascending."""
    ends = torch.stack([known[0], known[-1]]) if len(known) else torch.tensor([0, -1])
    theirs = [parcel.clone().view(torch.int64).tolist() for parcel in swap([ends.view(torch.uint8)] * ranges)]
    # Only groups with a number that may be there are named.
    named = [known[(known >= low) & (known <= high)] for low, high in theirs]
    named[own] = known[:0]
    heard = swap([each.contiguous().view(torch.uint8) for each in named])
    return [each[torch.isin(each, other.clone().view(torch.int64))] for each, other in zip(named, heard, strict=True)]
