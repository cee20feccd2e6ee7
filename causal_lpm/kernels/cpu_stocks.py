"""Selection within groups that have a stock each, as a compiled loop; it gives the integers of `reference`.

All groups are served in the same passes over the agents, so that twenty stocks cost about as much as one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import inner, loop
from causal_lpm.kernels.cpu_hash import EXPONENTIAL, Array, U, bits, noise_of
from causal_lpm.kernels.cpu_noise import ordered, rank_of

__all__ = ["select_in_groups"]

_CELLS, _MOST_BITS, _LEAST_BITS = 1 << 16, 14, 4  # buckets of noise of all groups together, which stay in the cache
_ELSEWHERE, _BEFORE, _NEAR = np.uint8(0), np.uint8(1), np.uint8(2)


@inner
def _bucket_bits(groups: Any) -> Any:
    found = _MOST_BITS
    while found > _LEAST_BITS and (groups << found) > _CELLS:
        found -= 1
    return found


@loop
def select_in_groups(
    priority: Array, key: Array, noise: Array, by_key: bool, group: Array, supply: Array, classes: int,
    rows_p: Array, rows_n: Array, rows_g: Array, rows_s: Array, out: Array, low: int, high: int,
) -> None:  # fmt: skip
    """Who is served of each group: count the classes, then buckets of noise, then bisect among the few left.

    `group` is int32, below 0 in no group; `supply` is `[rows, groups]`, from 0. All other arrays are as in `select`.
    """
    agents, groups = out.shape[1], supply.shape[1]
    width = _bucket_bits(groups)
    for r in range(low, high):
        p, g, served = priority[rows_p[r]], group[rows_g[r]], out[r]
        base, e = key[rows_n[r] if by_key else 0], noise[0 if by_key else rows_n[r]]
        top: Any = 0  # classes that occur
        for i in range(agents):
            if top <= p[i] < classes:
                top = np.int64(p[i]) + 1
        asking = np.zeros((groups + 1, top + 1), np.int64)
        for i in range(agents):
            asking[g[i] + 1, p[i] if 0 <= p[i] < top else top] += 1
        left, cut, tied = supply[rows_s[r]].copy(), np.zeros(groups + 1, np.int64), np.zeros(groups + 1, np.int64)
        several, tied[0] = 0, -1
        for k in range(groups):
            c = 0
            while c < top and asking[k + 1, c] <= left[k]:
                left[k] -= asking[k + 1, c]
                c += 1
            in_part = c < top and left[k] > 0
            cut[k + 1], tied[k + 1] = c, c if in_part else -1
            several += asking[k + 1, c] if in_part else 0
        who, n = np.empty(several + 1, np.int32), 0
        for i in range(agents):
            own = g[i] + 1
            served[i] = (p[i] >= 0) & (p[i] < cut[own])
            who[n] = i
            n += (p[i] == tied[own]) & (tied[own] >= 0)
        # Buckets by uniform bits: one bucket apart may still be the same exponential in float32, two apart cannot.
        count, cell = np.zeros(groups << width, np.int64), np.empty(n, np.int64)
        for k in range(n):
            i = who[k]
            bucket = np.int64(bits(base, i) >> U(64 - width)) if by_key else ordered(e[i]) >> (32 - width)
            cell[k] = (np.int64(g[i]) << width) + bucket
        for k in range(n):
            count[cell[k]] += 1
        where, begin = np.zeros(groups << width, np.uint8), np.zeros(groups + 1, np.int64)
        for k in range(groups):
            begin[k + 1] = begin[k]
            if tied[k + 1] < 0:
                continue
            first = k << width
            edge, last = first, first + (1 << width) - 1
            while count[edge] <= left[k]:
                left[k] -= count[edge]
                where[edge] = _BEFORE
                edge += 1
            lower, upper = max(edge - 1, first), min(edge + 1, last)
            if lower < edge:
                left[k] += count[lower]
            for near in range(lower, upper + 1):
                where[near] = _NEAR
                begin[k + 1] += count[near]
        rank, filled = np.empty(begin[groups], np.int64), begin.copy()
        for k in range(n):
            i, place = who[k], where[cell[k]]
            if place == _BEFORE:
                served[i] = True
            elif place == _NEAR:
                value = noise_of(bits(base, i), EXPONENTIAL) if by_key else e[i]
                rank[filled[g[i]]] = ((ordered(value) - np.int64(1 << 31)) << 32) | np.int64(i)
                filled[g[i]] += 1
        for k in range(groups):
            if begin[k] < begin[k + 1]:
                candidates = rank[begin[k] : begin[k + 1]]
                end = rank_of(candidates, left[k])
                for c in range(candidates.size):
                    if candidates[c] <= end:
                        served[candidates[c] & np.int64(0xFFFFFFFF)] = True
