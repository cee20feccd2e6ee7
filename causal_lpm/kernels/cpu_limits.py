"""Events whose hazard is one number, or one a group: then noise need not be made, a word of the hash decides.

The exponential grows with the word that it is made of. So to each hazard belongs a limit, below which the event
happens, and what is left for each agent is its hash and one comparison. The results are those of `cpu_noise.happens`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import inner, loop
from causal_lpm.kernels.cpu_hash import BLOCK, EXPONENTIAL, GOLDEN, Array, U, marked, mix, noise_of

_UNUSED = U(11)  # low bits of a word, which noise does not use
_DOUBT = U(1 << 17)  # words about a limit for which the logarithm itself decides: it may be off by a few of 2**11
_ALL = U(0xFFFFFFFFFFFFFFFF)


@loop
def limits(hazard: Array, low: Array, width: Array) -> bool:
    """Of each hazard: words below `low` are below it, and the next `width` are in doubt; whether all are hazards."""
    right = True
    for i in range(hazard.size):
        h = hazard[i]
        if not h >= 0:
            right = False
        first, last = U(0), U(1) << U(53)
        while first < last:  # the lowest whose exponential is not below the hazard
            middle = (first + last) >> U(1)
            if noise_of(middle << _UNUSED, EXPONENTIAL) < h:
                first = middle + U(1)
            else:
                last = middle
        if first == U(0) and not noise_of(_DOUBT, EXPONENTIAL) < h:
            low[i], width[i] = U(0), U(0)  # hazards of 0, which are many
        else:
            limit = _ALL if first >> U(53) else first << _UNUSED
            low[i] = limit - min(limit, _DOUBT)
            width[i] = min(_ALL - low[i], U(2) * _DOUBT)
    return right


@inner
def _compare(word: Any, at: Any, n: Any, group: Any, low: Any, width: Any, hazard: Any, happened: Any) -> Any:
    """Writes whether the event happens, of n words of the agents `at`, or of the first n agents where it is empty."""
    unsure = np.uint8(0)
    if group.size == 0:
        least, doubt = low[0], width[0]
        for k in range(n):
            happened[k] = word[k] < least
            unsure |= np.uint8(word[k] - least < doubt)
    elif at.size == 0:
        for k in range(n):
            g = group[k]
            happened[k] = word[k] < low[g]
            unsure |= np.uint8(word[k] - low[g] < width[g])
    else:
        for k in range(n):
            g = group[at[k]]
            happened[k] = word[k] < low[g]
            unsure |= np.uint8(word[k] - low[g] < width[g])
    if unsure != 0:
        for k in range(n):
            g = 0 if group.size == 0 else np.int64(group[at[k] if at.size else k])
            if word[k] - low[g] < width[g]:
                happened[k] = np.uint8(noise_of(word[k], EXPONENTIAL) < hazard[g])


@loop
def happens(
    hazard: Array, low: Array, width: Array, group: Array, key: Array, where: Array,
    rows_h: Array, rows_key: Array, rows_w: Array, members: Array, out: Array, begin: int, end: int,
) -> None:  # fmt: skip
    """Where the event happens, bool `[rows, agents]`; `out` and `where` are bytes, and `out` is zero.

    Agents have the hazard of their group, or all have the only one where `group` is empty. A block of words is made
    once for all rows of one key, and of those alone whom the event can happen to, if they are few.
    """
    word, happened, at = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.uint8), np.empty(BLOCK, np.int64)
    masked, everybody, eights = where.shape[1] > 0, at[:0], np.empty(BLOCK // 8, np.uint64)
    marks = eights.view(np.uint8)
    silent = np.empty(hazard.shape[0], np.bool_)
    for row in range(hazard.shape[0]):
        silent[row] = width[row].max() == U(0)
    for left in range(begin, end, BLOCK):
        n, first = min(BLOCK, end - left), 0
        mine = group[left : left + n]
        while first < members.size:  # rows of one key follow each other
            drawn, made = rows_key[members[first]], False
            start = key[drawn] + U(left) * GOLDEN
            while first < members.size and rows_key[members[first]] == drawn:
                r = members[first]
                first += 1
                h, asked, result = rows_h[r], where[rows_w[r], left : left + n], out[r, left : left + n]
                if silent[h]:
                    continue
                found = np.int64(0 if masked else n)
                for i in range(asked.size):
                    found += asked[i]
                if found == 0:
                    continue
                if made or 8 * found > n:
                    if not made:
                        for i in range(n):
                            word[i] = mix(start + U(i) * GOLDEN)
                        made = True
                    _compare(word, everybody, n, mine, low[h], width[h], hazard[h], result)
                    for i in range(asked.size):
                        result[i] &= asked[i]
                    continue
                marks[:n], marks[n:] = asked, 0
                marked(eights, at)
                for i in range(found):
                    word[i] = mix(start + U(at[i]) * GOLDEN)
                _compare(word, at, found, mine, low[h], width[h], hazard[h], happened)
                for i in range(found):
                    result[at[i]] = happened[i]


@loop
def happens_alike(hazard: Array, key: Array, where: Array, out: Array) -> bool:
    """As `cpu_noise.happens_in_a_row`, where all have one hazard."""
    low, width, only = np.empty((1, 1), np.uint64), np.empty((1, 1), np.uint64), np.zeros(1, np.int64)
    right, nobody = limits(hazard, low[0], width[0]), np.empty(0, np.int32)
    rows = key, where.reshape(1, where.size), only, only, only, only, out.reshape(1, out.size)
    happens(hazard.reshape(1, 1), low, width, nobody, *rows, 0, out.size)
    return right
