"""Loops over fresh contacts for a process that holds a range of the agents."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from causal_lpm.kernels import hashing, reference
from causal_lpm.kernels.dispatch import implementation
from causal_lpm.kernels.sending import Sending

__all__ = ["Segments", "has_ring_range", "permuted", "ring_range"]


class Segments(NamedTuple):
    """The members of classes that are here: in each class, stretches of its ring.

    Attributes:
        start: int64 `[classes]`, where each class begins in the order of all members.
        size: int64 `[classes]`, how many members it has in all.
        low: int64 `[classes]`, the place in the ring of the first member here.
        here: int64 `[classes]`, how many are here.
        half_degree: float32 `[classes]`, as `kernels.ring_total` has it.
    """

    start: Tensor
    size: Tensor
    low: Tensor
    here: Tensor
    half_degree: Tensor


def permuted(key: Tensor, index: Tensor, size: int, inverse: bool = False) -> Tensor:
    """Where a keyed bijection of 0 ... size - 1 sends some numbers, as `hashing.permutation`.

    Args:
        key: int64 `[1]`.
        index: int64 `[n]`, from 0 to `size - 1`.
        size: how many numbers it permutes, below 2**31.
        inverse: send images back to where they came from.

    Returns:
        int64 `[n]`.

    >>> permuted(torch.tensor([5]), torch.arange(4), 4).sort().values
    tensor([0, 1, 2, 3])
    """
    if not len(index) or not has_ring_range(index):
        return hashing.permutation(key, index, size, inverse)
    from causal_lpm.kernels import cpu_fresh, cpu_noise
    from causal_lpm.kernels.cpu_threads import spread

    side, out = hashing.side(size), index.clone()
    rounds = np.empty((1, hashing.rounds(side)), dtype=np.uint64)
    cpu_noise.words(key.reshape(1).numpy().view(np.uint64), rounds, 0, rounds.shape[1])
    spread(cpu_fresh.permuted, rounds[0], out.numpy(), side, size, inverse, pieces=len(out), work=16 * len(out))
    return out


def has_ring_range(x: Tensor) -> bool:
    """Whether `ring_range` runs for tensors like x: it has compiled loops alone."""
    return implementation(x).__name__ == "causal_lpm.kernels.cpu"


def ring_range(
    sending: Sending,
    key: Tensor,
    rows: Tensor,
    segments: Segments,
    rewire: float,
    most: int,
    members: Tensor,
    out: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The sums of `kernels.ring_total` along the edges that begin at the members here, in the rows of one key.

    Args:
        sending: What all members send, in the order of their classes and numbers, one row of them after the other.
        key: int64 `[1]`, of these rows.
        rows: int64 `[n]`, which have this key.
        segments: Who is here.
        rewire: As there.
        most: At least as many as there are members here who send something, in all rows.
        members: int32 `[members here]`, where the sums of each belong in `out`, in the order of the members.
        out: int64 `[all rows, agents here]`, 0 in these rows; the sums are written into it.

    Returns:
        What goes to members elsewhere: row, place among all members, and number, int64 `[n]` each.
    """
    from causal_lpm.kernels import cpu_ranges

    sure, chance = reference.ring_plan(segments.size, segments.half_degree)
    reach, total, own = sure + (chance > 0), int(segments.size.sum()), rows.numpy()
    begins = torch.arange(len(out) + 1) * total
    ends = torch.searchsorted(sending.place, begins).numpy()
    place = (sending.place % max(1, total)).numpy()
    words = np.zeros((len(out), total // 64 + 1), np.uint64)
    before = np.zeros(words.shape, np.int32)
    for row in own:
        cpu_ranges.marked(place[ends[row] : ends[row + 1]], words[row], before[row])
    away = np.empty((3, most * int(reach.max()) + len(own) * int(reach.sum()) + 1), dtype=np.int64)
    ring = (x.contiguous().numpy() for x in (*segments[:4], sure, chance))
    base = key.numpy().view(np.uint64)[0]
    run: Any = cpu_ranges.ring_range
    sent = words, before, place, sending.value.numpy(), own, ends, base
    many = run(*sent, *ring, round(rewire * reference.ONE), members.numpy(), out.numpy(), away)
    row, at, number = torch.from_numpy(away[:, :many].copy()).unbind()
    return row, at, number
