"""The processes among which agents are shared out, and what they say to each other: whole tensors, never objects."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from causal_lpm.handlers.sharded.failures import Failures

__all__ = ["Ranks"]

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
        """What each other rank has for this one: bytes, uint8 `[n]` each, of any length."""
        lengths = torch.tensor([len(parcel) for parcel in parcels])
        coming = torch.empty_like(lengths)
        self._speak(lambda: distributed.all_to_all_single(coming, lengths))
        out = torch.empty(int(coming.sum()), dtype=torch.uint8)
        sizes, theirs = lengths.tolist(), coming.tolist()
        self._count("changes", sum(sizes) + 8 * (self.count - 1))
        self._speak(lambda: distributed.all_to_all_single(out, torch.cat(parcels), theirs, sizes))
        return list(out.split(theirs))

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
