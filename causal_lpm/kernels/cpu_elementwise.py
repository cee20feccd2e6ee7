"""What torch does slowly for every element, as compiled loops without branches, over rows as plain arrays.

`low` and `high` are the part of the elements that this call does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import loop
from causal_lpm.kernels.cpu_hash import ONE, ZERO, Array, U

_WORDS = 248  # added up at a time: fewer than a byte counts
_BYTES, _ODD, _FOURS = U(0x0101010101010101), U(0x00FF00FF00FF00FF), U(0x0001000100010001)


@loop
def select(mask: Array, a: Array, b: Array, wide_a: bool, wide_b: bool, out: Array, low: int, high: int) -> None:
    """`a` where the mask is 1, `b` where it is 0, as bits in signed integers; one that is not wide is one number."""
    none = out.dtype.type(0)
    m, o = mask[low:high], out[low:high]
    if wide_a and wide_b:
        x, y = a[low:high], b[low:high]
        for i in range(o.size):
            ones = none - m[i]
            o[i] = (x[i] & ones) | (y[i] & ~ones)
    elif wide_a:
        x, other = a[low:high], b[0]
        for i in range(o.size):
            ones = none - m[i]
            o[i] = (x[i] & ones) | (other & ~ones)
    elif wide_b:
        one, y = a[0], b[low:high]
        for i in range(o.size):
            ones = none - m[i]
            o[i] = (one & ones) | (y[i] & ~ones)
    else:
        one, other = a[0], b[0]
        for i in range(o.size):
            ones = none - m[i]
            o[i] = (one & ones) | (other & ~ones)


def count(mask: Array) -> int:
    """How many bytes of a row, at most 2**31 of them, are not 0: in half the time of numpy's count."""
    whole = mask.size // 8 * 8
    return int(_ones(mask[:whole].view(np.uint64))) + int(np.count_nonzero(mask[whole:]))


@loop
def _ones(eights: Array) -> Any:
    """How many bytes of whole words are not 0; a byte of a sum of words counts up to 255."""
    total = ZERO
    for left in range(0, eights.size, _WORDS):
        part, sums = eights[left : left + _WORDS], ZERO
        for word in range(part.size):
            some = part[word] | (part[word] >> U(4))
            some |= some >> U(2)
            sums += (some | (some >> ONE)) & _BYTES
        total += (((sums & _ODD) + ((sums >> U(8)) & _ODD)) * _FOURS) >> U(48)
    return total


def places(mask: Array) -> Array:
    """Where the bytes of a mask in a row are 1 and not 0, int64."""
    where = np.empty(count(mask) + 1, np.int64)
    positions(mask, mask[: mask.size // 8 * 8].view(np.int64), where)
    return where[:-1]


@loop
def positions(mask: Array, eights: Array, out: Array) -> None:
    """Writes where the bytes of the mask are 1 and not 0; `out` has room for them and one more.

    `eights` are the bytes read as whole words of 8, nearly all of which are 0 where few are sought.
    """
    found = 0
    for word in range(eights.size):
        if eights[word] != 0:
            for i in range(8 * word, 8 * word + 8):
                out[found] = i
                found += mask[i]
    for i in range(8 * eights.size, mask.size):
        out[found] = i
        found += mask[i]


@loop
def in_units(x: Array, per_one: float, units: Array, low: int, high: int) -> None:
    """The nearest whole multiples of a unit, of which there are so many in 1."""
    source, out, many = x[low:high], units[low:high], np.float32(per_one)
    for i in range(out.size):
        out[i] = np.int64(np.rint(source[i] * many))


@loop
def of_units(units: Array, unit: float, x: Array, low: int, high: int) -> None:
    """The numbers that are so many units, rounded once to float32: a unit is a power of two."""
    source, out, one = units[low:high], x[low:high], np.float32(unit)
    for i in range(out.size):
        out[i] = np.float32(source[i]) * one


@loop
def extremes(x: Array) -> tuple[int, int]:
    """The least and the largest integer of at least one."""
    least = largest = x[0]
    for i in range(x.size):
        least, largest = min(least, x[i]), max(largest, x[i])
    return least, largest
