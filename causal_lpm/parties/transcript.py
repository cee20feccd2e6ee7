"""What is public in a run is hashed while the model runs, so that every message between parties compares it."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.private.numbers import is_secret
from causal_lpm.parties.channel import TcpChannel
from causal_lpm.parties.fingerprint import fingerprint

__all__ = ["Transcript"]

_OPERATIONS = ("above", "allocate", "choose", "event", "exogenous", "exposure", "look_up", "policy", "step", "tally")


class Transcript(Handler):
    """Notes names, shapes, public numbers and networks of each operation with a channel.

    A step without any message between parties ends with an empty one, so that each step is compared, and no party is
    ahead of another by more than a step.

    Args:
        channel: Of this party.
    """

    def __init__(self, channel: TcpChannel) -> None:
        super().__init__()
        self._channel = channel
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._networks: dict[int, tuple[object, str]] = {}  # kept, so that no other one has their id
        self._rounds = self._channel.cost.rounds

    def _postprocess_message(self, msg: Any) -> None:
        super()._postprocess_message(msg)
        if msg["type"] not in _OPERATIONS:
            return
        if msg["type"] == "step":
            number = msg["args"][2]
            self._channel.public(f"step {number}", *self._hashed(msg["args"][1]))
            if self._channel.cost.rounds == self._rounds:
                self._channel.exchange({})
            self._rounds = self._channel.cost.rounds
            return
        name = next((arg for arg in msg["args"] if isinstance(arg, str)), "")
        values = (part for arg in (*msg["args"], msg["value"]) for part in self._hashed(arg))
        self._channel.public(f"{msg['type']} {name!r}".strip(), *values)

    def _hashed(self, x: Any) -> Iterator[bytes]:
        if isinstance(x, torch.Tensor):
            yield f"{tuple(x.shape)} {x.dtype}".encode()
            if not is_secret(x):
                data = x.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
                yield hashlib.blake2b(data.data, digest_size=16).digest()
        elif isinstance(x, Mapping):
            for key in x:
                yield str(key).encode()
                yield from self._hashed(x[key])
        elif isinstance(x, bool | int | float | str):
            yield repr(x).encode()
        elif hasattr(x, "total"):  # a network
            if id(x) not in self._networks:
                self._networks[id(x)] = (x, fingerprint(x))
            yield self._networks[id(x)][1].encode()
