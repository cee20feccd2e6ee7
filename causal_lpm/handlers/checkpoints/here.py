"""Which agents of a state a process holds: all of them, or those of its rank."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor

from causal_lpm.handlers.checkpoints.folder import CheckpointFolder
from causal_lpm.handlers.sharded.held import Held
from causal_lpm.kernels import hashing
from causal_lpm.typing import State

__all__ = ["Here", "digest"]

_BLOCK = 1 << 20  # agents whose weights are made at a time
_AS_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class Here:
    """The agents of this process.

    Args:
        state: Of a simulation.

    Attributes:
        first: Number of the first one.
        end: And of the one after the last.
        total: How many there are in all processes.
    """

    def __init__(self, state: State) -> None:
        self._like = next((x for x in state.values() if isinstance(x, Held)), None)
        self.total = max(x.shape[-1] for x in state.values())
        self.first, here = (0, self.total) if self._like is None else self._like.ranks.own(self.total)
        self.end = self.first + here

    def parts(self, state: State) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The values of the agents here as plain tensors, and the entries that all agents share."""
        own: dict[str, Tensor] = {}
        shared: dict[str, Tensor] = {}
        for name, x in state.items():
            (own if x.shape[-1] == self.total else shared)[name] = x.local if isinstance(x, Held) else x
        return own, shared

    def entries(self, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Values of the agents here as entries of a state."""
        like = self._like
        return dict(own) if like is None else {name: like.like(x, -1) for name, x in own.items()}

    def last_day(self, folder: CheckpointFolder) -> int:
        """After how many days there is a checkpoint that all ranks see; 0 without one.

        Raises:
            ValueError: ranks see different folders.
        """
        days = [0, *folder.days(self.total)]
        if self._like is None:
            return days[-1]
        last = int(self._like.ranks.stacked(torch.tensor(days[-1])).min())
        known = self._like.ranks.stacked(torch.tensor(last in days))
        if not bool(known.all()):
            raise ValueError(
                f"rank {int((~known).nonzero()[0, 0])} does not see the checkpoint after {last} days in {folder.path}: "
                "give a folder that all ranks share."
            )
        return last

    def wait(self) -> None:
        """Until all ranks are here."""
        if self._like is not None:
            self._like.ranks.stacked(torch.zeros(1))

    def fingerprint(self, state: State) -> str:
        """Sixteen hexadecimal digits of a state, the same for any number of ranks."""
        own, shared = self.parts(state)
        sums = torch.zeros(len(own), dtype=torch.int64)
        for begin in range(self.first, self.end, _BLOCK):
            end = min(begin + _BLOCK, self.end)
            weight = hashing.mix(torch.arange(begin, end)) | 1
            for number, x in enumerate(own.values()):
                part = x[..., begin - self.first : end - self.first].cpu().contiguous()
                rows = part.view(_AS_BITS[part.element_size()]).reshape(-1, end - begin).long()
                of_row = ((rows + 1) * weight).sum(-1)
                sums[number] += (of_row * (2 * torch.arange(len(of_row)) + 1)).sum()
        if self._like is not None:
            sums = self._like.ranks.sum(sums)
        told = [[n, str(x.dtype), list(x.shape[:-1]), s] for (n, x), s in zip(own.items(), sums.tolist(), strict=True)]
        found = hashlib.sha256(json.dumps(sorted(told)).encode())
        for name, x in sorted(shared.items()):
            found.update(f"{name} {x.dtype} {list(x.shape)}".encode())
            found.update(_bits(x))
        return found.hexdigest()[:16]


def digest(x: Tensor) -> str:
    """Sixteen hexadecimal digits of a tensor's type, shape and bits.

    >>> digest(torch.tensor(1)) == digest(torch.tensor(1)), digest(torch.tensor(1)) == digest(torch.tensor(1.0))
    (True, False)
    """
    found = hashlib.sha256(f"{x.dtype} {list(x.shape)}".encode())
    found.update(_bits(x))
    return found.hexdigest()[:16]


def _bits(x: Tensor) -> bytes:
    return x.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
