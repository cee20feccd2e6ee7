"""Noise, tests against noise and selection as compiled loops over plain arrays; they give the integers of `reference`.

Leading dimensions are flattened to rows: `rows_x[r]` is the row of `x` that belongs to result row `r`, so that nothing
broadcast is copied. `low` and `high` are the part of the work that this call does: agents, or rows in `select`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import inner, loop
from causal_lpm.kernels.cpu_hash import BLOCK, EXPONENTIAL, GOLDEN, Array, U, bits, marked, mix, noise_of

_BUCKETS, _TO_BUCKET = 1 << 14, U(50)
_FEW = 36  # of a block fewer than one in so many are collected
F = np.float32
_NOT_HIGH, _STEPS = U(40), 1 << 24  # a float32 holds the high bits of a word
# Next to the rounding of float32 noise and of the series in a test.
_STEPS_LESS, _STEPS_MORE = F(_STEPS * (1 - 2e-6)), F(_STEPS * (1 + 2e-6))
_ONE, _HALF, _SIXTH, _TWENTY_FOURTH = F(1), F(1 / 2), F(1 / 6), F(1 / 24)
_AT_3_4, _AT_1_5, _AT_3 = F(0.527 * _STEPS), F(0.776 * _STEPS), F(0.95 * _STEPS)  # below 1 - exp(-h) of these h


@loop
def words(key: Array, out: Array, low: int, high: int) -> None:
    """Raw bits, uint64 `[rows, elements]`."""
    for r in range(out.shape[0]):
        for i in range(low, high):
            out[r, i] = bits(key[r], i)


@loop
def field(key: Array, kind: int, out: Array, low: int, high: int) -> None:
    """Noise of a kind, float32 `[rows, elements]`."""
    for r in range(out.shape[0]):
        for i in range(low, high):
            out[r, i] = noise_of(bits(key[r], i), kind)


@loop
def keys_at(
    key: Array, index: Array, first: int, rows_key: Array, rows_index: Array, out: Array, low: int, high: int
) -> None:
    """Raw bits whose key depends on a number each agent carries, uint64 `[rows, agents]`."""
    for r in range(out.shape[0]):
        base, number = key[rows_key[r]], index[rows_index[r]]
        for i in range(low, high):
            out[r, i] = bits(mix(bits(base, number[i])), first + i)


@loop
def to_noise(raw: Array, kind: int, out: Array, low: int, high: int) -> None:
    """Raw bits as noise, float32 of the same shape."""
    for r in range(out.shape[0]):
        for i in range(low, high):
            out[r, i] = noise_of(raw[r, i], kind)


@inner
def _compare(high: Any, h: Any, n: Any, answer: Any) -> Any:
    """Writes 2 where high bits of words say that the event happens, 0 where it does not, and 1 where all decide."""
    for k in range(n):
        # The series of 1 - exp(-h), cut where it is above and where it is below; a later one that it has passed.
        above = h[k] * (_ONE - h[k] * (_HALF - h[k] * _SIXTH))
        square = h[k] * h[k]
        below = (above - square * square * _TWENTY_FOURTH) * _STEPS_LESS
        later = _AT_3 if h[k] >= F(3) else (_AT_1_5 if h[k] >= F(1.5) else _AT_3_4)
        happens_surely = high[k] + _ONE <= (later if h[k] >= F(0.75) else below)
        answer[k] = np.uint8(happens_surely) + np.uint8(high[k] <= above * _STEPS_MORE)


@loop
def happens(
    hazard: Array, key: Array, where: Array, rows_h: Array, rows_key: Array, rows_w: Array, members: Array,
    out: Array, bad: Array, low: int, high: int,
) -> None:  # fmt: skip
    """Exponential noise below the hazard, bool `[rows, agents]`; `where` and `out` are bytes, and `out` is zero.

    Sets `bad[0]` where a hazard is negative or NaN: every hazard is read here anyway.
    Words are made once for all rows of one key, and only for agents whom the event can happen to, if they are few.
    Their high bits as floats decide all but one in ten thousand, so noise itself is hardly ever made of them.
    """
    eights, at = np.empty(BLOCK // 8, np.uint64), np.empty(BLOCK, np.int64)
    marks, answer, everybody = eights.view(np.uint8), np.empty(BLOCK, np.uint8), np.ones(BLOCK, np.uint8)
    words, some, rate = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    masked = where.shape[1] > 0
    for left in range(low, high, BLOCK):
        n, first = min(BLOCK, high - left), 0
        marks[n:] = 0
        while first < members.size:  # rows of one key follow each other
            drawn, made = rows_key[members[first]], False
            base = key[drawn] + U(left) * GOLDEN
            while first < members.size and rows_key[members[first]] == drawn:
                r = members[first]
                first += 1
                h, result = hazard[rows_h[r], left : left + n], out[r, left : left + n]
                asked = where[rows_w[r], left : left + n] if masked else everybody[:n]
                wrong, found, doubtful = np.uint8(0), np.int32(0), np.uint8(0)
                for i in range(h.size):
                    wrong |= np.uint8(not h[i] >= 0)
                for i in range(h.size):
                    marks[i] = np.uint8(h[i] > 0) & asked[i]
                for i in range(n):
                    found += marks[i]
                if wrong != 0:
                    bad[0] = True
                if found == 0:
                    continue
                if made or _FEW * found > n:
                    if not made:
                        for i in range(n):
                            words[i] = np.float32(np.int32(bits(base, i) >> _NOT_HIGH))
                        made = True
                    _compare(words, h, n, answer)
                    for i in range(n):
                        marks[i] = answer[i] & asked[i]
                    for i in range(n):
                        doubtful |= marks[i]
                    for i in range(n):
                        result[i] = (answer[i] >> 1) & asked[i]
                    if doubtful == 0:
                        continue
                    for k in range(marked(eights, at)):
                        result[at[k]] = np.uint8(noise_of(bits(base, at[k]), EXPONENTIAL) < h[at[k]])
                    continue
                marked(eights, at)
                for k in range(found):
                    some[k] = np.float32(np.int32(bits(base, at[k]) >> _NOT_HIGH))
                    rate[k] = h[at[k]]
                _compare(some, rate, found, answer)
                for k in range(found):
                    result[at[k]] = answer[k] >> 1
                    doubtful |= answer[k] & np.uint8(1)
                if doubtful != 0:
                    for k in range(found):
                        if answer[k] == 1:
                            result[at[k]] = np.uint8(noise_of(bits(base, at[k]), EXPONENTIAL) < rate[k])


@loop
def happens_in_a_row(hazard: Array, key: Array, where: Array, out: Array) -> bool:
    """`happens` in one row, and whether all hazards are such; all arrays have one dimension.

    In a small population the way to the loops takes longer than they do: this one is short.
    """
    only, bad = np.zeros(1, np.int64), np.zeros(1, np.bool_)
    h, asked, result = hazard.reshape(1, hazard.size), where.reshape(1, where.size), out.reshape(1, out.size)
    happens(h, key, asked, only, only, only, only, result, bad, 0, out.size)
    return not bad[0]


@loop
def happens_in_small_groups(hazard: Array, key: Array, where: Array, group: Array, out: Array) -> bool:
    """As `happens_in_a_row`, where each agent has the hazard of its group, and groups are too many for limits."""
    each = np.empty(out.size, np.float32)
    for i in range(out.size):
        each[i] = hazard[U(group[i])]
    return happens_in_a_row(each, key, where, out)


@inner
def ordered(value: Any) -> Any:
    """float32 bits as an integer 0 ... 2**32 - 1 of the same order."""
    b = np.int64(np.float32(value + np.float32(0.0)).view(np.int32))  # + 0: there is one zero
    return (b ^ np.int64(0x7FFFFFFF) if b < 0 else b) + np.int64(1 << 31)


@inner
def rank_of(ranks: Any, count: Any) -> Any:
    """The smallest number that `count` of the ranks do not exceed; no two are the same."""
    first, last = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    while first < last:
        middle = (first & last) + ((first ^ last) >> 1)
        within = 0
        for c in range(ranks.size):
            within += ranks[c] <= middle
        if within >= count:
            last = middle
        else:
            first = middle + 1
    return first


@loop
def select(
    priority: Array, key: Array, noise: Array, by_key: bool, supply: Array, classes: int,
    rows_p: Array, rows_n: Array, rows_s: Array, out: Array, low: int, high: int,
) -> None:  # fmt: skip
    """Who is served: count the classes, then coarse buckets of noise, then bisect among the few left."""
    agents = out.shape[1]
    for r in range(low, high):
        p, base = priority[rows_p[r]], key[rows_n[r] if by_key else 0]
        e, served = noise[0 if by_key else rows_n[r]], out[r]
        left = supply[rows_s[r]]
        counts = np.zeros((4, classes + 1), np.int64)  # four, so that equal neighbours do not wait for each other
        for i in range(agents):
            counts[i & 3, p[i] if 0 <= p[i] < classes else classes] += 1
        asking, cut = counts.sum(0), 0
        while cut < classes and asking[cut] <= left:
            left -= asking[cut]
            cut += 1
        for i in range(agents):
            served[i] = (p[i] >= 0) & (p[i] < cut)
        if cut == classes or left <= 0:
            continue
        # Of the class that is served in part, buckets by uniform bits: one bucket apart may still be the same
        # exponential in float32, two apart cannot.
        who, n = np.empty(asking[cut] + 1, np.int32), 0
        for i in range(agents):
            who[n] = i
            n += p[i] == cut
        count, bucket = np.zeros(_BUCKETS, np.int64), np.empty(n, np.int16)
        for k in range(n):
            bucket[k] = np.int64(bits(base, who[k]) >> _TO_BUCKET) if by_key else ordered(e[who[k]]) >> 18
        for k in range(n):
            count[bucket[k]] += 1
        edge = 0
        while count[edge] <= left:
            left -= count[edge]
            edge += 1
        lower, upper = max(edge - 1, 0), min(edge + 1, _BUCKETS - 1)
        if lower < edge:
            left += count[lower]
        rank, candidates = np.empty(count[lower : upper + 1].sum(), np.int64), 0
        for k in range(n):
            served[who[k]] = bucket[k] < lower
            if lower <= bucket[k] <= upper:
                value = noise_of(bits(base, who[k]), EXPONENTIAL) if by_key else e[who[k]]
                rank[candidates] = ((ordered(value) - np.int64(1 << 31)) << 32) | np.int64(who[k])
                candidates += 1
        end = rank_of(rank[:candidates], left)
        for c in range(candidates):
            if rank[c] <= end:
                served[rank[c] & np.int64(0xFFFFFFFF)] = True
