"""Noise, tests against noise and selection as compiled loops over plain arrays; they give the integers of `reference`.

Leading dimensions are flattened to rows: `rows_x[r]` is the row of `x` that belongs to result row `r`, so that nothing
broadcast is copied. `low` and `high` are the part of the work that this call does: agents, or rows in `select`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import inner, loop
from causal_lpm.kernels.cpu_hash import BLOCK, EXPONENTIAL, GOLDEN, ZERO, Array, U, bits, marked, mix, noise_of, uniform

_BUCKETS, _TO_BUCKET = 1 << 14, U(50)
_ABOVE = 1.0 + 1e-6  # above the rounding of float32 noise and of the bounds in a test


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
def _possible(h: Any, where: Any, wide: Any, masked: Any, need: Any) -> Any:
    """Marks the agents of a block that the event can happen to."""
    if wide and masked:
        for i in range(where.size):
            need[i] |= where[i] & np.uint8(h[i] > 0)
    elif wide:
        for i in range(h.size):
            need[i] |= np.uint8(h[i] > 0)
    elif masked and h[0] > 0:
        for i in range(where.size):
            need[i] |= where[i]
    elif h[0] > 0:
        need[:] = 1


@inner
def _rates(h: Any, where: Any, wide: Any, masked: Any, rate: Any) -> Any:
    """Writes the hazards of a block, 0 outside of `where`."""
    one = np.float64(h[0])
    if wide and masked:
        for i in range(where.size):
            rate[i] = np.float64(h[i]) if where[i] != 0 else 0.0
    elif wide:
        for i in range(h.size):
            rate[i] = np.float64(h[i])
    elif masked:
        for i in range(where.size):
            rate[i] = one if where[i] != 0 else 0.0
    else:
        rate[:] = one


@inner
def _below(u: Any, rate: Any, happened: Any, n: Any) -> Any:
    """Writes whether -log1p(-u), rounded to float32, is below the rate; bounds spare nearly all logarithms."""
    unsure = np.uint8(0)
    for k in range(n):
        v = u[k]
        # The series of -log1p(-v) lacks less than 0.4 v**5 for v up to one half.
        least = v * (1.0 + v * (0.5 + v * (1.0 / 3.0 + v * 0.25)))
        most = least + 0.4 * v * v * v * v * v
        possible = np.uint8(least < rate[k] * _ABOVE)
        doubtful = possible & (np.uint8(v > 0.5) | np.uint8(most * _ABOVE >= rate[k]))
        happened[k] = possible + doubtful
        unsure |= doubtful
    if unsure != 0:
        for k in range(n):
            if happened[k] == 2:
                happened[k] = np.uint8(np.float32(-np.log1p(-u[k])) < np.float32(rate[k]))


@loop
def happens(
    hazard: Array, key: Array, where: Array, rows_h: Array, rows_key: Array, rows_w: Array, members: Array,
    out: Array, bad: Array, low: int, high: int,
) -> None:  # fmt: skip
    """Exponential noise below the hazard, bool `[rows, agents]`; `where` and `out` are bytes, and `out` is zero.

    Sets `bad[0]` where a hazard is negative or NaN: every hazard is read here anyway.
    Noise is made once for all rows of one key, and only for agents whom the event can happen to, if they are few.
    """
    wide, masked = hazard.shape[1] > 1, where.shape[1] > 0
    eights, at = np.empty(BLOCK // 8, np.uint64), np.empty(BLOCK, np.int64)
    marks, happened = eights.view(np.uint8), np.empty(BLOCK, np.uint8)
    u, rate = np.empty(BLOCK, np.float64), np.empty(BLOCK, np.float64)
    for left in range(low, high, BLOCK):
        n, first = min(BLOCK, high - left), 0
        need = marks[:n]
        while first < members.size:  # rows of one key follow each other
            drawn, last = rows_key[members[first]], first
            eights[:] = ZERO
            while last < members.size and rows_key[members[last]] == drawn:
                r = members[last]
                h, asked = hazard[rows_h[r]], where[rows_w[r], left : left + n]
                part = h[left : left + n] if wide else h
                wrong = np.uint8(0)
                for i in range(part.size):
                    wrong |= np.uint8(not part[i] >= 0)
                if wrong != 0:
                    bad[0] = True
                _possible(part, asked, wide, masked, need)
                last += 1
            found = 0
            for i in range(n):
                found += need[i]
            if found == 0:
                first = last
                continue
            base = key[drawn] + U(left) * GOLDEN
            dense = 16 * found > n
            if dense:
                for k in range(n):
                    u[k] = uniform(bits(base, k))
            else:
                marked(eights, at)
                for k in range(found):
                    u[k] = uniform(bits(base, at[k]))
            for member in range(first, last):
                r = members[member]
                h, asked, result = hazard[rows_h[r]], where[rows_w[r], left : left + n], out[r, left : left + n]
                part = h[left : left + n] if wide else h
                if dense:
                    _rates(part, asked, wide, masked, rate)
                    _below(u, rate, result, n)
                else:
                    for k in range(found):
                        i = at[k]
                        rate[k] = np.float64(part[i if wide else 0]) if not masked or asked[i] != 0 else 0.0
                    _below(u, rate, happened, found)
                    for k in range(found):
                        result[at[k]] = happened[k]
            first = last


@loop
def happens_in_a_row(hazard: Array, key: Array, where: Array, out: Array) -> bool:
    """`happens` in one row, and whether all hazards are such; all arrays have one dimension.

    In a small population the way to the loops takes longer than they do: this one is short.
    """
    only, bad = np.zeros(1, np.int64), np.zeros(1, np.bool_)
    h, asked, result = hazard.reshape(1, hazard.size), where.reshape(1, where.size), out.reshape(1, out.size)
    happens(h, key, asked, only, only, only, only, result, bad, 0, out.size)
    return not bad[0]


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
