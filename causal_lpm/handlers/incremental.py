"""Sums over fixed contacts that follow only what changed since yesterday.

From one day to the next few agents begin or cease to send something. The messages are integers, so yesterday's sums
plus what these few changed are exactly today's sums: nothing is approximated, and a day near the peak of an epidemic
costs hardly more than one near its start.
"""

import functools
from typing import Any, NamedTuple, TypeGuard
from weakref import WeakKeyDictionary

import torch

from causal_lpm.handlers.handler import Handler
from causal_lpm.ops.exposure import sums
from causal_lpm.typing import IncrementalNetwork, Network

__all__ = ["Incremental"]


class Incremental(Handler):
    """Keeps the last messages and sums of every network that can follow changes, for the length of one simulation.

    `rollout` puts it on the stack. It changes how an exposure is computed, never its value, and leaves exposures that
    another handler answers alone.

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

    def __init__(self) -> None:
        super().__init__()
        # By network, as long as it lives: a model may make a new one every day.
        self._kept: WeakKeyDictionary[IncrementalNetwork, _Kept] = WeakKeyDictionary()

    def _begin_anew(self) -> None:
        self._kept.clear()

    def __exit__(self, *error: Any) -> Any:
        self._kept.clear()
        return super().__exit__(*error)

    # `fn` and not the value is set, so that a handler further out that answers exposures still does.
    def _pyro_exposure(self, msg: Any) -> None:
        msg["fn"] = functools.partial(sums, total=self._total)

    def _total(self, network: Network, messages: torch.Tensor) -> torch.Tensor:
        if not _follows_changes(network):
            return network.total(messages)
        kept = self._kept.pop(network, None)  # sums change in place: forgotten if that fails halfway
        if kept is None or not kept.leads_to(network, messages):
            kept = _Kept(messages.clone(), network.total(messages), _written(network))
        elif kept.messages.shape == messages.shape:
            network.changed_total(kept.total, kept.messages, messages)
            kept.messages.copy_(messages)
        else:  # the worlds have split: each goes on from the sums that they had in common
            total, before = kept.total.expand(messages.shape).clone(), kept.messages.expand(messages.shape)
            kept = _Kept(messages.clone(), network.changed_total(total, before, messages), kept.written)
        self._kept[network] = kept
        return kept.total


class _Kept(NamedTuple):
    """What a network was last asked, in memory that nobody else writes, and what it answered."""

    messages: torch.Tensor
    total: torch.Tensor
    written: tuple[int, ...]

    def leads_to(self, network: IncrementalNetwork, messages: torch.Tensor) -> bool:
        """Whether these messages can follow from the last: of one kind, no fewer worlds, the same contacts."""
        last, old, new = self.messages, self.messages.shape, messages.shape
        alike = last.dtype == messages.dtype and last.device == messages.device and self.written == _written(network)
        fits = len(old) <= len(new) and all(a in (1, b) for a, b in zip(reversed(old), reversed(new), strict=False))
        return alike and fits


def _written(network: IncrementalNetwork) -> tuple[int, ...]:
    """How often the tensors of a network have been written into: contacts that change are other contacts."""
    tensors = [
        x for x in getattr(network, "__dict__", {}).values() if isinstance(x, torch.Tensor) and not x.is_inference()
    ]
    return tuple(x._version for x in tensors)


def _follows_changes(network: Network) -> TypeGuard[IncrementalNetwork]:
    """Whether the class that defines `total` also defines `changed_total`: a subclass may define the first alone."""
    for cls in type(network).__mro__:
        if "total" in vars(cls) or "changed_total" in vars(cls):
            return "changed_total" in vars(cls)
    return False
