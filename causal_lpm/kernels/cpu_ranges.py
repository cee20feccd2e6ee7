"""Fresh contacts of a range of the agents as compiled loops: the edges that begin here, and what goes elsewhere.

Few send something, so what all members send is kept by who does: a bit a member, and the numbers of those whose bit is
set, in their order. A number is found by counting the bits before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import inner, loop
from causal_lpm.kernels.cpu_hash import BLOCK, GOLDEN, LOW32, ONE, S31, S32, ZERO, Array, U, mix, uniform
from causal_lpm.kernels.cpu_hash import marked as marked_bytes

_PAIRS, _FOURS, _EIGHTS = U(0x5555555555555555), U(0x3333333333333333), U(0x0F0F0F0F0F0F0F0F)
_FEW = 64  # agents looked at together, since nearly all send nothing
_BYTES, _S2, _S4, _S56 = U(0x0101010101010101), U(2), U(4), U(56)


@inner
def _ones(word: Any) -> Any:
    """How many bits of a word are set."""
    word = word - ((word >> ONE) & _PAIRS)
    word = (word & _FOURS) + ((word >> _S2) & _FOURS)
    return np.int64((((word + (word >> _S4)) & _EIGHTS) * _BYTES) >> _S56)


@inner
def _before(words: Array, before: Array, place: Any) -> Any:
    """How many of those before a place send something."""
    return before[place >> 6] + _ones(words[place >> 6] & ((ONE << U(place & 63)) - ONE))


@inner
def _sent(words: Array, before: Array, value: Array, place: Any) -> Any:
    """What the member at a place sends."""
    bit = ONE << U(place & 63)
    word = words[place >> 6]
    return value[before[place >> 6] + _ones(word & (bit - ONE))] if word & bit else np.int64(0)


@loop
def marked(place: Array, words: Array, before: Array) -> None:
    """Sets the bits at some places, and counts those before each word; both are zero."""
    for k in range(place.size):
        words[place[k] >> 6] |= ONE << U(place[k] & 63)
    many = 0
    for w in range(words.size):
        before[w] = many
        if words[w] != ZERO:
            many += _ones(words[w])


@loop
def not_zero(x: Array, where: Array) -> int:
    """Writes where a row is not 0, as far as `where` has room for it, and returns how often it is."""
    found = 0
    for left in range(0, x.size, _FEW):
        part = x[left : left + _FEW]
        some = False
        for i in range(part.size):
            some |= part[i] != 0
        if some:
            for i in range(part.size):
                if part[i] != 0:
                    if found < where.size:
                        where[found] = left + i
                    found += 1
    return found


@inner
def _goes(away: Array, many: Any, row: Any, place: Any, value: Any) -> Any:
    """Notes what goes elsewhere; returns how much that is."""
    if value != 0:
        away[0, many], away[1, many], away[2, many] = row, place, value
        many += 1
    return many


@inner
def _placed(spot: Array, number: Array, first: Any, last: Any, shift: Any, sent: Array, marks: Array) -> None:
    """Writes what some senders send where they stand in a window of the ring, and marks them."""
    for k in range(first, last):
        sent[spot[k] - shift] = number[k]
        marks[spot[k] - shift] = 1


@loop
def ring_range(
    words: Array, before: Array, place: Array, value: Array, rows: Array, ends: Array, base: Any,
    start: Array, size: Array, low: Array, here: Array, sure: Array, chance: Array,
    rewire: int, members: Array, out: Array, away: Array,
) -> Any:  # fmt: skip
    """The edges of `cpu_fresh.ring_total` from the members here: `here[c]` of class c, from place `low[c]` on.

    `place` and `value` of row r are those from `ends[r]` to `ends[r + 1]`, `words` and `before` their index. All `rows`
    have one key; of these rows `out` is zero. Returns how many entries of `away` (row, place, number) are filled.

    A block of the ring after the other: what its members send and receive stays in the nearest cache.
    """
    word, at, to = np.empty(BLOCK, np.uint64), np.empty(BLOCK + 1, np.int64), np.empty(BLOCK, np.int64)
    on_lattice, far, mask = np.empty(BLOCK // 8, np.uint64), np.empty(BLOCK, np.uint8), np.empty(BLOCK, np.int64)
    near, hears = on_lattice.view(np.uint8), np.empty(BLOCK + 1, np.int64)
    wide = BLOCK + sure.max() + 1  # a block and those whom its last member may reach
    # Zero between blocks, but for what was sent to members of the next one.
    sent, received = np.zeros((rows.size, wide), np.int64), np.zeros((rows.size, wide), np.int64)
    marks = np.zeros(wide, np.uint8)
    many, offset = np.int64(0), np.int64(0)
    for c in range(size.size):
        begin, n, first, own = start[c], size[c], low[c], here[c]
        mine = members[offset : offset + own]
        offset += own
        if own == 0:
            continue
        reach = sure[c] + (1 if chance[c] > 0 else 0)
        outside = n - 2 * reach - 1
        limit = np.int64(rewire if outside > 0 else 0)
        senders = np.int64(0)
        for m in range(rows.size):
            r = rows[m]
            senders += _before(words[r], before[r], begin + n) - _before(words[r], before[r], begin)
        if senders == 0:
            continue
        for left in range(0, own, BLOCK):
            length = min(BLOCK, own - left)
            span, begins = length + reach, begin + first + left
            ring_end = min(span, n - first - left)  # from there on the ring goes on at its beginning
            near_senders = np.int64(0)
            for m in range(rows.size):
                r = rows[m]
                spot, number_ = place[ends[r] : ends[r + 1]], value[ends[r] : ends[r + 1]]
                one, other = _before(words[r], before[r], begins), _before(words[r], before[r], begins + ring_end)
                _placed(spot, number_, one, other, begins, sent[m], marks)
                near_senders += other - one
                if ring_end < span:
                    one, other = _before(words[r], before[r], begin), _before(words[r], before[r], begins + span - n)
                    _placed(spot, number_, one, other, begins - n, sent[m], marks)
                    near_senders += other - one
            for j in range(1, reach + 1 if near_senders > 0 or limit > 0 else 1):
                needed = np.int64(chance[c] if j > sure[c] else 1 << 32)
                number = (U(begins) << S31) + U(j)
                on_lattice[:] = ZERO
                for p in range(length):
                    word[p] = mix(base + (number + (U(p) << S31)) * GOLDEN)
                one_end, other_end = marks[:length], marks[j : j + length]
                crowd = np.int64(0)
                for p in range(length):
                    exists = np.uint8(np.int64(word[p] & LOW32) < needed)
                    moved = np.uint8(np.int64(word[p] >> S32) < limit)
                    far[p] = exists & moved
                    near[p] = (one_end[p] | other_end[p]) & exists & ~moved
                    crowd += near[p]
                if 16 * crowd > length:
                    for p in range(length):
                        mask[p] = -np.int64(near[p])
                    for m in range(rows.size):
                        s, t = sent[m], received[m]
                        for p in range(length):
                            t[p] += s[p + j] & mask[p]
                        for p in range(length):
                            t[p + j] += s[p] & mask[p]
                elif crowd > 0:
                    for k in range(marked_bytes(on_lattice, at)):
                        p = at[k]
                        for m in range(rows.size):
                            received[m, p] += sent[m, p + j]
                            received[m, p + j] += sent[m, p]
                found = 0
                for p in range(length):
                    at[found] = p
                    found += far[p]
                for k in range(found):
                    q = first + left + at[k] + reach + 1
                    q += np.int64(uniform(mix(word[at[k]] + ONE)) * np.float64(outside))
                    to[k] = q - n if q >= n else q
                for m in range(rows.size):
                    r = rows[m]
                    mark, count, number_ = words[r], before[r], value[ends[r] : ends[r + 1]]
                    heard = np.int64(0)
                    for k in range(found):
                        hears[heard] = k
                        heard += np.int64(mark[(begin + to[k]) >> 6] >> U((begin + to[k]) & 63) & ONE)
                    for k in range(heard):
                        received[m, at[hears[k]]] += _sent(mark, count, number_, begin + to[hears[k]])
                    for k in range(found if near_senders > 0 else 0):
                        p, q = at[k], to[k]
                        if sent[m, p] != 0:
                            if first <= q < first + own:
                                out[r, mine[q - first]] += sent[m, p]
                            else:
                                many = _goes(away, many, r, begin + q, sent[m, p])
            for m in range(rows.size):
                r, t = rows[m], received[m]
                for p in range(length):
                    if t[p] != 0:
                        out[r, mine[left + p]] += t[p]
                for p in range(reach):
                    t[p] = t[length + p]
                t[reach:span] = 0
                if near_senders > 0:
                    sent[m, :span] = 0
            if near_senders > 0:
                marks[:span] = 0
        for m in range(rows.size):  # those after the last one here
            r = rows[m]
            for p in range(reach):
                q = (first + own + p) % n
                if first <= q < first + own:
                    out[r, mine[q - first]] += received[m, p]
                else:
                    many = _goes(away, many, r, begin + q, received[m, p])
            received[m, :reach] = 0
    return many
