"""Fresh contacts of a range of the agents as compiled loops: the edges that begin here, and what goes elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import inner, loop
from causal_lpm.kernels.cpu_hash import BLOCK, GOLDEN, LOW32, ONE, S31, S32, Array, U, mix, uniform


@inner
def _goes(away: Array, many: Any, row: Any, place: Any, value: Any) -> Any:
    """Notes what goes elsewhere; returns how much that is."""
    if value != 0:
        away[0, many], away[1, many], away[2, many] = row, place, value
        many += 1
    return many


@loop
def ring_range(
    sent: Array, base: Any, start: Array, size: Array, low: Array, here: Array, sure: Array, chance: Array,
    rewire: int, out: Array, away: Array,
) -> Any:  # fmt: skip
    """The edges of `cpu_fresh.ring_total` from the members here: `here[c]` of class c, from place `low[c]` on.

    `out` is zero; returns how many entries of `away` (row, place, number) are filled.
    """
    word, at, to = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    rows, many, offset = sent.shape[0], np.int64(0), np.int64(0)
    for c in range(size.size):
        begin, n, first, own = start[c], size[c], low[c], here[c]
        offset += own
        if own == 0:
            continue
        reach = sure[c] + (1 if chance[c] > 0 else 0)
        outside = n - 2 * reach - 1
        limit = U(rewire if outside > 0 else 0)
        silent = np.empty(rows, np.bool_)
        for m in range(rows):
            silent[m] = True
            for p in range(n):
                if sent[m, begin + p] != 0:
                    silent[m] = False
                    break
        if silent.all():
            continue
        # Those here and `reach` more, so that nothing wraps around.
        near_all, received = np.empty((rows, own + reach), np.int64), np.zeros((rows, own + reach), np.int64)
        for m in range(rows):
            for p in range(own + reach):
                near_all[m, p] = sent[m, begin + (first + p) % n]
        for left in range(0, own, BLOCK):
            length = min(BLOCK, own - left)
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
                for m in range(rows):
                    if silent[m]:
                        continue
                    s, total = near_all[m], received[m]
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
                            total[p] += sent[m, begin + q]
                            if first <= q < first + own:
                                total[q - first] += s[p]
                            else:
                                many = _goes(away, many, m, begin + q, s[p])
        for m in range(rows):
            total = received[m]
            for p in range(reach):  # those after the last one here
                q = (first + own + p) % n
                if first <= q < first + own:
                    total[q - first] += total[own + p]
                else:
                    many = _goes(away, many, m, begin + q, total[own + p])
            for p in range(own):
                out[m, offset - own + p] = total[p]
    return many
