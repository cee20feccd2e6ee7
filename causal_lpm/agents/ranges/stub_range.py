"""Chance meetings across ranges: each looks up whom those meet who send something, and says it to who holds them."""

from __future__ import annotations

import torch
from torch import Tensor

from causal_lpm.agents.layers import Follow, RangeLayer, stretches
from causal_lpm.agents.ranges.parcels import packed, unpacked
from causal_lpm.kernels.ranges import permuted
from causal_lpm.kernels.sending import not_zero
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.population import Address, bounds_of_ranges, swap

__all__ = ["StubRange"]


class StubRange(RangeLayer):
    """The stubs of the agents here, numbered after those of the ranges before.

    Args:
        stubs: int32 `[here]`, how many each has.
        address: Who is here.
        chain: As `FreshRandom` has it.
        name: Of the key.
    """

    def __init__(self, stubs: Tensor, address: Address, chain: bool, name: str) -> None:
        self._stubs, self._chain, self._name = stubs, chain, name
        self._end = stubs.cumsum(0, dtype=torch.int32)  # where the next agent's begin
        ranges = len(bounds := bounds_of_ranges(address.total)) - 1
        self._range = bounds.index(address.first)
        mine = self._end[-1:].long().view(torch.uint8)
        many = [int(parcel.clone().view(torch.int64)) for parcel in swap([mine] * ranges)]
        self._here = many[self._range]
        self._bounds = torch.tensor([0, *many]).cumsum(0)

    def total(self, x: Tensor, follow: Follow) -> Tensor:
        keys = exogenous(self._name, 1, kind="bits").to(x.device)
        dims = torch.broadcast_shapes(x.shape[:-1], keys.shape[:-1])
        keys = keys[..., 0].expand(dims).reshape(-1)
        rows = x.expand(*dims, x.shape[-1]).reshape(-1, x.shape[-1])
        found = [self._sent(rows, (keys == key).nonzero()[:, 0], key) for key in keys.unique()]
        row, stub, value = (torch.cat(parts) for parts in zip(*found, strict=True))
        at = torch.bucketize(stub, self._bounds[1:], right=True)
        parcels = []
        for rank, many in enumerate(self._bounds.diff().tolist()):
            there = (at == rank).nonzero()[:, 0]
            parcels.append(packed(row[there] * many + (stub[there] - self._bounds[rank]), value[there]))
        total = torch.zeros(rows.shape, dtype=torch.int64)
        for parcel in swap(parcels):
            place, said = unpacked(parcel)
            row, stub = place // max(1, self._here), place % max(1, self._here)
            total.view(-1).index_add_(0, row * rows.shape[-1] + self._owner(stub), said)
        return total.reshape(*dims, x.shape[-1])

    def _owner(self, stub: Tensor) -> Tensor:
        """Whose stubs here they are."""
        return torch.searchsorted(self._end, stub.int(), right=True)

    def _sent(self, rows: Tensor, of_key: Tensor, key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What goes to which stub of all in which row, in the rows of one key."""
        agents = torch.cat([not_zero(rows[row]) for row in of_key.tolist()])
        agents = agents if len(of_key) == 1 else agents.unique()
        many = self._stubs[agents].long()
        place, number = stretches(self._end[agents].long() - many, many)
        stubs, key = int(self._bounds[-1]), key.reshape(1)
        at = permuted(key, number + self._bounds[self._range], stubs, inverse=True)
        if self._chain:  # beside the one before and the one after it
            place, beside = torch.cat([place, place]), torch.cat([at - 1, at + 1])
            there = (beside >= 0) & (beside < stubs)
        else:
            beside = at ^ 1
            there = torch.maximum(at, beside) < stubs // 2 * 2
        place, other = place[there], permuted(key, beside[there], stubs)
        own = other - self._bounds[self._range]
        loop = (own >= 0) & (own < self._here)
        loop[loop.clone()] = self._owner(own[loop]) == agents[place[loop]]  # nobody meets himself
        place, other = place[~loop], other[~loop]
        value = rows[of_key[:, None], agents].long()[:, place]
        row, entry = value.nonzero(as_tuple=True)
        return of_key[row], other[entry], value[row, entry]
