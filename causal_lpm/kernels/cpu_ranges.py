"""Fresh contacts of a range of the agents as compiled loops: the edges that begin here, and what goes elsewhere.

Few send something, so what all members send is kept by who does: a bit a member, and the numbers of those whose bit is
set, in their order. A number is found by counting the bits before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import inner, loop
from causal_lpm.kernels.cpu_hash import BLOCK, GOLDEN, LOW32, ONE, S31, S32, ZERO, Array, U, mix, uniform

_PAIRS, _FOURS, _EIGHTS = U(0x5555555555555555), U(0x3333333333333333), U(0x0F0F0F0F0F0F0F0F)
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
    """Writes where a row is not 0, and returns how often; `where` has room for them and one more, or for none."""
    found = 0
    if where.size == 0:
        for i in range(x.size):
            found += x[i] != 0
        return found
    for i in range(x.size):
        where[found] = i
        found += x[i] != 0
    return found


@inner
def _goes(away: Array, many: Any, row: Any, place: Any, value: Any) -> Any:
    """Notes what goes elsewhere; returns how much that is."""
    if value != 0:
        away[0, many], away[1, many], away[2, many] = row, place, value
        many += 1
    return many


@loop
def ring_range(
    words: Array, before: Array, place: Array, value: Array, rows: Array, ends: Array, base: Any,
    start: Array, size: Array, low: Array, here: Array, sure: Array, chance: Array,
    rewire: int, members: Array, out: Array, away: Array,
) -> Any:  # fmt: skip
    """The edges of `cpu_fresh.ring_total` from the members here: `here[c]` of class c, from place `low[c]` on.

    `place` and `value` of row r are those from `ends[r]` to `ends[r + 1]`, `words` and `before` their index. All `rows`
    have one key; of these rows `out` is zero. Returns how many entries of `away` (row, place, number) are filled.
    """
    word, at, to = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    many, offset = np.int64(0), np.int64(0)
    silent, sends = np.empty(rows.size, np.bool_), np.empty(rows.size, np.bool_)
    for c in range(size.size):
        begin, n, first, own = start[c], size[c], low[c], here[c]
        mine = members[offset : offset + own]
        offset += own
        if own == 0:
            continue
        reach = sure[c] + (1 if chance[c] > 0 else 0)
        outside = n - 2 * reach - 1
        limit = U(rewire if outside > 0 else 0)
        for m in range(rows.size):
            r = rows[m]
            silent[m] = _before(words[r], before[r], begin) == _before(words[r], before[r], begin + n)
        if silent.all():
            continue
        # Those here and `reach` more, so that nothing wraps around.
        near_all, received = np.zeros((rows.size, own + reach), np.int64), np.zeros((rows.size, own + reach), np.int64)
        for m in range(rows.size):
            r = rows[m]
            spot, number_ = place[ends[r] : ends[r + 1]], value[ends[r] : ends[r + 1]]
            left, right = begin + first, begin + min(n, first + own + reach)
            for k in range(_before(words[r], before[r], left), _before(words[r], before[r], right)):
                near_all[m, spot[k] - left] = number_[k]
            over = begin + max(0, first + own + reach - n)  # the ring goes on at its beginning
            for k in range(_before(words[r], before[r], begin), _before(words[r], before[r], over)):
                near_all[m, spot[k] - left + n] = number_[k]
        for left in range(0, own, BLOCK):
            length = min(BLOCK, own - left)
            for m in range(rows.size):  # whether one of them, or of those that they may reach on the lattice, sends
                some = False
                for p in range(left, left + length + reach):
                    some |= near_all[m, p] != 0
                sends[m] = some
            for j in range(1, reach + 1):
                needed = U(chance[c] if j > sure[c] else 1 << 32)
                number = (U(begin + first + left) << S31) + U(j)
                for p in range(length):
                    word[p] = mix(base + (number + (U(p) << S31)) * GOLDEN)
                n_odd = 0
                for p in range(length):
                    at[n_odd] = p
                    n_odd += ((word[p] >> S32) < limit) | ((word[p] & LOW32) >= needed)
                for k in range(n_odd):  # the edges that are not on the lattice, and where they go
                    w, p = word[at[k]], left + at[k]
                    at[k], to[k] = p, -1
                    if (w & LOW32) < needed:
                        q = first + p + reach + 1 + np.int64(uniform(mix(w + ONE)) * np.float64(outside))
                        to[k] = q - n if q >= n else q
                for m in range(rows.size):
                    if silent[m]:
                        continue
                    s, total, r = near_all[m], received[m], rows[m]
                    if sends[m]:
                        near, far = s[left : left + length], s[left + j : left + j + length]
                        to_near, to_far = total[left : left + length], total[left + j : left + j + length]
                        for p in range(length):
                            to_near[p] += far[p]
                        for p in range(length):
                            to_far[p] += near[p]
                    mark, count, number_ = words[r], before[r], value[ends[r] : ends[r + 1]]
                    for k in range(n_odd):
                        if to[k] >= 0:
                            number_k = _sent(mark, count, number_, begin + to[k])
                            if number_k != 0:
                                total[at[k]] += number_k
                    if not sends[m]:
                        continue
                    for k in range(n_odd):
                        p, q = at[k], to[k]
                        total[p] -= s[p + j]
                        total[p + j] -= s[p]
                        if q >= 0 and s[p] != 0:
                            if first <= q < first + own:
                                total[q - first] += s[p]
                            else:
                                many = _goes(away, many, r, begin + q, s[p])
        for m in range(rows.size):
            total, r = received[m], rows[m]
            for p in range(reach):  # those after the last one here
                q = (first + own + p) % n
                if first <= q < first + own:
                    total[q - first] += total[own + p]
                else:
                    many = _goes(away, many, r, begin + q, total[own + p])
            for p in range(own):
                if total[p] != 0:
                    out[r, mine[p]] = total[p]
    return many
