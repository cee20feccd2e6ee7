"""Comparisons in one, two or three rounds, by the digits of a mask.

x less a mask r is opened as d, in as many bits as x has, so that x is d + r and its sign the highest bit of that sum.
The dealer has dealt unit vectors of r's digits: whether a digit of the sum carries (+1), stops a carry (-1) or hands it
on (0) is then a local sum. The last digit that does not hand on decides, and so does the sign of v = sum of 2**i times
these numbers, because each weight exceeds the sum of those before it. v has a bit a digit: 64 bits become 15, these 4,
and a number of up to 6 bits is looked up in a truth table that is used once.
"""

import functools
import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Digits", "digit_widths", "is_zero", "negative"]

TABLE = 6
"""Bits of a number that is looked up at once, whoever it is of; of few numbers more."""

WORDS = 320
"""Numbers that the dealer may deal for one comparison, to save a round."""

WORD = 16
"""Bits in which the digits' vectors are shared: the numbers made of them are opened in at most 14."""

MOST_DIGITS = 14
"""The sign of a digit each, with a sign of their own, is a number within a word."""

BUDGET = 2**17
"""Or for all comparisons of a call together."""


class Digits(Protocol):
    """What a layer must have for it."""

    def public(self, x: Tensor) -> Tensor: ...

    def units(self, x: Tensor, bits: int, words: int = 64) -> Tensor: ...

    def digits(self, x: Tensor, widths: Sequence[int], words: int = 64) -> tuple[Tensor, list[Tensor]]: ...


def digit_widths(bits: int, number: int) -> list[int]:
    """`bits` divided evenly among so many digits, the lowest first.

    >>> digit_widths(16, 3)
    [5, 5, 6]
    """
    return [(bits * (i + 1)) // number - (bits * i) // number for i in range(number)]


def negative(layer: Digits, x: Tensor, width: int) -> Tensor:
    """1 where a number of a width is below 0, else 0."""
    return _sign(layer, x, width, torch.zeros_like(x), 0)


def _sign(layer: Digits, x: Tensor, width: int, flips: Tensor, most: int) -> Tensor:
    """Whether x is negative, turned about `flips` times, which is secret and at most `most`."""
    bits = _bits((1 << width) * (most + 1))
    if bits <= _table_bits(x):
        values = torch.arange(1 << bits)
        half = 1 << (width - 1)
        wanted = ((values % (1 << width)) < half) ^ ((values >> width) % 2 == 1)
        index = x + layer.public(torch.full_like(x, half)) + (flips << width)
        return (layer.units(index, bits) * wanted).sum(-1)
    widths = _plan(width - 1, most, max(WORDS, BUDGET // max(1, x.numel())))
    opened, vectors = layer.digits(x, [*widths, 1], WORD)
    v, rest = torch.zeros_like(x), opened
    for place, (vector, size) in enumerate(zip(vectors[:-1], widths, strict=True)):
        total = (rest & ((1 << size) - 1))[..., None] + torch.arange(1 << size)
        v = v + (
            (vector.long() * ((total >> size) * 2 - (total < (1 << size) - 1).long()).clamp(-1, 1)).sum(-1) << place
        )
        rest = rest >> size
    # The highest bit of x: that of d, that of r, and the carry, which is there where -v is negative.
    top = vectors[-1][..., 1].long()
    public = rest & 1
    turned = top + layer.public(public) - 2 * top * public
    return _sign(layer, -v, len(widths) + 1, flips + turned, most + 1)


def is_zero(layer: Digits, x: Tensor, width: int) -> Tensor:
    """1 where a number between -2**width and 2**width, both excluded, is 0; else 0."""
    bits = width
    if bits <= _table_bits(x):
        return layer.units(x, bits)[..., 0]
    widths = digit_widths(bits, max(2, -(-bits // 5)))
    opened, vectors = layer.digits(x, widths, WORD)
    rest, other = -opened, torch.zeros_like(x)
    for vector, size in zip(vectors, widths, strict=True):  # in how many digits -d and the mask differ
        place = rest & ((1 << size) - 1)
        other = other + layer.public(torch.ones_like(x)) - vector.gather(-1, place[..., None])[..., 0].long()
        rest = rest >> size
    return layer.units(other, _bits(len(widths) + 1))[..., 0]


def _bits(values: int) -> int:
    return max(1, (values - 1).bit_length())


def _table_bits(x: Tensor) -> int:
    """Bits of the largest table for each number of x."""
    return max(TABLE, min(14, int(math.log2(BUDGET / max(1, x.numel())))))


@functools.cache
def _plan(bits: int, most: int, words: int) -> list[int]:
    """The digits' widths: as many as lead to a table in the next round, if these are few words, or in the one after."""
    choices = [digit_widths(bits, n) for n in range(2, max(3, min(bits, MOST_DIGITS) + 1))]
    cheapest = min(choices, key=lambda widths: _words(widths, most))
    if _words(cheapest, most) <= words:
        return cheapest
    return min(choices, key=lambda widths: _words(widths, most, later=True))


def _words(widths: Sequence[int], most: int, later: bool = False) -> int:
    """Words for these digits and what follows: a table, or (later) digits and a table."""
    own = sum(1 << width for width in widths) + 2
    if not later:
        return own + (1 << _bits((1 << (len(widths) + 1)) * (most + 2)))
    return own + min(_words(digit_widths(len(widths), n), most + 1) for n in range(2, max(3, len(widths))))
