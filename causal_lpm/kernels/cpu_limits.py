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
_FEW = 32  # of a block fewer than one in so many are collected; words are made of all others sooner than of some
_DOUBTFUL = U(2) * _DOUBT
_STEPS, _NEAR = np.int64(1 << 53), np.int64(64)  # words that noise tells apart, and how near a guess is
_ALL = U(0xFFFFFFFFFFFFFFFF)


@inner
def _is_below(step: Any, h: Any) -> Any:
    """Whether the exponential of a word without its unused bits is below a hazard."""
    return noise_of(step << _UNUSED, EXPONENTIAL) < h


@inner
def _about(h: Any) -> Any:
    """Between which two steps of the words the limit of a hazard lies: near where mathematics has it, if there."""
    guess = np.int64(0)
    if h > 0:  # from halfway to the float before it on, noise is rounded to it
        halfway = 0.5 * (np.float64(h) + np.float64(np.nextafter(h, np.float32(0))))
        guess = np.int64(-np.expm1(-halfway) * _STEPS)
    first, last = U(max(np.int64(0), guess - _NEAR)), U(min(_STEPS, guess + _NEAR))
    if (first > U(0) and not _is_below(first - U(1), h)) or (last < U(_STEPS) and _is_below(last, h)):
        first, last = U(0), U(_STEPS)
    return first, last


@loop
def limits(hazard: Array, low: Array, width: Array) -> bool:
    """Of each hazard: words below `low` are below it, and the next `width` are in doubt; whether all are hazards."""
    right = True
    for i in range(hazard.size):
        h = hazard[i]
        if not h >= 0:
            right = False
        first, last = _about(h)
        while first < last:  # the lowest whose exponential is not below the hazard
            middle = (first + last) >> U(1)
            if _is_below(middle, h):
                first = middle + U(1)
            else:
                last = middle
        if first == U(0) and not noise_of(_DOUBT, EXPONENTIAL) < h:
            low[i], width[i] = U(0), U(0)  # hazards of 0, which are many
        else:
            limit = _ALL if first >> U(53) else first << _UNUSED
            low[i] = limit - min(limit, _DOUBT)
            width[i] = min(_ALL - low[i], _DOUBTFUL)
    return right


@inner
def _compare(
    word: Any, at: Any, n: Any, group: Any, low: Any, width: Any, hazard: Any, limit: Any, happened: Any
) -> Any:
    """Writes whether the event happens, of n words of the agents `at`, or of the first n agents where it is empty.

    `limit` is room for the limit of each: looked up first, so that the comparisons become vector code.
    """
    unsure = np.uint8(0)
    if group.size == 0:
        least = low[0]
        for k in range(n):
            happened[k] = word[k] < least
            unsure |= np.uint8(word[k] - least < _DOUBTFUL)
    else:
        if at.size == 0:
            for k in range(n):
                limit[k] = low[U(group[k])]
        else:
            for k in range(n):
                limit[k] = low[U(group[at[k]])]
        for k in range(n):
            happened[k] = word[k] < limit[k]
            unsure |= np.uint8(word[k] - limit[k] < _DOUBTFUL)
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
    marks, limit = eights.view(np.uint8), np.empty(BLOCK, np.uint64)
    silent = np.empty(hazard.shape[0], np.bool_)
    for row in range(hazard.shape[0]):
        silent[row] = width[row].max() == U(0)
    for left in range(begin, end, BLOCK):
        n, first = min(BLOCK, end - left), 0
        mine, others = group[left : left + n], np.int64(0)
        for i in range(mine.size):
            others |= np.int64(mine[i] ^ mine[0])
        only = np.int64(mine[0]) if mine.size and others == 0 else np.int64(0)  # neighbours are often of one group
        mine = mine if others else mine[:0]
        while first < members.size:  # rows of one key follow each other
            drawn, made = rows_key[members[first]], False
            start = key[drawn] + U(left) * GOLDEN
            while first < members.size and rows_key[members[first]] == drawn:
                r = members[first]
                first += 1
                asked, result = where[rows_w[r], left : left + n], out[r, left : left + n]
                least, doubt, h = low[rows_h[r], only:], width[rows_h[r], only:], hazard[rows_h[r], only:]
                if silent[rows_h[r]] or (others == 0 and doubt[0] == U(0)):
                    continue
                found = np.int64(0 if masked else n)
                for i in range(asked.size):
                    found += asked[i]
                if found == 0:
                    continue
                if made or _FEW * found > n:
                    if not made:
                        for i in range(n):
                            word[i] = mix(start + U(i) * GOLDEN)
                        made = True
                    _compare(word, everybody, n, mine, least, doubt, h, limit, result)
                    for i in range(asked.size):
                        result[i] &= asked[i]
                    continue
                marks[:n], marks[n:] = asked, 0
                marked(eights, at)
                for i in range(found):
                    word[i] = mix(start + U(at[i]) * GOLDEN)
                _compare(word, at, found, mine, least, doubt, h, limit, happened)
                for i in range(found):
                    result[at[i]] = happened[i]


@inner
def _of_one_limit(start: Any, least: Any, doubt: Any, hazard: Any, asked: Any, happened: Any) -> Any:
    """Writes where the event happens in a block in which all have one hazard, from the first word of its hash."""
    unsure = np.uint8(0)
    for i in range(happened.size):
        word = mix(start + U(i) * GOLDEN)
        happened[i] = word < least
        unsure |= np.uint8(word - least < doubt)
    if unsure != 0:
        for i in range(happened.size):
            word = mix(start + U(i) * GOLDEN)
            if word - least < doubt:
                happened[i] = np.uint8(noise_of(word, EXPONENTIAL) < hazard)
    for i in range(asked.size):
        happened[i] &= asked[i]


@loop
def happens_alike(hazard: Array, key: Array, where: Array, out: Array) -> bool:
    """As `cpu_noise.happens_in_a_row`, where all have one hazard.

    A loop of its own: beside the one for groups the compiler makes slower code of it.
    """
    low, width = np.empty(1, np.uint64), np.empty(1, np.uint64)
    right = limits(hazard, low, width)
    least, doubt = low[0], width[0]
    if doubt == U(0):
        return right
    for left in range(0, out.size, BLOCK):
        asked, happened = where[left : left + BLOCK], out[left : left + BLOCK]
        found = np.int64(0 if where.size else 1)
        for i in range(asked.size):
            found += asked[i]
        if found:
            _of_one_limit(key[0] + U(left) * GOLDEN, least, doubt, hazard[0], asked, happened)
    return right


@loop
def happens_in_groups(hazard: Array, key: Array, where: Array, group: Array, out: Array) -> bool:
    """As `cpu_noise.happens_in_a_row`, where all of a group have its hazard; neighbours are often of one group."""
    low, width = np.empty(hazard.size, np.uint64), np.empty(hazard.size, np.uint64)
    right, limit = limits(hazard, low, width), np.empty(BLOCK, np.uint64)
    for left in range(0, out.size, BLOCK):
        asked, happened = where[left : left + BLOCK], out[left : left + BLOCK]
        mine, found = group[left : left + BLOCK], np.int64(0 if where.size else 1)
        for i in range(asked.size):
            found += asked[i]
        if found == 0:
            continue
        start, others, first = key[0] + U(left) * GOLDEN, np.int64(0), U(mine[0])
        for i in range(mine.size):
            others |= np.int64(mine[i] ^ mine[0])
        if others == 0:
            if width[first] != U(0):
                _of_one_limit(start, low[first], width[first], hazard[first], asked, happened)
            continue
        for i in range(mine.size):
            limit[i] = low[U(mine[i])]
        unsure = np.uint8(0)
        for i in range(happened.size):
            word = mix(start + U(i) * GOLDEN)
            happened[i] = word < limit[i]
            unsure |= np.uint8(word - limit[i] < _DOUBTFUL)
        if unsure != 0:
            for i in range(happened.size):
                word, g = mix(start + U(i) * GOLDEN), U(mine[i])
                if word - low[g] < width[g]:
                    happened[i] = np.uint8(noise_of(word, EXPONENTIAL) < hazard[g])
        for i in range(asked.size):
            happened[i] &= asked[i]
    return right
