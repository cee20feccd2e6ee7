"""Layers between the agents of a range and a few that stand for those elsewhere."""

from abc import abstractmethod

from torch import Tensor

from causal_lpm.agents.layers import Follow, Layer, RangeLayer

__all__ = ["StandIns"]


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
