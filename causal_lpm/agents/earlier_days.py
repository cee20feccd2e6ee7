"""Contacts of earlier days: the keys that make a network fresh, remembered in the state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from causal_lpm.agents.layers import Layer, singles
from causal_lpm.agents.naming import named
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.typing import State

__all__ = ["EarlierDays"]

NO_DAY = 0
"""Stands for the key of a day before the first; a key is 0 with a chance of 2**-64."""


@dataclass(frozen=True)
class EarlierDays:
    """Which contacts a network had on the last days: one number a fresh layer and day, and nothing an agent.

    The contacts of a fresh layer follow from the day's exogenous key. The state keeps the keys of the last days, and
    contacts are made again from them: the same in every world. Fixed layers need no memory.

    Args:
        network: A layer, or a sum of layers.
        days: How many days before today are remembered.
        name: Stands before the entries of the state.
    """

    network: Layer
    days: int
    name: str = ""

    def start(self) -> State:
        """Nothing is remembered: one int64 `[1]` a fresh layer and day."""
        return {self._entry(layer, ago): torch.full((1,), NO_DAY, dtype=torch.int64) for layer, ago in self._all()}

    def remembering(self, s: State) -> State:
        """The entries at the end of the day: today's keys, and those of the days before but for the oldest."""
        today = {layer: exogenous(layer, 1, kind="bits") for layer in self.network.noise_names if self.days}
        return {
            self._entry(layer, ago): today[layer] if ago == 1 else s[self._entry(layer, ago - 1)]
            for layer, ago in self._all()
        }

    def met(self, s: State, who: Tensor) -> Tensor:
        """Who has met one of those in `who` on the days before today; both bool `[*dims, agents]`."""
        found = torch.zeros_like(who)
        for layer in singles(self.network):
            for ago in range(1, self.days + 1) if layer.noise_names else range(1):
                keys = {name: s[self._entry(name, ago)] for name in layer.noise_names}
                if any(bool((key == NO_DAY).any()) for key in keys.values()):
                    break  # before the first day
                dims = torch.broadcast_shapes(who.shape[:-1], *(key.shape[:-1] for key in keys.values()))
                with _OfDay(keys):
                    found = found | layer.met(who.expand(*dims, who.shape[-1]))
        return found

    def _all(self) -> list[tuple[str, int]]:
        return [(layer, ago) for layer in self.network.noise_names for ago in range(1, self.days + 1)]

    def _entry(self, layer: str, ago: int) -> str:
        return named(self.name, f"{layer}_{ago}_days_ago")


class _OfDay(Messenger):
    """Answers the keys of fresh layers with those of one day."""

    def __init__(self, keys: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.keys = keys

    def _pyro_exogenous(self, msg: Any) -> None:
        if (key := self.keys.get(msg["args"][0])) is not None:
            msg["value"] = key
