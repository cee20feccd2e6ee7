"""Sums over fixed contacts as compiled loops over plain arrays; they give the integers of `reference`.

Rows are worlds, draws and replicates. `low` and `high` are the part of the work that this call does: rows or agents.
"""

from __future__ import annotations

import numpy as np

from causal_lpm.kernels._compile import loop
from causal_lpm.kernels.cpu_hash import Array, U
from causal_lpm.kernels.cpu_prefetch import prefetch

_FEW = 64  # agents looked at together, since nearly all send nothing
_NEIGHBOURS = 256  # agents looked at together, who may all be of one group
_FEW_GROUPS = 1 << 12
_AHEAD = 16  # agents, by which rows are asked for before their turn
_SOON = 4  # agents, by which the totals of their neighbours are
_NEAR = 1 << 21  # bytes of totals that are not asked for: what a core keeps, to a factor of two


@loop
def group_sum(x: Array, group: Array, out: Array, low: int, high: int) -> None:
    """The sum of each group, in the type of `out`, which is zero."""
    groups = out.shape[1]
    copies = 4 if groups <= _FEW_GROUPS else 1  # so that equal neighbours do not wait for each other
    for r in range(low, high):
        source, total = x[r], np.zeros((copies, groups + 1), out.dtype)  # the first cell is that of no group
        a, b, c, d = total[0], total[1 % copies], total[2 % copies], total[3 % copies]
        for left in range(0, source.size, _NEIGHBOURS):
            part, of = source[left : left + _NEIGHBOURS], group[left : left + _NEIGHBOURS]
            sends = False
            for i in range(part.size):
                sends |= part[i] != 0
            if not sends:
                continue
            others = np.int64(of[of.size - 1] ^ of[0])
            if others == 0:  # neighbours are often of one group
                for i in range(of.size):
                    others |= np.int64(of[i] ^ of[0])
            if others == 0:
                together = np.int64(0)
                for i in range(part.size):
                    together += part[i]
                a[U(max(of[0] + 1, 0))] += together
                continue
            fours = part.size - part.size % 4
            for i in range(0, fours, 4):
                a[U(max(of[i] + 1, 0))] += part[i]
                b[U(max(of[i + 1] + 1, 0))] += part[i + 1]
                c[U(max(of[i + 2] + 1, 0))] += part[i + 2]
                d[U(max(of[i + 3] + 1, 0))] += part[i + 3]
            for i in range(fours, part.size):
                a[U(max(of[i] + 1, 0))] += part[i]
        for copy in range(copies):
            for g in range(groups):
                out[r, g] += total[copy, g + 1]


@loop
def group_total(x: Array, group: Array, groups: int, out: Array, low: int, high: int) -> None:
    """The sum over the others in the group, in the type of `out`."""
    for r in range(low, high):
        source, mine = x[r], out[r]
        total = np.zeros(groups, out.dtype)
        for i in range(source.size):
            if group[i] >= 0:
                total[group[i]] += source[i]
        for i in range(source.size):
            mine[i] = total[group[i]] - source[i] if group[i] >= 0 else 0


@loop
def graph_push(x: Array, indptr: Array, neighbours: Array, rows: Array, out: Array, low: int, high: int) -> None:
    """From the agents that send something; `out` is zero."""
    for n in range(low, high):
        source, total = x[rows[n]], out[rows[n]]
        for left in range(0, source.size, _FEW):
            part = source[left : left + _FEW]
            sends = False
            for i in range(part.size):
                sends |= part[i] != 0
            if sends:
                for i in range(left, left + part.size):
                    if source[i] != 0:
                        for k in range(indptr[i], indptr[i + 1]):
                            total[neighbours[k]] += source[i]


@loop
def graph_pull(x: Array, indptr: Array, neighbours: Array, rows: Array, out: Array, low: int, high: int) -> None:
    """To everybody from all neighbours; `low` and `high` are agents."""
    for n in range(rows.size):
        source, total = x[rows[n]], out[rows[n]]
        for i in range(low, high):
            received = np.int64(0)
            for k in range(indptr[i], indptr[i + 1]):
                received += source[neighbours[k]]
            total[i] = received


@loop
def changed(x: Array, before: Array, words: Array, words_before: Array, who: Array) -> int:
    """Writes the agents whose message changed, as many as `who` has room for; returns how many there are.

    `words` are the messages of one row, read as whole words of 8 bytes, nearly all of which are as they were.
    """
    found, width = 0, 8 // x.itemsize
    for word in range(words.size):
        if words[word] != words_before[word]:
            for i in range(word * width, word * width + width):
                if x[i] != before[i]:
                    if found < who.size:
                        who[found] = i
                    found += 1
    for i in range(words.size * width, x.size):
        if x[i] != before[i]:
            if found < who.size:
                who[found] = i
            found += 1
    return found


@loop
def graph_change(x: Array, before: Array, who: Array, indptr: Array, neighbours: Array, total: Array) -> None:
    """Brings the totals of one row up to date with the messages that changed.

    Rows of agents ahead are asked for early, so that they have come from memory when their turn comes: both ends, since
    most rows lie across two lines of the cache. When they have, so are the totals of those whom they name, if there are
    more of them than a core keeps near.
    """
    far = total.nbytes > _NEAR
    for n in range(who.size):
        if n + 2 * _AHEAD < who.size:
            prefetch(indptr, who[n + 2 * _AHEAD])
        if n + _AHEAD < who.size:
            ahead = who[n + _AHEAD]
            prefetch(neighbours, indptr[ahead])
            prefetch(neighbours, indptr[ahead + 1] - 1)
        if far and n + _SOON < who.size:
            soon = who[n + _SOON]
            for k in range(indptr[soon], indptr[soon + 1]):
                prefetch(total, neighbours[k])
        i = who[n]
        change = total.dtype.type(np.int64(x[i]) - np.int64(before[i]))
        for k in range(indptr[i], indptr[i + 1]):
            total[neighbours[k]] += change
