"""Small worlds that are fresh every day, across ranges: each makes the edges that begin at its own members."""

from __future__ import annotations

import torch
from torch import Tensor

from causal_lpm.agents.layers import Follow, RangeLayer
from causal_lpm.agents.ranges.parcels import packed, unpacked
from causal_lpm.kernels.ranges import Segments, ring_range
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.population import Address, bounds_of_ranges, swap

__all__ = ["RingRange"]


class RingRange(RangeLayer):
    """The members of classes that are here, in the order of their classes and numbers.

    Anybody may be joined to anybody of a class: so ranges tell each other what members send, where it changes.

    Args:
        classes: int32 `[here]`; below 0: in no class.
        half_degree: float32 `[classes]`, as `kernels.ring_total` has it.
        address: Who is here.
        rewire: As `FreshWattsStrogatz` has it.
        name: Of the key.
    """

    def __init__(self, classes: Tensor, half_degree: Tensor, address: Address, rewire: float, name: str) -> None:
        self._rewire, self._name = rewire, name
        members = (classes >= 0).nonzero()[:, 0]
        self._members = members[classes[members].argsort(stable=True)]
        here = torch.bincount(classes[members].long(), minlength=len(half_degree))
        ranges = len(bounds := bounds_of_ranges(address.total)) - 1
        self._range = bounds.index(address.first)
        counts = torch.stack([each.clone().view(torch.int64) for each in swap([here.view(torch.uint8)] * ranges)])
        ends = counts.cumsum(0)
        size = ends[-1]
        start, low = size.cumsum(0) - size, (ends - counts)[self._range]
        self._segments = Segments(start, size, low, here, half_degree)
        self._total = int(size.sum())
        each = torch.repeat_interleave(torch.arange(len(here)), here)
        within = torch.arange(len(each)) - (here.cumsum(0) - here)[each]
        self._places = start[each] + low[each] + within  # of the members here among all
        self._stretches = (start + ends - counts).T.reshape(-1)  # where each range begins in each class
        self._told = torch.zeros(0, 0, dtype=torch.int64)
        self._sent = torch.zeros(0, 0, dtype=torch.int64)

    def total(self, x: Tensor, follow: Follow) -> Tensor:
        keys = exogenous(self._name, 1, kind="bits")
        dims = torch.broadcast_shapes(x.shape[:-1], keys.shape[:-1])
        keys = keys[..., 0].expand(dims).reshape(-1)
        rows = x.expand(*dims, x.shape[-1]).reshape(-1, x.shape[-1])
        self._hear(rows.index_select(1, self._members).long())
        sums = torch.empty(len(rows), len(self._members), dtype=torch.int64)
        away = []
        for key in keys.unique():
            of_key = (keys == key).nonzero()[:, 0]
            sent = self._sent if len(of_key) == len(keys) else self._sent[of_key]
            most = int(torch.count_nonzero(self._told[of_key]))
            sums[of_key], row, place, value = ring_range(sent, key.reshape(1), self._segments, self._rewire, most)
            away.append((of_key[row], place, value))
        self._receive(sums, *(torch.cat(parts) for parts in zip(*away, strict=True)))
        total = torch.zeros(rows.shape, dtype=torch.int64)
        total.index_copy_(1, self._members, sums)
        return total.reshape(*dims, x.shape[-1])

    def _hear(self, own: Tensor) -> None:
        """Brings what all members send up to date, `[rows, members]`."""
        if len(own) != len(self._told):
            self._told = torch.zeros_like(own)
            self._sent = torch.zeros(len(own), self._total, dtype=torch.int64)
        change = own - self._told
        row, member = change.nonzero(as_tuple=True)
        parcel = packed(row * self._total + self._places[member], change[row, member])
        for said in swap([parcel] * (len(self._stretches) // len(self._segments.size))):
            place, value = unpacked(said)
            self._sent.view(-1).index_add_(0, place, value)
        self._told = own

    def _receive(self, sums: Tensor, row: Tensor, place: Tensor, value: Tensor) -> None:
        """Sends what goes to members elsewhere, and adds what comes from there."""
        ranges = len(self._stretches) // len(self._segments.size)
        owner = (torch.searchsorted(self._stretches, place, right=True) - 1) % ranges
        parcels = []
        for rank in range(ranges):
            there = owner == rank
            parcels.append(packed(row[there] * self._total + place[there], value[there]))
        for said in swap(parcels):
            place, value = unpacked(said)
            member = torch.searchsorted(self._places, place % max(1, self._total))
            sums.view(-1).index_add_(0, place // max(1, self._total) * sums.shape[-1] + member, value)
