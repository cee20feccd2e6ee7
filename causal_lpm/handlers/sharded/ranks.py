"""The processes among which agents are shared out, and what they say to each other: whole tensors, never objects."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from causal_lpm.handlers.sharded.failures import Failures

__all__ = ["Ranks"]

HEAD = 16
"""Bytes that say how many there are for a rank, and how many at most for any."""
AT_ONCE = 1 << 13
"""Bytes for a rank that travel with their number."""

Answer = TypeVar("Answer")


class Ranks:
    """This process among the others of a process group of `torch.distributed`, which exists already.

    Args:
        failures: Where a rank says why it ends.

    Attributes:
        number: Of this process, from 0.
        count: How many there are.
        sent: Bytes that this process has sent, by the kind of exchange.
    """

    def __init__(self, failures: Failures) -> None:
        self.number, self.count = distributed.get_rank(), distributed.get_world_size()
        self.failures = failures
        self.sent: dict[str, int] = {}

    def bounds(self, total: int) -> list[int]:
        """The first agent of each rank, and `total`; parts differ by one agent at most."""
        return [total * rank // self.count for rank in range(self.count + 1)]

    def own(self, total: int) -> tuple[int, int]:
        """The first agent held here, and how many are."""
        first, end = total * self.number // self.count, total * (self.number + 1) // self.count
        return first, end - first

    def sum(self, part: Tensor) -> Tensor:
        """The sum of whole numbers over all ranks."""
        total = part.clone(memory_format=torch.contiguous_format)
        self._count("sums", total.numel() * total.element_size() * min(1, self.count - 1))
        self._speak(lambda: distributed.all_reduce(total))
        return total

    def stacked(self, part: Tensor) -> Tensor:
        """The tensors of all ranks, which have one shape, `[ranks, ...]`."""
        return torch.stack(self._gathered("small", part.contiguous()))

    def joined(self, part: Tensor, axis: int, total: int) -> Tensor:
        """The parts of all ranks side by side along an axis (negative) of which this rank has its own range."""
        bounds = self.bounds(total)
        sizes = [end - begin for begin, end in itertools.pairwise(bounds)]
        rows = part.movedim(axis, 0)
        if (lacking := max(sizes) - rows.shape[0]) > 0:
            rows = torch.cat([rows, rows.new_zeros((lacking, *rows.shape[1:]))])
        parts = self._gathered("whole", rows.contiguous())
        return torch.cat([each[:size] for each, size in zip(parts, sizes, strict=True)]).movedim(0, axis).contiguous()

    def swapped(self, parcels: list[Tensor]) -> list[Tensor]:
        """What each other rank has for this one: bytes, uint8 `[n]` each, of any length.

        Lengths travel with the first bytes; there is a second exchange where a rank has more than those for another.
        """
        lengths = [len(parcel) for parcel in parcels]
        slots = torch.zeros(self.count, HEAD + AT_ONCE, dtype=torch.uint8)
        slots[:, :HEAD] = torch.tensor([[many, max(lengths)] for many in lengths]).view(torch.uint8)
        for slot, parcel in zip(slots[:, HEAD:], parcels, strict=True):
            slot[: len(parcel)] = parcel[:AT_ONCE]
        came = torch.empty_like(slots)
        self._count("changes", slots.shape[1] * (self.count - 1))
        self._speak(lambda: distributed.all_to_all_single(came, slots))
        theirs, longest = came[:, :HEAD].contiguous().view(torch.int64).unbind(1)
        begins = [slot[:many] for slot, many in zip(came[:, HEAD:], theirs.tolist(), strict=True)]
        if int(longest.max()) <= AT_ONCE:
            return begins
        more = (theirs - AT_ONCE).clamp(min=0).tolist()
        rest = [parcel[AT_ONCE:] for parcel in parcels]
        out = torch.empty(sum(more), dtype=torch.uint8)
        self._count("changes", sum(map(len, rest)) - len(rest[self.number]))
        self._speak(lambda: distributed.all_to_all_single(out, torch.cat(rest), more, [len(one) for one in rest]))
        return [torch.cat(both) for both in zip(begins, out.split(more), strict=True)]

    def told(self, text: bytes) -> bytes:
        """The bytes of rank 0, on all ranks."""
        length = torch.tensor([len(text)])
        self._speak(lambda: distributed.broadcast(length, 0))
        said = torch.empty(int(length), dtype=torch.uint8)
        if self.number == 0 and text:
            said = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        if len(said):
            self._speak(lambda: distributed.broadcast(said, 0))
        return said.numpy().tobytes()

    def _gathered(self, kind: str, part: Tensor) -> list[Tensor]:
        sent = part.reshape(-1).view(torch.uint8)  # not all types can be sent
        parts = [torch.empty_like(sent) for _ in range(self.count)]
        self._count(kind, len(sent) * (self.count - 1))
        self._speak(lambda: distributed.all_gather(parts, sent))
        return [each.view(part.dtype).reshape(part.shape) for each in parts]

    def _count(self, kind: str, sent: int) -> None:
        self.sent[kind] = self.sent.get(kind, 0) + sent

    def _speak(self, exchange: Callable[[], Any]) -> None:
        try:
            exchange()
        except RuntimeError as error:  # a connection that is closed, or nobody has answered in time
            raise self.failures.of_another(self.number, self.count, error) from error
