"""Small worlds that are fresh every day, across ranges: each makes the edges that begin at its own members."""

from __future__ import annotations

import torch
from torch import Tensor

from causal_lpm.agents.layers import Follow, RangeLayer
from causal_lpm.agents.ranges.parcels import packed, unpacked
from causal_lpm.kernels.ranges import Segments, ring_range
from causal_lpm.kernels.sending import Sending, not_zero
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.population import Address, bounds_of_ranges, swap

__all__ = ["RingRange"]


class RingRange(RangeLayer):
    """The members of classes that are here, in the order of their classes and numbers.

    Anybody may be joined to anybody of a class: so ranges tell each other what members send, where it changes, and each
    knows of all who send something.

    Args:
        classes: int32 `[here]`; below 0: in no class.
        half_degree: float32 `[classes]`, as `kernels.ring_total` has it.
        address: Who is here.
        rewire: As `FreshWattsStrogatz` has it.
        name: Of the key.
    """

    def __init__(self, classes: Tensor, half_degree: Tensor, address: Address, rewire: float, name: str) -> None:
        self._rewire, self._name = rewire, name
        kinds = len(half_degree)
        here = torch.bincount(classes.long() + 1, minlength=kinds + 1)
        none, here = int(here[0]), here[1:]
        self._members = torch.argsort(classes, stable=True)[none:].int()
        bounds = bounds_of_ranges(address.total)
        self._ranges, own = len(bounds) - 1, bounds.index(address.first)
        told = swap([here.contiguous().view(torch.uint8)] * self._ranges)
        ends = torch.stack([each.clone().view(torch.int64) for each in told]).cumsum(0)
        size = ends[-1]
        start, low = size.cumsum(0) - size, ends[own] - here
        self._segments = Segments(start, size, low, here, half_degree)
        self._total = max(1, int(size.sum()))
        self._shift = start + low - (here.cumsum(0) - here)  # from a member's number here to that among all, by class
        self._stretches = (start + torch.cat([torch.zeros_like(ends[:1]), ends[:-1]])).T.reshape(-1)  # of ranges
        among_all = torch.arange(len(self._members), dtype=torch.int32)
        among_all += torch.repeat_interleave(self._shift.int(), here)
        self._place = torch.full((address.here,), -1, dtype=torch.int32)
        self._place[self._members.long()] = among_all
        self._rows = 0
        self._told = self._sent = Sending.none()

    def total(self, x: Tensor, follow: Follow) -> Tensor:
        keys = exogenous(self._name, 1, kind="bits")
        dims = torch.broadcast_shapes(x.shape[:-1], keys.shape[:-1])
        keys = keys[..., 0].expand(dims).reshape(-1)
        rows = x.expand(*dims, x.shape[-1]).reshape(-1, x.shape[-1])
        self._hear(rows)
        total = torch.zeros(rows.shape, dtype=torch.int64)
        away = []
        for key in keys.unique():
            of_key, most = (keys == key).nonzero()[:, 0], len(self._told.place)
            with_key = self._sent, key.reshape(1), of_key, self._segments, self._rewire, most
            away.append(ring_range(*with_key, self._members, total))
        self._receive(total, *(torch.cat(parts) for parts in zip(*away, strict=True)))
        return total.reshape(*dims, x.shape[-1])

    def _hear(self, rows: Tensor) -> None:
        """Brings what all members send up to date."""
        if len(rows) != self._rows:
            self._rows, self._told, self._sent = len(rows), Sending.none(), Sending.none()
        places, values = [], []
        for number, row in enumerate(rows):
            agent = not_zero(row)
            place = self._place[agent].long()
            agent, place = agent[place >= 0], place[place >= 0]
            place, order = place.sort()
            places.append(place + number * self._total)
            values.append(row[agent[order]].long())
        own = Sending(torch.cat(places), torch.cat(values))
        parcel = packed(*self._told.change_to(own))
        self._sent = self._sent.plus(*(unpacked(said) for said in swap([parcel] * self._ranges)))
        self._told = own

    def _receive(self, total: Tensor, row: Tensor, place: Tensor, value: Tensor) -> None:
        """Sends what goes to members elsewhere, and adds what comes from there."""
        owner = (torch.searchsorted(self._stretches, place, right=True) - 1) % self._ranges
        parcels = []
        for rank in range(self._ranges):
            there = owner == rank
            parcels.append(packed(row[there] * self._total + place[there], value[there]))
        for said in swap(parcels):
            place, value = unpacked(said)
            row, place = place // self._total, place % self._total
            kind = torch.searchsorted(self._segments.start, place, right=True) - 1
            agent = self._members[place - self._shift[kind]].long()
            total.view(-1).index_add_(0, row * total.shape[-1] + agent, value)
