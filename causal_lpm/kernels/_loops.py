"""The kernels as compiled loops over plain arrays; each gives exactly the integers of `reference`.

Hashes are uint64 (numba turns a sum of uint64 and int64 into a float, so every operand is cast). Leading dimensions
are flattened to rows: `rows_x[r]` is the row of `x` that belongs to result row `r`, so that nothing broadcast is
copied. `low` and `high` are the part of the work that this call does: agents for the element-wise kernels, rows for the
others.

All loops stay in this one file: numba's cache on disk does not notice when an inlined function of another file changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causal_lpm.kernels._compile import inner, loop

Array = NDArray[Any]

_U = np.uint64
_GOLDEN, _FIRST, _SECOND = _U(0x9E3779B97F4A7C15), _U(0xBF58476D1CE4E5B9), _U(0x94D049BB133111EB)
_ZERO, _ONE, _S11, _S27, _S30, _S31, _S32 = _U(0), _U(1), _U(11), _U(27), _U(30), _U(31), _U(32)
_LOW32 = _U(0xFFFFFFFF)
_BUCKETS, _TO_BUCKET, _NO_BUCKET = 1 << 14, _U(50), np.int16(0x7FFF)
_BLOCK = 1024  # hashes computed at a time, in a loop without branches that the compiler turns into vector code
EXPONENTIAL, UNIFORM, GUMBEL = 0, 1, 2


@inner
def _mix(x: Any) -> Any:
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> _S31)


@inner
def _bits(key: Any, i: Any) -> Any:
    return _mix(key + _U(i) * _GOLDEN)


@inner
def _uniform(word: Any) -> Any:
    return (np.float64(np.int64(word >> _S11)) + 0.5) * 2.0**-53  # signed: converts faster


@inner
def _noise(word: Any, kind: Any) -> Any:
    u = _uniform(word)
    if kind == UNIFORM:
        return np.float32(u)
    e = -np.log1p(-u)
    return np.float32(-np.log(e)) if kind == GUMBEL else np.float32(e)


@loop
def words(key: Array, out: Array, low: int, high: int) -> None:
    """Raw bits, uint64 `[rows, elements]`."""
    for r in range(out.shape[0]):
        for i in range(low, high):
            out[r, i] = _bits(key[r], i)


@loop
def field(key: Array, kind: int, out: Array, low: int, high: int) -> None:
    """Noise, float32 `[rows, elements]`."""
    for r in range(out.shape[0]):
        for i in range(low, high):
            out[r, i] = _noise(_bits(key[r], i), kind)


@loop
def keys_at(key: Array, index: Array, rows_key: Array, rows_index: Array, out: Array, low: int, high: int) -> None:
    """Raw bits whose key depends on a number each agent carries, uint64 `[rows, agents]`."""
    for r in range(out.shape[0]):
        base, number = key[rows_key[r]], index[rows_index[r]]
        for i in range(low, high):
            out[r, i] = _bits(_mix(_bits(base, number[i])), i)


@loop
def to_noise(raw: Array, kind: int, out: Array, low: int, high: int) -> None:
    """Raw bits as noise, float32 of the same shape."""
    for r in range(out.shape[0]):
        for i in range(low, high):
            out[r, i] = _noise(raw[r, i], kind)


@loop
def happens(
    hazard: Array, key: Array, rows_h: Array, rows_key: Array, members: Array, out: Array, low: int, high: int
) -> None:
    """Exponential noise below the hazard, bool `[rows, agents]`; -log1p(-u) >= u spares nearly all logarithms."""
    u = np.empty(_BLOCK, np.float64)
    for left in range(low, high, _BLOCK):
        n, drawn = min(_BLOCK, high - left), np.int64(-1)
        for member in range(members.size):  # rows of one key follow each other: they share their noise
            r = members[member]
            h = hazard[rows_h[r]]
            possible = False
            for i in range(n):
                possible |= h[left + i] > 0
                out[r, left + i] = False
            if not possible:
                continue
            if drawn != rows_key[r]:
                drawn = rows_key[r]
                for i in range(n):
                    u[i] = _uniform(_bits(key[drawn], left + i))
            for i in range(n):
                out[r, left + i] = u[i] < h[left + i]
            for i in range(n):
                if out[r, left + i]:
                    out[r, left + i] = np.float32(-np.log1p(-u[i])) < h[left + i]


@inner
def _ordered(value: Any) -> Any:
    """float32 bits as an integer 0 ... 2**32 - 1 of the same order."""
    b = np.int64(np.float32(value + np.float32(0.0)).view(np.int32))  # + 0: there is one zero
    return (b ^ np.int64(0x7FFFFFFF) if b < 0 else b) + np.int64(1 << 31)


@loop
def select(
    priority: Array, key: Array, noise: Array, by_key: bool, supply: Array, classes: int,
    rows_p: Array, rows_n: Array, rows_s: Array, out: Array, low: int, high: int,
) -> None:  # fmt: skip
    """Who is served: count the classes, then coarse buckets of noise, then bisect among the few left."""
    agents = out.shape[1]
    for r in range(low, high):
        p, base = priority[rows_p[r]], key[rows_n[r] if by_key else 0]
        e = noise[0 if by_key else rows_n[r]]
        left = supply[rows_s[r]]
        asking = np.zeros(classes, np.int64)
        for i in range(agents):
            if 0 <= p[i] < classes:
                asking[p[i]] += 1
        cut = 0
        while cut < classes and asking[cut] <= left:
            left -= asking[cut]
            cut += 1
        # Buckets by uniform bits: one bucket apart may still be the same exponential in float32, two apart cannot.
        count = np.zeros(_BUCKETS, np.int64)
        bucket = np.empty(agents, np.int16)
        for i in range(agents):
            out[r, i] = 0 <= p[i] < cut
            bucket[i] = _NO_BUCKET
            if p[i] == cut and left > 0:
                bucket[i] = np.int64(_bits(base, i) >> _TO_BUCKET) if by_key else _ordered(e[i]) >> 18
                count[bucket[i]] += 1
        if cut == classes or left <= 0:
            continue
        edge = 0
        while count[edge] <= left:
            left -= count[edge]
            edge += 1
        lower, upper = max(edge - 1, 0), min(edge + 1, _BUCKETS - 1)
        if lower < edge:
            left += count[lower]
        rank, n = np.empty(count[lower : upper + 1].sum(), np.int64), 0
        for i in range(agents):
            out[r, i] |= bucket[i] < lower
            if lower <= bucket[i] <= upper:
                value = _noise(_bits(base, i), EXPONENTIAL) if by_key else e[i]
                rank[n] = ((_ordered(value) - np.int64(1 << 31)) << 32) | np.int64(i)
                n += 1
        first, last = np.iinfo(np.int64).min, np.iinfo(np.int64).max
        while first < last:  # the smallest rank that `left` of the candidates do not exceed
            middle = (first & last) + ((first ^ last) >> 1)
            within = 0
            for c in range(n):
                within += rank[c] <= middle
            if within >= left:
                last = middle
            else:
                first = middle + 1
        for c in range(n):
            if rank[c] <= first:
                out[r, rank[c] & np.int64(0xFFFFFFFF)] = True


@loop
def group_total(x: Array, group: Array, groups: int, out: Array, low: int, high: int) -> None:
    """The sum over the others in the group."""
    for r in range(low, high):
        total = np.zeros(groups, np.int64)
        for i in range(x.shape[1]):
            if x[r, i] != 0 and group[i] >= 0:
                total[group[i]] += x[r, i]
        for i in range(x.shape[1]):
            out[r, i] = total[group[i]] - x[r, i] if group[i] >= 0 else 0


@loop
def graph_total(x: Array, indptr: Array, neighbours: Array, out: Array, low: int, high: int) -> None:
    """Push from the agents that send something if they are few, else pull; `out` is zero."""
    agents = x.shape[1]
    for r in range(low, high):
        edges = 0
        for i in range(agents):
            if x[r, i] != 0:
                edges += indptr[i + 1] - indptr[i]
        if 3 * edges < neighbours.size:
            for i in range(agents):
                if x[r, i] != 0:
                    for k in range(indptr[i], indptr[i + 1]):
                        out[r, neighbours[k]] += x[r, i]
        else:
            for i in range(agents):
                total = np.int64(0)
                for k in range(indptr[i], indptr[i + 1]):
                    total += x[r, neighbours[k]]
                out[r, i] = total


@loop
def ring_total(
    x: Array, key: Array, order: Array, start: Array, size: Array, sure: Array, chance: Array, rewire: int,
    rows_x: Array, rows_key: Array, members: Array, parts: Array, out: Array, low: int, high: int,
) -> None:  # fmt: skip
    """Fresh small worlds: `sure` forward edges and one more with probability `chance` / 2**32; `out` is zero.

    The rows `members[parts[t]:parts[t + 1]]` have one key, so they have one graph: it is made once for all of them.
    """
    longest = (size + sure).max() + 1 if size.size else 0
    word, at, to = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    for part in range(low, high):
        rows = members[parts[part] : parts[part + 1]]
        base = key[rows_key[rows[0]]]
        sent, received = np.empty((rows.size, longest), np.int64), np.empty((rows.size, longest), np.int64)
        silent = np.empty(rows.size, np.bool_)
        for c in range(size.size):
            begin, n = start[c], size[c]
            reach = sure[c] + (1 if chance[c] > 0 else 0)
            outside = n - 2 * reach - 1
            limit = _U(rewire if outside > 0 else 0)
            all_silent = True
            mine = order[begin : begin + n]
            for m in range(rows.size):
                source, s, total = x[rows_x[rows[m]]], sent[m], received[m]
                loudest = np.int64(0)
                for p in range(n):
                    s[p] = source[mine[p]]
                    loudest |= s[p]
                for p in range(reach):  # the ring, continued by `reach`, so that nothing wraps around
                    s[n + p] = s[p % n]
                total[: n + reach] = 0
                silent[m] = loudest == 0
                all_silent &= silent[m]
            if all_silent:
                continue
            for j in range(1, reach + 1):
                needed = _U(chance[c] if j > sure[c] else 1 << 32)
                for left in range(0, n, _BLOCK):
                    length = min(_BLOCK, n - left)
                    number = (_U(begin + left) << _S31) + _U(j)
                    for p in range(length):
                        word[p] = _mix(base + (number + (_U(p) << _S31)) * _GOLDEN)
                    n_odd = 0
                    for p in range(length):
                        at[n_odd] = p
                        n_odd += ((word[p] >> _S32) < limit) | ((word[p] & _LOW32) >= needed)
                    for k in range(n_odd):  # the edges that are not on the lattice, and where they go
                        w, p = word[at[k]], left + at[k]
                        at[k], to[k] = p, -1
                        if (w & _LOW32) < needed:
                            q = p + reach + 1 + np.int64(_uniform(_mix(w + _ONE)) * np.float64(outside))
                            to[k] = q - n if q >= n else q
                    for m in range(rows.size):
                        if silent[m]:
                            continue
                        s, total = sent[m], received[m]
                        # Views that begin at 0, so that the compiler need not think of negative indices.
                        near, far = s[left : left + length], s[left + j : left + j + length]
                        to_near, to_far = total[left : left + length], total[left + j : left + j + length]
                        for p in range(length):
                            to_near[p] += far[p]
                        for p in range(length):
                            to_far[p] += near[p]
                        for k in range(n_odd):
                            p, q = at[k], to[k]
                            total[p] -= s[p + j]
                            total[p + j] -= s[p]
                            if q >= 0:
                                total[p] += s[q]
                                total[q] += s[p]
            for m in range(rows.size):
                total = received[m]
                for p in range(reach):
                    total[p % n] += total[n + p]
                for p in range(n):
                    out[rows[m], mine[p]] = total[p]


@inner
def _added(value: Any, key: Any, half: Any, side: Any, inverse: Any) -> Any:
    """Return value + F(half), or value - F(half), modulo side."""
    change = ((_bits(key, half) >> _S32) * side) >> _S32
    moved = value + (side - change if inverse else change)
    return moved - side if moved >= side else moved


@loop
def _permute(keys: Array, value: Array, n: int, side: Any, size: Any, inverse: bool) -> None:
    """`hashing.permutation` of the first n values in place, at most a block of them."""
    left, right, which = np.empty(n, np.uint64), np.empty(n, np.uint64), np.arange(n)
    while n > 0:  # those that left the range walk on
        for i in range(n):
            v = value[which[i]]
            left[i] = _U(np.int64(np.float64(v) / np.float64(side)))  # exact below 2**52
            right[i] = _U(v) - left[i] * side
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
def stub_total(
    x: Array, key: Array, owner: Array, first: Array, chain: bool, side_: int, rounds: int,
    rows_x: Array, rows_key: Array, members: Array, parts: Array, out: Array, low: int, high: int,
) -> None:  # fmt: skip
    """Fresh random graphs from stubs: from the agents that send something if they are few, else along the sequence.

    Rows of one key share their graph, as in `ring_total`.
    """
    stubs, agents, side = owner.size, x.shape[1], _U(side_)
    usable = stubs if chain else stubs // 2 * 2
    keys, place, other = np.empty(rounds, np.uint64), np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    for part in range(low, high):
        rows = members[parts[part] : parts[part + 1]]
        for k in range(rounds):
            keys[k] = _bits(key[rows_key[rows[0]]], k)
        sends, n_sending = np.zeros(agents, np.bool_), 0
        for m in range(rows.size):
            source = x[rows_x[rows[m]]]
            for i in range(agents):
                sends[i] |= source[i] != 0
        for i in range(agents):
            n_sending += first[i + 1] - first[i] if sends[i] else 0
        if 3 * n_sending < stubs:
            sending, n_sending = np.empty(n_sending, np.int32), 0
            for i in range(agents):
                if sends[i]:
                    for s in range(first[i], first[i + 1]):
                        sending[n_sending] = s
                        n_sending += 1
            for begin in range(0, n_sending, _BLOCK):
                n = min(_BLOCK, n_sending - begin)
                for k in range(n):
                    place[k] = sending[begin + k]
                _permute(keys, place, n, side, stubs, True)
                for turn in range(2 if chain else 1):
                    for k in range(n):
                        near = place[k] + (2 * turn - 1) if chain else place[k] ^ 1
                        other[k] = near if 0 <= near < usable else place[k]  # without a partner: a loop
                    _permute(keys, other, n, side, stubs, False)
                    for m in range(rows.size):
                        source, total = x[rows_x[rows[m]]], out[rows[m]]
                        for k in range(n):
                            agent, neighbour = owner[sending[begin + k]], owner[other[k]]
                            if agent != neighbour:
                                total[neighbour] += source[agent]
        else:
            last = np.int64(-1)
            for begin in range(0, usable, _BLOCK):
                n = min(_BLOCK, usable - begin)
                for k in range(n):
                    place[k] = begin + k
                _permute(keys, place, n, side, stubs, False)
                for m in range(rows.size):
                    source, total, before = x[rows_x[rows[m]]], out[rows[m]], last
                    for k in range(n):
                        agent = np.int64(owner[place[k]])
                        if before >= 0 and before != agent:
                            total[agent] += source[before]
                            total[before] += source[agent]
                        before = agent if chain or k % 2 == 0 else np.int64(-1)  # a block is even
                last = np.int64(owner[place[n - 1]]) if chain else np.int64(-1)
