"""Who is served when supply is short, where several ranges ask: each counts its own, and only counts travel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

__all__ = ["select_among"]

DIGIT = 11
"""Bits counted at a time: tables of 16 KB."""


def select_among(
    priority: Tensor,
    noise: Callable[[], Tensor],
    lead: torch.Size,
    supply: Tensor,
    classes: int,
    first: int,
    together: Callable[[Tensor], Tensor],
) -> Tensor:
    """As `kernels.select_by`, for the agents of one range.

    Args:
        priority: integers `[*dims, here]`, none below 0.
        noise: Of the agents here, float32 `[*draws, here]`, at least 0; asked for where some are served and some not.
        lead: `*draws`.
        supply: int64 `[*dims, 1]`, of all ranges.
        classes: number of classes.
        first: number of the first agent here.
        together: Adds up counts over all ranges.

    Returns:
        bool of the broadcast shape.

    >>> noise = torch.tensor([0.9, 0.1, 0.5])
    >>> select_among(torch.zeros(3).int(), lambda: noise, noise.shape[:-1], torch.tensor([2]), 4, 0, lambda n: n)
    tensor([False,  True,  True])
    """
    dims, here = np.broadcast_shapes(priority.shape[:-1], lead, supply.shape[:-1]), priority.shape[-1]
    asks = priority.expand(*dims, here).reshape(-1, here)
    left = supply.expand(*dims, 1).reshape(-1).clone()
    counts = [torch.bincount(row.clamp(max=classes).long(), minlength=classes + 1) for row in asks]
    upto = together(torch.stack(counts))[:, :classes].cumsum(-1)
    whole = (upto <= left[:, None]).sum(-1)  # so many classes are served
    before = torch.nn.functional.pad(upto, (1, 0)).gather(-1, whole[:, None])[:, 0]
    left -= before
    served = torch.stack([row < int(limit) for row, limit in zip(asks, whole, strict=True)])
    short = ((whole < classes) & (left > 0)).nonzero()[:, 0].tolist()
    if not short:
        return served.reshape(*dims, here)
    luck = noise().expand(*dims, here).reshape(-1, here)
    waiting = [(asks[row] == int(whole[row])).nonzero()[:, 0] for row in short]
    orders = [luck[row][agents].view(torch.int32).long() for row, agents in zip(short, waiting, strict=True)]
    rest = left[short]
    for ties in (False, True):  # they go by the agents' numbers
        keys = [agents + first for agents in waiting] if ties else orders
        for shift in (2 * DIGIT, DIGIT, 0):
            digits = [(key >> shift) & (2**DIGIT - 1) for key in keys]
            found = together(torch.stack([torch.bincount(one, minlength=2**DIGIT) for one in digits]))
            upto = found.cumsum(-1)
            last = (upto < rest[:, None]).sum(-1)
            for i, row in enumerate(short):
                served[row, waiting[i][digits[i] < last[i]]] = True
                tied = (digits[i] == last[i]).nonzero()[:, 0]
                waiting[i], keys[i] = waiting[i][tied], keys[i][tied]
            many = found.gather(-1, last[:, None])[:, 0]
            rest = rest - (upto.gather(-1, last[:, None])[:, 0] - many)
        if bool((rest == many).all()):
            break
    for i, row in enumerate(short):
        served[row, waiting[i]] = True
    return served.reshape(*dims, here)
