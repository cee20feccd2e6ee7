"""Numbers by place, as bytes: what ranges send each other."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["packed", "unpacked"]

_WIDTHS = {1: torch.int8, 4: torch.int32, 8: torch.int64}


def packed(place: Tensor, value: Tensor) -> Tensor:
    """Whole numbers and their places, uint8 `[n]`, in as few bytes as they need; none for none.

    >>> place, value = unpacked(packed(torch.tensor([3, 9]), torch.tensor([1, -2])))
    >>> place, value
    (tensor([3, 9]), tensor([ 1, -2]))
    """
    if not len(place):
        return torch.empty(0, dtype=torch.uint8)
    wide, deep = _width(place), _width(value)
    head = torch.tensor([len(place), wide, deep])
    parts = head, place.to(_WIDTHS[wide]), value.to(_WIDTHS[deep])
    return torch.cat([part.contiguous().view(torch.uint8) for part in parts])


def unpacked(parcel: Tensor) -> tuple[Tensor, Tensor]:
    """Places and values, int64."""
    if not len(parcel):
        none = torch.empty(0, dtype=torch.int64)
        return none, none
    many, wide, deep = parcel[:24].clone().view(torch.int64).tolist()
    end = 24 + many * wide
    place, value = parcel[24:end].clone(), parcel[end : end + many * deep].clone()
    return place.view(_WIDTHS[wide]).long(), value.view(_WIDTHS[deep]).long()


def _width(x: Tensor) -> int:
    low, high = (int(end) for end in torch.aminmax(x))
    size = max(-low - 1, high)
    return 1 if size < 2**7 else 4 if size < 2**31 else 8
