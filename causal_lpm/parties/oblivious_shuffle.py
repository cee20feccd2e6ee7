"""Rows change their order, and nobody knows how: every party in turn applies an order that it alone knows.

In its turn a party receives the others' parts less a mask of the dealer, puts the rows into its order, and everybody
goes on with fresh parts of what the dealer has dealt for that order (the shuffle of Chase, Ghosh and Poburinnaya 2020,
with a dealer in place of their generator). The order of a turn is that of uniform words, of which each party has a part
and only the one whose turn it is receives all. The way back undoes the turns from the last to the first.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from causal_lpm.handlers.private.additive import Additive
from causal_lpm.handlers.private.dealing import Parts

__all__ = ["Shuffled", "shuffle"]


@dataclass(frozen=True)
class _Turn:
    rank: int
    order: Tensor | None  # known to this party in its own turn only
    dealt: Parts


@dataclass(frozen=True)
class Shuffled:
    """Rows in an order that nobody knows, and the way back for as many rows.

    Attributes:
        rows: int64 `[rows, columns]`, the part of this party.
    """

    rows: Tensor
    _layer: Additive
    _turns: tuple[_Turn, ...]

    def back(self, rows: Tensor) -> Tensor:
        """Other numbers of the same rows, put back into the order before; once only, with the columns announced."""
        for turn in reversed(self._turns):
            total = _gathered(self._layer, turn.rank, rows - turn.dealt.masks[1])
            rows = turn.dealt.values[1] + (0 if turn.order is None or total is None else total[turn.order.argsort()])
        return rows


def shuffle(layer: Additive, rows: Tensor, columns_back: int) -> Shuffled:
    """Puts rows into an order that no party knows; one round a party.

    Args:
        layer: Of this party.
        rows: int64 `[rows, columns]`, its part.
        columns_back: How many numbers a row will have on the way back.

    >>> from causal_lpm.handlers.private.in_process import together
    >>> def run(channel):
    ...     layer = Additive(channel)
    ...     rows = layer.public(torch.arange(6).view(3, 2))
    ...     mixed = shuffle(layer, rows, columns_back=2)
    ...     opened, same = layer.open(mixed.rows, mixed.back(mixed.rows))
    ...     return sorted(opened[:, 0].tolist()), same.tolist()
    >>> together(2, run)[0]
    ([0, 2, 4], [[0, 1], [2, 3], [4, 5]])
    """
    number, columns = rows.shape
    turns = []
    for rank in range(layer.parties):
        dealt = layer.dealt("permutation", (number, columns), (columns_back,))
        masked = rows - dealt.masks[0]
        total = _gathered(layer, rank, torch.cat([dealt.masks[2][:, None], masked], 1))  # words, and rows
        order = None if total is None else total[:, 0].argsort(stable=True)
        rows = dealt.values[0] + (0 if total is None else total[order, 1:])
        turns.append(_Turn(rank, order, dealt))
    return Shuffled(rows, layer, tuple(turns))


def _gathered(layer: Additive, rank: int, part: Tensor) -> Tensor | None:
    """The sum of all parts, for one party."""
    got = layer.channel.exchange({} if layer.rank == rank else {rank: part.contiguous()})
    if layer.rank != rank:
        return None
    for other in got.values():
        part = part + other
    return part
