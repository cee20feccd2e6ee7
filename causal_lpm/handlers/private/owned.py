"""Numbers that each party knows of its own rows: what it makes of them with public numbers, it makes alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor

__all__ = ["Blocks", "Owned"]

Blocks: TypeAlias = Sequence[tuple[int, int]]
"""First row and end of the rows of each party: together all rows, in order."""


@dataclass(frozen=True)
class Owned:
    """The numbers behind a secret, as far as this party knows them, such as the luck of its own agents.

    Attributes:
        values: `[*dims, own rows]`.
        blocks: The rows of each party.
        rank: This party.
    """

    values: Tensor
    blocks: Blocks
    rank: int

    def after(self, operation: Callable[..., Tensor], *operands: Any) -> "Owned":
        """What an elementwise operation makes of them; None among its operands stands for them, the rest is public."""
        (first, end), agents = self.blocks[self.rank], self.blocks[-1][1]

        def here(x: Any) -> Any:
            if x is None:
                return self.values
            by_agent = isinstance(x, Tensor) and x.dim() > 0 and x.shape[-1] == agents
            return x[..., first:end] if by_agent else x

        return Owned(operation(*map(here, operands)), self.blocks, self.rank)
