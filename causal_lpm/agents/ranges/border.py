"""Values that other ranges need of this one, and it of them: only those that have changed travel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from causal_lpm.agents.ranges.parcels import packed, unpacked
from causal_lpm.ops.population import swap

__all__ = ["Border"]


class Border:
    """Keeps, for each other range, what it was told last, so that it is told again only what is different.

    Args:
        wanted: By range, which of the values here it needs, int64 `[n]`; both ranges have them in one order.
        places: By range, to which place here each value from there is added, int64.
        width: How many places there are.
    """

    def __init__(self, wanted: Sequence[Tensor], places: Sequence[Tensor], width: int) -> None:
        self._wanted, self._places, self._width = torch.cat(list(wanted)), places, width
        self._counts = [len(one) for one in wanted]
        self._told: Tensor | None = None
        self._heard = torch.zeros(0, dtype=torch.int64)

    def exchanged(self, values: Tensor) -> Tensor:
        """The sums in the places of what the ranges have there now.

        Args:
            values: bool or int64 `[*dims, n]`, those of this range.

        Returns:
            int64 `[*dims, width]`, which the next call changes.
        """
        new = values.index_select(-1, self._wanted).long()
        dims, rows = new.shape[:-1], new.shape[:-1].numel()
        told = self._last(dims)
        change = (new - told).reshape(rows, -1)
        self._told = new
        parcels = []
        for part, count in zip(change.split(self._counts, -1), self._counts, strict=True):
            row, column = part.nonzero(as_tuple=True)
            parcels.append(packed(row * count + column, part[row, column]))
        heard = self._heard.view(rows, self._width)
        for places, parcel in zip(self._places, swap(parcels), strict=True):
            place, value = unpacked(parcel)
            if len(place):
                at = (place // len(places)) * self._width + places[place % len(places)]
                heard.view(-1).index_add_(0, at, value)
        return self._heard

    def _last(self, dims: torch.Size) -> Tensor:
        """What was told last, in these worlds: those that have split had it in common."""
        told = self._told
        if told is None or not _leads_to(told.shape[:-1], dims):
            self._heard = torch.zeros(*dims, self._width, dtype=torch.int64)
            return torch.zeros(*dims, len(self._wanted), dtype=torch.int64)
        if told.shape[:-1] != dims:
            self._heard = self._heard.expand(*dims, self._width).clone()
        return told.expand(*dims, len(self._wanted))


def _leads_to(before: torch.Size, now: torch.Size) -> bool:
    """Whether rows can have become these, where worlds have split."""
    fits = (old in (1, new) for old, new in zip(reversed(before), reversed(now), strict=False))
    return len(before) <= len(now) and all(fits)
