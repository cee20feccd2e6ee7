"""Sums over contacts that are drawn from a key and never stored, as compiled loops: the integers of `reference`.

`rows_x[r]` is the row of `x` that belongs to result row `r`; rows of one key have one graph, which is made once for all
of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import inner, loop
from causal_lpm.kernels.cpu_hash import BLOCK, GOLDEN, LOW32, ONE, S31, S32, ZERO, Array, U, bits, marked, mix, uniform


@inner
def _exchange(sent: Any, received: Any, rows: Any, one: Any, other: Any) -> Any:
    """Each of two members receives what the other sends, in every row."""
    for m in range(rows):
        received[m, one] += sent[m, other]
        received[m, other] += sent[m, one]


@inner
def _all_exchange(sent: Any, received: Any, mask: Any, n: Any, j: Any) -> Any:
    """The first n members and those j places after them receive from each other what the mask lets through."""
    here, there = sent[:n], sent[j : j + n]
    to_here, to_there = received[:n], received[j : j + n]
    for p in range(n):
        to_here[p] += there[p] & mask[p]
    for p in range(n):
        to_there[p] += here[p] & mask[p]


@loop
def speakers(x: Array, rows_x: Array, members: Array, parts: Array, out: Array, low: int, high: int) -> None:
    """Marks who sends something in any row of a part, uint8 `[parts, agents]`; `out` is zero."""
    for part in range(out.shape[0]):
        for r in members[parts[part] : parts[part + 1]]:
            source, marks = x[rows_x[r], low:high], out[part, low:high]
            for i in range(marks.size):
                marks[i] |= np.uint8(source[i] != 0)


@loop
def ring_total(
    x: Array, speaks: Array, key: Array, order: Array, start: Array, size: Array, sure: Array, chance: Array,
    rewire: int, rows_x: Array, rows_key: Array, members: Array, parts: Array, out: Array, low: int, high: int,
) -> None:  # fmt: skip
    """Fresh small worlds: `sure` forward edges and one more with probability `chance` / 2**32; `out` is zero.

    The rows `members[parts[t]:parts[t + 1]]` have one key, so they have one graph: it is made once for all of them. A
    class has agents of its own: `low` and `high` number the pairs (part, class). Every edge is hashed, since any may be
    rewired to anybody; messages are added where one of its ends sends something (`speaks`), and most send nothing.
    """
    word, at, to = np.empty(BLOCK, np.uint64), np.empty(BLOCK + 1, np.int64), np.empty(BLOCK, np.int64)
    on_lattice, far, mask = np.empty(BLOCK // 8, np.uint64), np.empty(BLOCK, np.uint8), np.empty(BLOCK, np.int64)
    near = on_lattice.view(np.uint8)
    largest, most = np.int64(0), np.int64(0)
    for part in range(parts.size - 1):
        most = max(most, parts[part + 1] - parts[part])
    for c in range(size.size):
        largest = max(largest, size[c] + sure[c] + 1)
    # What members send and receive, as they stand on the ring: near ones are near in memory. Zero between the tasks.
    sent, received = np.zeros((most, largest), np.int64), np.zeros((most, largest), np.int64)
    for task in range(low, high):
        part, c = task // size.size, task % size.size
        rows = members[parts[part] : parts[part + 1]]
        base = key[rows_key[rows[0]]]
        begin, n = start[c], size[c]
        if n == 0:
            continue
        reach = sure[c] + (1 if chance[c] > 0 else 0)
        outside = n - 2 * reach - 1
        limit = np.int64(rewire if outside > 0 else 0)
        mine, own, sends = order[begin : begin + n], speaks[part], np.empty(n + reach, np.uint8)
        for p in range(n):
            sends[p] = own[mine[p]]
        for p in range(reach):  # the ring, continued by `reach`, so that nothing wraps around
            sends[n + p] = sends[p % n]
        senders = np.int64(0)
        for p in range(n):
            senders += sends[p]
        if senders == 0:
            continue
        for p in range(n + reach):
            if sends[p] != 0:
                for m in range(rows.size):
                    sent[m, p] = x[rows_x[rows[m]], mine[p % n]]
        for left in range(0, n, BLOCK):
            length = min(BLOCK, n - left)
            quiet = sends[left : left + length + reach].max() == 0
            if quiet and limit == 0:
                continue
            for j in range(1, reach + 1):
                needed = np.int64(chance[c] if j > sure[c] else 1 << 32)
                number = (U(begin + left) << S31) + U(j)
                on_lattice[:] = ZERO
                for p in range(length):
                    word[p] = mix(base + (number + (U(p) << S31)) * GOLDEN)
                here, there = sends[left : left + length], sends[left + j : left + j + length]
                crowd = np.int64(0)
                for p in range(length):
                    exists = np.uint8(np.int64(word[p] & LOW32) < needed)
                    moved = np.uint8(np.int64(word[p] >> S32) < limit)
                    far[p] = exists & moved
                    near[p] = (here[p] | there[p]) & exists & ~moved
                    crowd += near[p]
                if 16 * crowd > length:
                    for p in range(length):
                        mask[p] = -np.int64(near[p])
                    for m in range(rows.size):
                        _all_exchange(sent[m][left:], received[m][left:], mask, length, j)
                elif crowd > 0:
                    for k in range(marked(on_lattice, at)):
                        _exchange(sent, received, rows.size, left + at[k], left + at[k] + j)
                found = 0
                for p in range(length):
                    at[found] = p
                    found += far[p]
                for k in range(found):
                    q = left + at[k] + reach + 1 + np.int64(uniform(mix(word[at[k]] + ONE)) * np.float64(outside))
                    to[k] = q - n if q >= n else q
                for k in range(found):
                    p, q = left + at[k], to[k]
                    if (sends[p] | sends[q]) != 0:
                        _exchange(sent, received, rows.size, p, q)
        for m in range(rows.size):
            total, s, r = out[rows[m]], sent[m][: n + reach], received[m][: n + reach]
            for p in range(reach):
                r[p % n] += r[n + p]
            if 32 * senders > n:  # nearly everybody receives something
                for p in range(n):
                    total[mine[p]] = r[p]
            else:
                for p in range(n):
                    if r[p] != 0:
                        total[mine[p]] = r[p]
            s[:], r[:] = 0, 0


@inner
def _added(value: Any, key: Any, half: Any, side: Any, inverse: Any) -> Any:
    """Return value + F(half), or value - F(half), modulo side."""
    change = ((bits(key, half) >> S32) * side) >> S32
    moved = value + (side - change if inverse else change)
    return moved - side if moved >= side else moved


@loop
def _permute(keys: Array, value: Array, n: int, side: Any, size: Any, inverse: bool) -> None:
    """`hashing.permutation` of the first n values in place, at most a block of them."""
    left, right, which = np.empty(n, np.uint64), np.empty(n, np.uint64), np.arange(n)
    while n > 0:  # those that left the range walk on
        for i in range(n):
            v = value[which[i]]
            left[i] = U(np.int64(np.float64(v) / np.float64(side)))  # exact below 2**52
            right[i] = U(v) - left[i] * side
        for r in range(keys.size):
            if inverse:
                key = keys[keys.size - 1 - r]
                for i in range(n):
                    moved = _added(right[i], key, left[i], side, True)
                    right[i] = left[i]
                    left[i] = moved
            else:
                key = keys[r]
                for i in range(n):
                    moved = _added(left[i], key, right[i], side, False)
                    left[i] = right[i]
                    right[i] = moved
        walking = 0
        for i in range(n):
            v = np.int64(left[i] * side + right[i])
            value[which[i]] = v
            which[walking] = which[i]
            walking += v >= size
        n = walking


@loop
def permuted(keys: Array, value: Array, side_: int, size: int, inverse: bool, low: int, high: int) -> None:
    """`hashing.permutation` of the values from `low` to `high` in place."""
    side = U(side_)
    for begin in range(low, high, BLOCK):
        n = min(BLOCK, high - begin)
        _permute(keys, value[begin : begin + n], n, side, size, inverse)


@loop
def stubs_of(who: Array, first: Array, sending: Array) -> None:
    """Writes the stubs of some agents."""
    n = 0
    for agent in who:
        for s in range(first[agent], first[agent + 1]):
            sending[n] = s
            n += 1


@loop
def stub_neighbours(
    keys: Array, sending: Array, owner: Array, chain: bool, side_: int, other: Array, low: int, high: int
) -> None:
    """The agent beside each sending stub in the permuted sequence, `[1 or 2, sending]`; its own if nobody is."""
    stubs, side = owner.size, U(side_)
    usable = stubs if chain else stubs // 2 * 2
    place, beside = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    for begin in range(low, high, BLOCK):
        n = min(BLOCK, high - begin)
        for k in range(n):
            place[k] = sending[begin + k]
        _permute(keys, place, n, side, stubs, True)
        for turn in range(other.shape[0]):
            for k in range(n):
                near = place[k] + (2 * turn - 1) if chain else place[k] ^ 1
                beside[k] = near if 0 <= near < usable else place[k]
            _permute(keys, beside, n, side, stubs, False)
            found = other[turn, begin : begin + n]
            for k in range(n):
                found[k] = owner[beside[k]]


@loop
def stub_push(
    x: Array, sending: Array, owner: Array, other: Array, rows_x: Array, rows: Array, out: Array, low: int, high: int
) -> None:
    """From the sending stubs to the agents beside them, in each row; `out` is zero."""
    value = np.empty(BLOCK, np.int64)
    for m in range(low, high):
        source, total = x[rows_x[rows[m]]], out[rows[m]]
        for turn in range(other.shape[0]):
            for begin in range(0, sending.size, BLOCK):
                near = other[turn, begin : begin + BLOCK]
                for k in range(near.size):
                    agent = owner[sending[begin + k]]
                    value[k] = source[agent] if agent != near[k] else 0
                for k in range(near.size):  # nothing else in this loop: many accesses are under way at a time
                    total[near[k]] += value[k]


@loop
def stub_sequence(
    x: Array, keys: Array, owner: Array, chain: bool, side_: int, rows_x: Array, rows: Array, out: Array,
    low: int, high: int,
) -> None:  # fmt: skip
    """Along the whole permuted sequence of stubs, in the rows from `low` to `high`; `out` is zero."""
    stubs, side, place, last = owner.size, U(side_), np.empty(BLOCK, np.int64), np.int64(-1)
    usable = stubs if chain else stubs // 2 * 2
    for begin in range(0, usable, BLOCK):
        n = min(BLOCK, usable - begin)
        for k in range(n):
            place[k] = begin + k
        _permute(keys, place, n, side, stubs, False)
        for k in range(n):
            place[k] = owner[place[k]]
        for m in range(low, high):
            source, total, before = x[rows_x[rows[m]]], out[rows[m]], last
            for k in range(n):
                agent = place[k]
                if before >= 0 and before != agent:
                    total[agent] += source[before]
                    total[before] += source[agent]
                before = agent if chain or k % 2 == 0 else np.int64(-1)  # a block is even
        last = place[n - 1] if chain else np.int64(-1)
