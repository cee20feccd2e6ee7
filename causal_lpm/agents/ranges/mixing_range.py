"""Mixing between groups: what the members of a group elsewhere send together stands in for them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from causal_lpm.agents.layers import Layer
from causal_lpm.agents.ranges.stand_ins import StandIns
from causal_lpm.kernels import group_sum
from causal_lpm.ops.population import sum_over_ranges

__all__ = ["MixingRange"]


class MixingRange(StandIns):
    """The mixing of the agents here.

    Args:
        group: int32 `[here]`.
        seat: The same, with the number of groups for those in none.
        groups: How many groups there are.
        between: Makes the layer of agents by their groups and seats.
    """

    def __init__(self, group: Tensor, seat: Tensor, groups: int, between: Callable[[Tensor, Tensor], Layer]) -> None:
        self._group, self._groups = group, groups
        each = torch.arange(groups, dtype=group.dtype)
        super().__init__(between(torch.cat([group, each]), torch.cat([seat, each])), len(group))

    def heard(self, x: Tensor) -> Tensor:
        own = group_sum(x, self._group, self._groups).long()
        return torch.cat([x.long(), sum_over_ranges(own) - own], -1)
