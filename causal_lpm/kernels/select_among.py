"""Who is served when supply is short, where several ranges ask: each counts its own, and only counts travel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["select_among", "select_among_by_key"]

DIGIT = 11
"""Bits counted at a time: tables of 16 KB."""

Together = Callable[[Tensor], Tensor]


def select_among(
    priority: Tensor,
    noise: Callable[[], Tensor],
    lead: torch.Size,
    supply: Tensor,
    classes: int,
    first: int,
    together: Together,
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
    dims, asks, left = _rows(priority, lead, supply)
    counts = [torch.bincount(row.clamp(max=classes).long(), minlength=classes + 1) for row in asks]
    whole, left, short = _classes(together(torch.stack(counts)), left)
    served = torch.stack([row < limit for row, limit in zip(asks, whole, strict=True)])
    if short:
        luck = noise().expand(*dims, asks.shape[-1]).reshape(-1, asks.shape[-1])
        waiting = [(asks[row] == whole[row]).nonzero()[:, 0] for row in short]
        orders = [luck[row][agents].view(torch.int32).long() for row, agents in zip(short, waiting, strict=True)]
        _settle(served, short, waiting, orders, left[short], first, together)
    return served.reshape(*dims, asks.shape[-1])


def select_among_by_key(
    priority: Tensor, key: Tensor, supply: Tensor, classes: int, first: int, together: Together
) -> Tensor:
    """As `kernels.select`, for the agents of one range: compiled loops that write no noise out.

    Args:
        priority: integers `[*dims, here]`, none below 0.
        key: int64 `[]` or `[*draws, 1]`, under which the first agent here has number 0.
        supply: int64 `[*dims, 1]`, of all ranges.
        classes: number of classes.
        first: number of the first agent here.
        together: Adds up counts over all ranges.

    Returns:
        bool of the broadcast shape.
    """
    from causal_lpm.kernels import cpu_select_among as loops

    dims, asks, left = _rows(priority, key.shape[:-1], supply)
    rows: Any = (asks if asks.dtype in (torch.uint8, torch.int16, torch.int32) else asks.long()).numpy()
    keys = key.expand(*dims, 1).reshape(-1).numpy().view(np.uint64)
    counts = np.zeros((len(rows), classes + 1), np.int64)
    for row, count in zip(rows, counts, strict=True):
        loops.count_classes(row, count)
    whole, left, short = _classes(together(torch.from_numpy(counts)), left)
    served = torch.stack([row < limit for row, limit in zip(asks, whole, strict=True)])
    if not short:
        return served.reshape(*dims, asks.shape[-1])
    tables = np.zeros((len(short), loops.BUCKETS), np.int64)
    whos = [np.empty(counts[row, whole[row]] + 1, np.int32) for row in short]  # here, of the class that is divided
    buckets = [np.empty(len(who) - 1, np.int16) for who in whos]
    for row, who, bucket, table in zip(short, whos, buckets, tables, strict=True):
        loops.count_buckets(rows[row], whole[row], keys[row], who, bucket, table)
    waiting, orders, rest = [], [], []
    for i, (row, count) in enumerate(zip(short, together(torch.from_numpy(tables)), strict=True)):
        upto, many = count.cumsum(0), int(left[row])
        edge = int((upto <= many).sum())
        # One bucket apart may still be the same exponential in float32, two apart cannot.
        lower, upper = max(edge - 1, 0), min(edge + 1, loops.BUCKETS - 1)
        near = np.empty(int(tables[i, lower : upper + 1].sum()) + 1, np.int64)
        loops.near_edge(whos[i], buckets[i], lower, upper, served[row].numpy(), near)
        order = np.empty(len(near) - 1, np.int32)
        loops.order_of(near[:-1], keys[row], order)
        waiting.append(torch.from_numpy(near[:-1]))
        orders.append(torch.from_numpy(order).long())
        rest.append(many - int(upto[lower - 1]) if lower else many)
    _settle(served, short, waiting, orders, torch.tensor(rest), first, together)
    return served.reshape(*dims, asks.shape[-1])


def _rows(priority: Tensor, lead: torch.Size, supply: Tensor) -> tuple[tuple[int, ...], Tensor, Tensor]:
    """Sizes of the dimensions; priorities and supply row by row."""
    dims, here = np.broadcast_shapes(priority.shape[:-1], lead, supply.shape[:-1]), priority.shape[-1]
    return dims, priority.expand(*dims, here).reshape(-1, here), supply.expand(*dims, 1).reshape(-1).clone()


def _classes(counts: Tensor, left: Tensor) -> tuple[list[int], Tensor, list[int]]:
    """How many classes are served whole in each row, what is left then, and the rows in which a class is divided."""
    classes = counts.shape[-1] - 1
    upto = counts[:, :classes].cumsum(-1)
    whole = (upto <= left[:, None]).sum(-1)
    left = left - torch.nn.functional.pad(upto, (1, 0)).gather(-1, whole[:, None])[:, 0]
    return whole.tolist(), left, ((whole < classes) & (left > 0)).nonzero()[:, 0].tolist()


def _settle(
    served: Tensor,
    short: list[int],
    waiting: list[Tensor],
    orders: list[Tensor],
    rest: Tensor,
    first: int,
    together: Together,
) -> None:
    """Serves the first of those who wait, by digits of their order and, in ties, of their number.

    Args:
        served: bool `[rows, here]`, changed in place.
        short: The rows.
        waiting: Who waits in each, int64, ascending.
        orders: Their order, int64 below 2**31.
        rest: How many are served in each, int64 `[rows]`, fewer than wait in all ranges.
        first: number of the first agent here.
        together: Adds up counts over all ranges.
    """
    for ties in (False, True):
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
