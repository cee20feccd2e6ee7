"""Messages between processes as bytes: a header of fixed length, the numbers, and a checksum of each.

Nothing that arrives is executed (no pickle): a message is numbers of one of a few types, or text in UTF-8.
"""

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import torch

from causal_lpm.parties.faults import Disagreement

__all__ = ["MOST_BYTES", "Frame", "Kind", "Reading", "pack", "text_frame"]

MOST_BYTES = 2**34
"""The longest body that is taken for a message: 2 billion numbers of 64 bits."""

_MAGIC = b"clp1"
_DIMENSIONS = 8
_HEAD = struct.Struct(
    f"!4sBBBxQQ{_DIMENSIONS}QI"
)  # magic, kind, dtype, dimensions, sequence, public hash, shape, checksum
_CHECK = struct.Struct("!I")  # of the head: its lengths are believed before the body is there
_DTYPES = (
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float32,
    torch.float64,
)


class Kind(IntEnum):
    """What a message is."""

    HELLO = 1  # who connects
    REFUSED = 2  # why a connection is not taken
    TEXT = 3  # something public that is compared
    DATA = 4  # shares and masked values
    NOTHING = 5  # the sender has nothing for the receiver in this round
    REQUEST = 6  # what the dealer is asked for
    BEAT = 7  # "I am here"
    LOST = 8  # somebody has gone; the sequence says who
    DISAGREES = 9  # what differs
    OVER = 10  # the sender has finished


@dataclass(frozen=True)
class Frame:
    """A message.

    Attributes:
        kind: What it is.
        sequence: Number of the message between its two processes, so that none is lost or taken twice.
        public: Hash of all that the sender knows to be public so far, which the receiver compares with its own.
        value: The numbers; text as bytes (uint8).
    """

    kind: Kind
    sequence: int
    public: int
    value: torch.Tensor

    @property
    def text(self) -> str:
        """The value read as text; what is not UTF-8 becomes question marks."""
        return bytes(self.value.to(torch.uint8).tolist()).decode("utf-8", errors="replace")


def text_frame(kind: Kind, text: str, sequence: int = 0) -> Frame:
    """A message of text."""
    return Frame(kind, sequence, 0, torch.tensor(list(text.encode()), dtype=torch.uint8))


def pack(frame: Frame) -> tuple[bytes, memoryview]:
    """Header and body; the body is the tensor's own memory where it lies there in one piece."""
    value = frame.value.detach().contiguous()
    body = _memory(value) if value.numel() else memoryview(b"")
    shape = (*value.shape, *[0] * (_DIMENSIONS - value.dim()))
    kind, dtype = frame.kind, _DTYPES.index(value.dtype)
    head = _HEAD.pack(_MAGIC, kind, dtype, value.dim(), frame.sequence, frame.public, *shape, zlib.crc32(body))
    return head + _CHECK.pack(zlib.crc32(head)), body


def _memory(value: torch.Tensor) -> memoryview:
    return value.numpy().reshape(-1).view("uint8").data


class Reading:
    """A message that is arriving, in pieces of any length.

    Args:
        sender: How errors call the sender.
    """

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._begin()

    def _begin(self) -> None:
        self._head = bytearray(_HEAD.size + _CHECK.size)
        self._value: torch.Tensor | None = None
        self._part, self._read = memoryview(self._head), 0

    @property
    def amid(self) -> bool:
        """Whether a message has begun and is not whole."""
        return self._value is not None or self._read > 0

    def take(self, receive_into: Callable[[memoryview], int]) -> Frame | None:
        """Reads once; the message if it is whole now.

        Args:
            receive_into: Fills the beginning of a buffer and returns how many bytes there were, 0 at the end.

        Raises:
            Disagreement: what arrives is not what was sent.
            EOFError: the sender has closed the connection.
        """
        got = receive_into(self._part[self._read :])
        if got == 0:
            raise EOFError
        self._read += got
        if self._read < len(self._part):
            return None
        if self._value is None:
            self._value = self._room()
            if self._value.numel():
                self._part, self._read = _memory(self._value), 0
                return None
            self._part = memoryview(b"")
        return self._whole()

    def _room(self) -> torch.Tensor:
        head = bytes(self._head[: _HEAD.size])
        magic, kind, dtype, dimensions, _, _, *shape, _ = _HEAD.unpack(head)
        known = magic == _MAGIC and kind in set(Kind) and dtype < len(_DTYPES) and dimensions <= _DIMENSIONS
        if not known or _CHECK.unpack(self._head[_HEAD.size :]) != (zlib.crc32(head),):
            raise self._corrupted()
        if math.prod(shape[:dimensions]) * _DTYPES[dtype].itemsize > MOST_BYTES:
            raise self._corrupted()
        return torch.empty(shape[:dimensions], dtype=_DTYPES[dtype])

    def _whole(self) -> Frame:
        _, kind, _, _, sequence, public, *_, check = _HEAD.unpack(bytes(self._head[: _HEAD.size]))
        if zlib.crc32(self._part) != check:
            raise self._corrupted()
        assert self._value is not None
        frame = Frame(Kind(kind), sequence, public, self._value)
        self._begin()
        return frame

    def _corrupted(self) -> Disagreement:
        return Disagreement(
            f"a message of {self._sender} did not arrive as it was sent (its checksum is wrong): nothing is released; "
            "look at the connection, and run again from the last checkpoint."
        )
