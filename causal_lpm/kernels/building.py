"""Graphs from edges: compressed rows, by counting instead of by sorting all edges."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from causal_lpm.kernels import _for, reference

__all__ = ["Edges", "compressed_rows"]

Edges = Callable[[], Iterable[tuple[Tensor, Tensor]]]
"""Gives the same edges at each call, in one or several blocks: (one end, other end), each int32 `[edges]`."""


def compressed_rows(edges: Edges, agents: int) -> tuple[Tensor, Tensor]:
    """The symmetric graph of undirected edges; edges of an agent to itself are dropped.

    The edges are asked for twice, to count and to place them, so that those which are computed need not be stored.

    Args:
        edges: called without arguments, gives blocks of int32 ends from 0 to agents - 1; not checked here.
        agents: number of agents, below 2**31.

    Returns:
        indptr: int64 `[agents + 1]`, where each agent's neighbours begin.
        neighbours: int32 `[2 * edges that are no loops]`, ascending in each row; repeated edges stay repeated.

    >>> ends = torch.tensor([2, 0, 1]).int(), torch.tensor([0, 1, 1]).int()
    >>> compressed_rows(lambda: [ends], agents=3)
    (tensor([0, 2, 3, 4]), tensor([1, 2, 0, 0], dtype=torch.int32))
    """
    first, _ = next(iter(edges()))
    if first.device.type == "cpu" and _for(first) is not reference:
        return _counted(edges, agents)
    src, dst = (torch.cat(ends) for ends in zip(*edges(), strict=True))
    real = src != dst
    owner, other = torch.cat([src[real], dst[real]]).long(), torch.cat([dst[real], src[real]])
    indptr = torch.zeros(agents + 1, dtype=torch.int64, device=src.device)
    indptr[1:] = torch.bincount(owner, minlength=agents).cumsum(0)
    return indptr, (torch.sort(owner * agents + other).values % agents).int()


def _counted(edges: Edges, agents: int) -> tuple[Tensor, Tensor]:
    from causal_lpm.kernels import _building

    indptr = torch.zeros(agents + 1, dtype=torch.int64)
    for src, dst in edges():
        _building.count(src.numpy(), dst.numpy(), indptr.numpy())
    indptr.cumsum_(0)
    neighbours = torch.empty(int(indptr[-1]), dtype=torch.int32)
    # No second array of positions: `indptr[i]` moves on through the row of i while it is filled, and is put back after.
    for src, dst in edges():
        _building.place(src.numpy(), dst.numpy(), indptr.numpy(), neighbours.numpy())
    _building.finish(indptr.numpy(), neighbours.numpy())
    return indptr, neighbours
