"""Masks: random numbers that two know and nobody else, from AES in counter mode under keys of 256 bits.

Two parties agree on a key once; afterwards both make the same numbers without a message. `torch.manual_seed` has no
part in it, and a process that was forked off is refused, because it would use the masks of its parent again.
"""

import os
from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from causal_lpm.extras import installing
from causal_lpm.handlers.private.channel import Channel, as_bytes

__all__ = ["KEY", "Masks", "Stream", "agree", "fresh_key", "numbered"]

KEY = 32
"""Bytes of a key."""


BLOCK = 16
"""Bytes of a block of AES."""

_ZEROS = memoryview(bytes(2**18))


def fresh_key() -> bytes:
    """A new key from the operating system."""
    return os.urandom(KEY)


class Stream:
    """Random words under a key, each once."""

    def __init__(self, key: bytes) -> None:
        self._cipher, self._process = _cipher(key, bytes(16)), os.getpid()

    def words(self, shape: Sequence[int], dtype: torch.dtype = torch.int64) -> Tensor:
        """The next numbers, uniform over all values of an integer type."""
        if os.getpid() != self._process:
            raise ValueError("this process was forked from a party and would use its masks again: start it anew.")
        return _words(self._cipher, shape, dtype)


def numbered(key: bytes, number: int, slot: int, shape: Sequence[int], dtype: torch.dtype = torch.int64) -> Tensor:
    """The words of one request to the dealer: the same for both who have the key, in any order of requests."""
    start = number.to_bytes(8, "big") + slot.to_bytes(1, "big") + bytes(7)
    return _words(_cipher(key, start), shape, dtype)


class Masks:
    """The keys of one party in one session.

    Args:
        rank: Its number.
        keys: Other party -> the key with it.
        dealer: The key with the dealer.
    """

    def __init__(self, rank: int, keys: Mapping[int, bytes], dealer: bytes) -> None:
        if any(len(key) != KEY for key in (*keys.values(), dealer)):
            raise ValueError(f"a key of the masks has not {KEY} bytes: use fresh_key.")
        self._rank, self._dealer, self._process = rank, dealer, os.getpid()
        self._streams = {other: Stream(key) for other, key in keys.items()}

    def __repr__(self) -> str:
        return f"Masks(rank={self._rank}, parties={len(self._streams) + 1})"

    def __reduce__(self) -> str:
        raise ValueError("masks are kept by one process: what is written of them could be used again.")

    def zero(self, shape: Sequence[int], dtype: torch.dtype = torch.int64) -> Tensor:
        """This party's part of a fresh sharing of zero: each pair adds a word on one side and takes it off the other.

        Every pair has a key of its own, so that the part stays hidden from any others as long as one party beside this
        one keeps its keys (a ring of neighbours would hand it to its two).
        """
        total = torch.zeros(tuple(shape), dtype=dtype)
        for other, stream in self._streams.items():
            word = stream.words(shape, dtype)
            total = total + word if self._rank < other else total - word
        return total

    def dealt(self, number: int, slot: int, shape: Sequence[int], dtype: torch.dtype = torch.int64) -> Tensor:
        """What this party makes itself of an answer of the dealer."""
        if os.getpid() != self._process:
            raise ValueError("this process was forked from a party and would use its masks again: start it anew.")
        return numbered(self._dealer, number, slot, shape, dtype)


def agree(channel: Channel) -> Masks:
    """Fresh keys for a session: of each pair the lower rank draws one and sends it; the dealer gets one of each party.

    One round. Whoever reads the channel reads the keys: other machines are reached through an encrypted one.
    """
    mine = {other: fresh_key() for other in range(channel.rank + 1, channel.parties)}
    sent = {other: torch.from_numpy(np.frombuffer(key, np.uint8).copy()) for other, key in mine.items()}
    got = channel.exchange(sent)
    dealer = fresh_key()
    channel.greet_dealer(dealer)
    return Masks(channel.rank, {**mine, **{other: as_bytes(x) for other, x in got.items()}}, dealer)


def _cipher(key: bytes, start: bytes):  # type: ignore[no-untyped-def]
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"cryptography is not installed, and masks are made with it: {installing('private')}."
        ) from error
    return Cipher(algorithms.AES(key), modes.CTR(start)).encryptor()


def _words(cipher, shape: Sequence[int], dtype: torch.dtype) -> Tensor:  # type: ignore[no-untyped-def]
    size = prod(shape) * dtype.itemsize
    # The stream is what becomes of zeros, written where it is to be: a third of the time of copies.
    made = np.empty(size + BLOCK, np.uint8)
    for begin in range(0, size, len(_ZEROS)):
        few = min(len(_ZEROS), size - begin)
        cipher.update_into(_ZEROS[:few], made.data[begin : begin + few + BLOCK])
    return torch.from_numpy(made[:size]).view(dtype).view(tuple(shape))
