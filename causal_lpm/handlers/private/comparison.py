"""Comparisons by the digits of a mask: one opening, then a tree of carries.

x less a mask r is opened as d, in as many bits as x has; x is d + r, and its sign is that of a sum whose one summand is
public. The dealer has dealt unit vectors of r's digits, so that whether a digit of the sum carries, hands a carry on,
or equals something is a local sum. Carries are joined two by two: a comparison of 6 bits takes one round, of 20 bits
three, of 64 bits five.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Digits", "digit_widths", "is_zero", "negative"]


class Digits(Protocol):
    """What a layer must have for it."""

    def public(self, x: Tensor) -> Tensor: ...

    def both(self, *pairs: tuple[Tensor, Tensor]) -> list[Tensor]: ...

    def digits(self, x: Tensor, widths: Sequence[int]) -> tuple[Tensor, list[Tensor]]: ...


def digit_widths(width: int) -> list[int]:
    """How many bits each digit has, the lowest first: few rounds, and tables of 64 entries at most.

    >>> digit_widths(6), digit_widths(17), len(digit_widths(64))
    ([6], [4, 4, 4, 5], 16)
    """
    number = 1 if width <= 6 else 2 if width <= 12 else 4 if width <= 20 else 8 if width <= 40 else 16
    return [(width * (i + 1)) // number - (width * i) // number for i in range(number)]


def negative(layer: Digits, x: Tensor, width: int) -> Tensor:
    """1 where a number of a width is below 0, else 0."""
    widths = digit_widths(width)
    opened, vectors = layer.digits(x, widths)
    digits = _digits_of(opened, widths)
    top, bits = digits[-1], widths[-1]
    # The highest bit of the top digit: as it is without a carry, where a carry sets it, and where one clears it.
    total = _sums(top, bits)
    half, full = 1 << (bits - 1), 1 << bits
    sign = _picked(vectors[-1], (total & half) != 0)
    sets, clears = (_picked(vectors[-1], (total & (full - 1)) == last) for last in (half - 1, full - 1))
    if len(widths) == 1:
        return sign
    carries = []
    for digit, vector, size in zip(digits[:-1], vectors[:-1], widths[:-1], strict=True):
        total = _sums(digit, size)
        carries.append((_picked(vector, total >= 1 << size), _picked(vector, total == (1 << size) - 1)))
    while carries:
        # Pairs from the top, so that the number of digits halves: the top joins with the carry below it.
        (below, passes), rest = carries[-1], carries[:-1]
        pairs = [(sets, below), (clears, below)]
        if rest:
            pairs += [(sets, passes), (clears, passes)]
        joined = [(rest[i], rest[i - 1]) for i in range(len(rest) - 1, 0, -2)]
        for high, lower in joined:
            pairs += [(high[1], lower[0]), (high[1], lower[1])]
        products = layer.both(*pairs)
        sign = sign + products[0] - products[1]
        if rest:
            sets, clears = products[2], products[3]
        new = [(high[0] + products[4 + 2 * n], products[5 + 2 * n]) for n, (high, _) in enumerate(joined)]
        carries = ([rest[0]] if len(rest) % 2 else []) + new[::-1]
    return sign


def is_zero(layer: Digits, x: Tensor, width: int) -> Tensor:
    """1 where a number between -2**width and 2**width, both excluded, is 0; else 0."""
    widths = digit_widths(width)
    opened, vectors = layer.digits(x, widths)
    digits = _digits_of(-opened, widths)
    same = [vector.gather(-1, digit[..., None])[..., 0] for digit, vector in zip(digits, vectors, strict=True)]
    while len(same) > 1:
        pairs = [(same[i], same[i + 1]) for i in range(0, len(same) - 1, 2)]
        same = layer.both(*pairs) + ([same[-1]] if len(same) % 2 else [])
    return same[0]


def _digits_of(x: Tensor, widths: Sequence[int]) -> list[Tensor]:
    digits = []
    for width in widths:
        digits.append(x & ((1 << width) - 1))
        x = x >> width
    return digits


def _sums(digit: Tensor, width: int) -> Tensor:
    """A public digit plus every digit that the mask may have, `[*shape, 2**width]`."""
    return digit[..., None] + torch.arange(1 << width)


def _picked(vector: Tensor, which: Tensor) -> Tensor:
    return (vector * which).sum(-1)
