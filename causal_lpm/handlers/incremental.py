"""Sums over fixed contacts that follow only what changed since yesterday.

From one day to the next few agents begin or cease to send something. The messages are integers, so yesterday's sums
plus what these few changed are exactly today's sums: nothing is approximated, and a day near the peak of an epidemic
costs hardly more than one near its start.
"""

from typing import Any

import numpy as np
import torch
from pyro.poutine.messenger import Messenger

from causal_lpm.ops.exposure import received
from causal_lpm.typing import IncrementalNetwork

__all__ = ["Incremental"]


class Incremental(Messenger):
    """Keeps the last messages and sums of every network that can follow changes, for the length of one simulation.

    `rollout` puts it on the stack. It changes how an exposure is computed, never its value, and leaves exposures that
    another handler answers alone.

    >>> import torch
    >>> from causal_lpm import exposure
    >>> from causal_lpm.agents.networks import random_graph
    >>> graph, infectious = random_graph(1000, 4, seed=1), torch.arange(1000) < 10
    >>> with Incremental():
    ...     _, later = exposure(graph, infectious), exposure(graph, ~infectious)
    >>> torch.equal(later, exposure(graph, ~infectious))
    True
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[int, tuple[IncrementalNetwork, torch.Tensor, torch.Tensor]] = {}

    def __enter__(self) -> "Incremental":
        self._kept = {}
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        self._kept = {}
        return super().__exit__(*error)

    # `fn` and not the value is set, so that a handler further out that answers exposures still does.
    def _pyro_exposure(self, msg: Any) -> None:
        if hasattr(msg["args"][0], "changed_total") and not msg["done"]:  # a tenth of the time of `isinstance`
            msg["fn"] = self._exposure

    def _exposure(self, network: IncrementalNetwork, infectiousness: torch.Tensor, messages: torch.Tensor) -> Any:
        _, before, total = self._kept.get(id(network), (network, None, None))
        if before is None or total is None or before.dtype != messages.dtype or before.device != messages.device:
            total = network.total(messages)
        else:
            shape = np.broadcast_shapes(before.shape, messages.shape)
            if shape != messages.shape:  # fewer worlds than before: another part of the model asks
                return received(network.total(messages), infectiousness)
            if shape != before.shape:  # the worlds have split: each goes on from the sums that they had in common
                before, total = before.expand(shape), total.expand(shape).clone()
            total = network.changed_total(total, before, messages)
        # A model may go on to change its own tensor. The network is kept too, so that its id stays its own.
        mine = messages.clone() if messages is infectiousness else messages
        self._kept[id(network)] = network, mine, total
        return received(total, infectiousness)
