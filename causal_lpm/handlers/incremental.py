"""Sums over fixed contacts that follow only what changed since yesterday.

From one day to the next few agents begin or cease to send something. The messages are integers, so yesterday's sums
plus what these few changed are exactly today's sums: nothing is approximated, and a day near the peak of an epidemic
costs hardly more than one near its start.
"""

import functools
from typing import Any, TypeGuard

import torch

from causal_lpm.handlers.handler import Handler
from causal_lpm.ops.exposure import sums
from causal_lpm.ops.kept_sums import KeptSum, KeptSums, written
from causal_lpm.typing import IncrementalNetwork, Network

__all__ = ["Incremental"]


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
        msg["fn"] = functools.partial(sums, total=self.total)

    def total(self, network: Network, messages: torch.Tensor) -> torch.Tensor:
        """The sums of messages over a network, from those that it was asked for last where it can follow changes."""
        if not _follows_changes(network):
            return network.total(messages)
        kept = self._kept.pop(network)
        if kept is None or not kept.leads_to(network, messages):
            kept = KeptSum(messages.clone(), network.total(messages), written(network))
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
    return _kind_follows_changes(type(network))


@functools.cache
def _kind_follows_changes(kind: type) -> bool:
    """Whether the class that defines `total` also defines `changed_total`: a subclass may define the first alone."""
    for cls in kind.__mro__:
        if "total" in vars(cls) or "changed_total" in vars(cls):
            return "changed_total" in vars(cls)
    return False
