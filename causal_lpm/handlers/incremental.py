"""Sums over fixed contacts that follow only what changed since yesterday.

From one day to the next few agents begin or cease to send something. The messages are integers, so yesterday's sums
plus what these few changed are exactly today's sums: nothing is approximated, and a day near the peak of an epidemic
costs hardly more than one near its start.
"""

import functools
import math
from typing import Any, TypeGuard

import torch

from causal_lpm.handlers.handler import Handler
from causal_lpm.ops.exposure import sums
from causal_lpm.ops.kept_sums import KeptSum, KeptSums, written
from causal_lpm.typing import IncrementalNetwork, Network

__all__ = ["Incremental"]

_MOST_OF_A_BYTE = torch.iinfo(torch.uint8).max


class Incremental(Handler):
    """Keeps the last messages and sums of every network that can follow changes.

    `rollout` puts it on the stack. It changes how an exposure is computed, never its value, and leaves exposures that
    another handler answers alone.

    Args:
        kept: From which it goes on, and where it leaves its own for the next one; if not given, it begins with none
            and forgets them at its end.

    >>> import torch
    >>> from causal_lpm import exposure
    >>> from causal_lpm.agents import random_graph
    >>> graph, infectious = random_graph(1000, 4, seed=1), torch.arange(1000) < 10
    >>> with Incremental():
    ...     _, later = exposure(graph, infectious), exposure(graph, ~infectious)
    >>> torch.equal(later, exposure(graph, ~infectious))
    True
    """

    recorder = True

    def __init__(self, kept: KeptSums | None = None) -> None:
        super().__init__()
        self._goes_on, self._kept = kept is not None, KeptSums() if kept is None else kept

    def _begin_anew(self) -> None:
        if not self._goes_on:
            self._kept.clear()

    def __exit__(self, *error: Any) -> Any:
        if not self._goes_on:
            self._kept.clear()
        return super().__exit__(*error)

    # `fn` and not the value is set, so that a handler further out that answers exposures still does.
    def _pyro_exposure(self, msg: Any) -> None:
        msg["fn"] = functools.partial(sums, total=self._total)

    def total(self, network: Network, messages: torch.Tensor) -> torch.Tensor:
        """The sums of messages over a network, from those that it was asked for last where it can follow changes."""
        total = self._total(network, messages)
        return total.int() if total.dtype == torch.uint8 else total  # as the network gives them: they may be added up

    def _total(self, network: Network, messages: torch.Tensor) -> torch.Tensor:
        """The same, in a byte each where one holds any sum of such messages."""
        if not _follows_changes(network):
            return network.total(messages)
        kept = self._kept.pop(network)
        if kept is None or not kept.leads_to(network, messages):
            total = network.total(messages)
            if messages.dtype == torch.bool and total.is_cpu and _most_contacts(network) <= _MOST_OF_A_BYTE:
                total = total.to(torch.uint8)  # a quarter of the memory that contacts are followed to
            kept = KeptSum(messages.clone(), total, written(network))
        elif kept.messages.shape == messages.shape:
            network.changed_total(kept.total, kept.messages, messages)
            kept.messages.copy_(messages)
        else:  # the worlds have split: each goes on from the sums that they had in common
            total, before = kept.total.expand(messages.shape).clone(), kept.messages.expand(messages.shape)
            kept = KeptSum(messages.clone(), network.changed_total(total, before, messages), kept.written)
        self._kept.put(network, kept)
        return kept.total


def _follows_changes(network: Network) -> TypeGuard[IncrementalNetwork]:
    """Whether a network can bring sums up to date."""
    return _defines_with_total(type(network), "changed_total")


def _most_contacts(network: Network) -> float:
    """The largest number of contacts of an agent, beyond which no sum of bools is; infinity if it is not known."""
    if not _defines_with_total(type(network), "most_contacts"):
        return math.inf
    most: int = network.most_contacts()  # type: ignore[attr-defined]
    return most


@functools.cache
def _defines_with_total(kind: type, name: str) -> bool:
    """Whether the class that defines the sums also defines this: a subclass may define the sums alone."""
    for cls in kind.__mro__:
        if not vars(cls).keys().isdisjoint({"total", "changed_total", name}):
            return name in vars(cls)
    return False
