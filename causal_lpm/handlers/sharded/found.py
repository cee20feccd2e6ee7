"""The few agents whom a change concerns, where several ranks hold agents: each rank finds its own."""

import torch

from causal_lpm.handlers.sharded.held import Held, cut
from causal_lpm.ops.looking import Few, Found

__all__ = ["FoundHere"]


class FoundHere(Found):
    """The agents in `where` that are held here: what concerns them is computed here, and put among all.

    What `of` and `entries` give are plain tensors of the agents here, different on each rank.
    """

    def __init__(self, where: torch.Tensor) -> None:
        super().__init__(where)
        assert isinstance(where, Held)
        self._like, self._few = where, Few(where.local)

    def __bool__(self) -> bool:
        return bool(self._like.any())

    def of(self, x: torch.Tensor) -> torch.Tensor:
        return self._few.of(self._cut(x, -1))

    def entries(self, tables: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return self._few.entries(self._cut(tables, -2), index)

    def put(self, x: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        return self._like.like(self._few.put(self._cut(x, -1), new))

    def _cut(self, x: torch.Tensor, axis: int) -> torch.Tensor:
        local: torch.Tensor = cut(x, axis, self._like.total, self._like.ranks)
        return local
