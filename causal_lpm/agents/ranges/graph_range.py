"""A fixed graph cut at the borders of ranges: neighbours elsewhere have one that stands in for them here."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from causal_lpm.agents.layers import Layer
from causal_lpm.agents.ranges.border import Border
from causal_lpm.agents.ranges.stand_ins import StandIns
from causal_lpm.ops.population import Address, bounds_of_ranges

__all__ = ["GraphRange"]


class GraphRange(StandIns):
    """The contacts of the agents here.

    Args:
        indptr: int64 `[agents + 1]`, of the whole graph.
        neighbours: int32, of the whole graph.
        address: Who is here.
        graph_of: Makes a graph of rows that fit.
    """

    def __init__(
        self, indptr: Tensor, neighbours: Tensor, address: Address, graph_of: Callable[[Tensor, Tensor], Layer]
    ) -> None:
        first, here = address.first, address.here
        begin, end = int(indptr[first]), int(indptr[first + here])
        rows, near = indptr[first : first + here + 1] - begin, neighbours[begin:end].long() - first
        away = ((near < 0) | (near >= here)).nonzero()[:, 0]
        others, stand_in = torch.unique(near[away], return_inverse=True)
        agent = torch.searchsorted(rows, away, right=True) - 1  # whose neighbours they are
        near[away] = here + stand_in
        # The contacts of those who stand in, so that the graph is symmetric.
        order = torch.argsort(stand_in, stable=True)
        count = torch.bincount(stand_in, minlength=len(others))
        pointers = torch.cat([rows, rows[-1] + count.cumsum(0)])
        super().__init__(graph_of(pointers, torch.cat([near.int(), agent[order].int()])), here)
        bounds = torch.tensor(bounds_of_ranges(address.total))
        owner = torch.bucketize(others + first, bounds[1:], right=True)
        wanted, places = [], []
        asks = torch.bucketize(others[stand_in] + first, bounds[1:], right=True)
        for rank in range(len(bounds) - 1):
            wanted.append(torch.unique(agent[asks == rank]))  # in the order in which those there know them
            places.append((owner == rank).nonzero()[:, 0])
        self._border = Border(wanted, places, len(others))

    def heard(self, x: Tensor) -> Tensor:
        elsewhere = self._border.exchanged(x)
        return torch.cat([x, elsewhere.to(x.dtype)], -1)
