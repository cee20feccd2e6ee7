"""What a process that holds a range of the agents makes of a network layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from torch import Tensor

from causal_lpm.ops.population import Address, join_ranges

if TYPE_CHECKING:
    from causal_lpm.agents.layers import Layer

__all__ = ["Follow", "RangeLayer", "StandIns", "Whole"]

Follow: TypeAlias = Callable[["Layer", Tensor], Tensor]
"""Sums messages over a layer, perhaps from what it was asked last."""


class RangeLayer(ABC):
    """The sums of the agents held here; all ranges ask for them together, since they speak to each other."""

    @abstractmethod
    def total(self, x: Tensor, follow: Follow) -> Tensor:
        """The sums `[*dims, here]` of what contacts send, wherever they are.

        Args:
            x: bool or int64 `[*dims, here]`: what the agents here send.
            follow: Sums over a layer that stays the same.
        """


class StandIns(RangeLayer):
    """A layer between the agents here and some that stand for others: agents elsewhere, or groups of them.

    Args:
        layer: Of the agents here, then of those that stand in.
        here: How many agents are here.
    """

    def __init__(self, layer: Layer, here: int) -> None:
        self.layer, self.here = layer, here

    def total(self, x: Tensor, follow: Follow) -> Tensor:
        return follow(self.layer, self.heard(x)).narrow(-1, 0, self.here)

    @abstractmethod
    def heard(self, x: Tensor) -> Tensor:
        """The messages of the agents here, and of those that stand in."""


class Whole(RangeLayer):
    """The layer itself, which every range sums for everybody: right for every layer, and divides no work."""

    def __init__(self, layer: Layer, address: Address) -> None:
        self.layer, self.first, self.here = layer, address.first, address.here

    def total(self, x: Tensor, follow: Follow) -> Tensor:
        return follow(self.layer, join_ranges(x)).narrow(-1, self.first, self.here)
