"""What networks were last asked and what they answered: sums over contacts that go on from one day to the next.

An entry is true by itself: its sums are those of its messages, whichever simulation asked, and whatever has happened
since. Where the next messages are much like them, few changes lead from one to the other; where they are not, it costs
time and changes no number.
"""

from collections.abc import Callable
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch

from causal_lpm.typing import IncrementalNetwork

__all__ = ["KeptSum", "KeptSums"]


class KeptSum(NamedTuple):
    """What a network was last asked, in memory that nobody else writes, and what it answered.

    Attributes:
        messages: bool or int64 `[*dims, agents]`.
        total: Their sums over contacts, of the same shape.
        written: How often each tensor of the network had been written into.
    """

    messages: torch.Tensor
    total: torch.Tensor
    written: tuple[int, ...]

    def leads_to(self, network: IncrementalNetwork, messages: torch.Tensor) -> bool:
        """Whether these messages can follow from the last: of one kind, no fewer worlds, the same contacts."""
        last, old, new = self.messages, self.messages.shape, messages.shape
        alike = last.dtype == messages.dtype and last.device == messages.device and self.written == written(network)
        fits = len(old) <= len(new) and all(a in (1, b) for a, b in zip(reversed(old), reversed(new), strict=False))
        return alike and fits


class KeptSums:
    """The last messages and sums of networks; who goes on from them takes them out, and puts others in their place.

    >>> from causal_lpm.agents import random_graph
    >>> graph, asked = random_graph(4, 2, seed=1), torch.eye(2, 4, dtype=torch.bool)
    >>> sums = KeptSums()
    >>> sums.put(graph, KeptSum(asked, graph.total(asked), written(graph)))
    >>> swapped = sums.each(lambda rows: rows.flip(0)).pop(graph)
    >>> torch.equal(swapped.total, graph.total(swapped.messages)), sums.each(lambda rows: rows).pop(graph) is None
    (True, False)
    """

    def __init__(self) -> None:
        # By network, as long as it lives: a model may make a new one every day.
        self._of: WeakKeyDictionary[IncrementalNetwork, KeptSum] = WeakKeyDictionary()

    def pop(self, network: IncrementalNetwork) -> KeptSum | None:
        """Those of a network, which are here no longer: sums change in place, and are forgotten if that fails."""
        return self._of.pop(network, None)

    def put(self, network: IncrementalNetwork, last: KeptSum) -> None:
        """Keeps what a network was asked last."""
        self._of[network] = last

    def clear(self) -> None:
        """Forgets all."""
        self._of.clear()

    def each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "KeptSums":
        """Others, with rows that `change` takes from messages and from sums, both `[*dims, agents]`."""
        changed = KeptSums()
        for network, last in self._of.items():
            changed.put(network, KeptSum(change(last.messages), change(last.total), last.written))
        return changed


def written(network: IncrementalNetwork) -> tuple[int, ...]:
    """How often the tensors of a network have been written into: contacts that change are other contacts."""
    tensors = [
        x for x in getattr(network, "__dict__", {}).values() if isinstance(x, torch.Tensor) and not x.is_inference()
    ]
    return tuple(x._version for x in tensors)
