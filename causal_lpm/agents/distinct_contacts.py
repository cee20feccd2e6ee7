"""At most one contact between two agents: how drawn pairs that repeat are replaced."""

from __future__ import annotations

import itertools
import math
from collections import Counter, deque
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from causal_lpm.kernels import hashing

PairOf = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Numbers in a sequence of random pairs -> the two ends of each, int32."""

_AT_ONCE = 1 << 22  # pairs drawn at a time


def again(src: Tensor, dst: Tensor, agents: int) -> Tensor:
    """Which pairs repeat an earlier one of the list, in either direction; bool `[pairs]`."""
    pair = _number(src, dst, agents)
    order = torch.argsort(pair, stable=True)
    repeated = torch.zeros(pair.shape, dtype=torch.bool)
    repeated[order[1:]] = pair[order].diff() == 0
    return repeated


def _number(src: Tensor, dst: Tensor, agents: int) -> Tensor:
    """One number a pair of agents, int64, the same in both directions."""
    return torch.minimum(src, dst).long() * agents + torch.maximum(src, dst)


# The next pairs of a sequence


def with_new_for_repeated(indptr: Tensor, neighbours: Tensor, pair_of: PairOf) -> tuple[Tensor, Tensor]:
    """The rows of the first pairs of a sequence, with later pairs in place of those that repeat.

    Args:
        indptr: int64 `[agents + 1]`, of rows without an agent's own number.
        neighbours: int32 `[2 * pairs]`, ascending in each row; overwritten, to spare memory.
        pair_of: The sequence.

    Returns:
        The rows, as before.
    """
    repeated = _repeated(indptr, neighbours)
    if repeated.numel() == 0:
        return indptr, neighbours
    agents, drawn, missing = indptr.shape[0] - 1, neighbours.shape[0] // 2, repeated.numel() // 2
    possible = agents * (agents - 1) // 2
    new, number = np.empty(0, dtype=np.int64), drawn
    while len(new) < missing:
        # As many as it takes on average; what is too much at the end is dropped.
        free = possible - (drawn - missing) - len(new)
        count = min(math.ceil((missing - len(new)) * possible / free), _AT_ONCE)
        one, other = pair_of(torch.arange(number, number + count))
        number += count
        unseen = ~_joined(indptr, neighbours, one.long(), other)
        new = np.concatenate([new, _number(one, other, agents)[unseen].numpy()])
        new = new[np.sort(np.unique(new, return_index=True)[1])[:missing]]
    low, high = torch.from_numpy(new // agents), torch.from_numpy(new % agents)
    indptr = _without(indptr, neighbours, repeated)
    return _with(indptr, neighbours, torch.cat([low, high]), torch.cat([high, low])), neighbours


def _repeated(indptr: Tensor, neighbours: Tensor) -> Tensor:
    """Where in the rows an entry equals the one before it, int64, ascending."""
    place = (neighbours[1:] == neighbours[:-1]).nonzero()[:, 0] + 1
    row = torch.searchsorted(indptr, place, right=True) - 1
    return place[place > indptr[row]]


def _joined(indptr: Tensor, neighbours: Tensor, owner: Tensor, other: Tensor) -> Tensor:
    """Whether each `other` stands in the row of its `owner`."""
    place = _place(indptr, neighbours, owner, other)
    return (place < indptr[owner + 1]) & (neighbours[place.clamp(max=neighbours.shape[0] - 1)] == other)


def _place(indptr: Tensor, neighbours: Tensor, owner: Tensor, other: Tensor) -> Tensor:
    """Where in the row of its `owner` each `other` stands, or is to be put: all rows are searched at once."""
    low, high = indptr[owner], indptr[owner + 1]
    while bool((searching := low < high).any()):
        middle = (low + high) // 2
        before = neighbours[middle.clamp(max=neighbours.shape[0] - 1)] < other
        low, high = torch.where(searching & before, middle + 1, low), torch.where(searching & ~before, middle, high)
    return low


def _without(indptr: Tensor, neighbours: Tensor, places: Tensor) -> Tensor:
    """Takes entries out of the rows; the new `indptr`. The last places of `neighbours` become free."""
    values, gaps = neighbours.numpy(), places.tolist()
    for number, (gap, following) in enumerate(itertools.pairwise([*gaps, len(values)])):
        values[gap - number : following - number - 1] = values[gap + 1 : following]
    return indptr - torch.searchsorted(places, indptr)


def _with(indptr: Tensor, neighbours: Tensor, owner: Tensor, other: Tensor) -> Tensor:
    """Puts entries into the rows, whose last places are free; the new `indptr`."""
    order = np.lexsort((other.numpy(), owner.numpy()))
    owner, other = owner[order], other[order]
    places = _place(indptr, neighbours, owner, other).tolist()
    values, end = neighbours.numpy(), len(neighbours) - len(order)
    for number in reversed(range(len(places))):
        values[places[number] + number + 1 : end + number + 1] = values[places[number] : end]
        values[places[number] + number], end = other[number], places[number]
    return indptr + torch.searchsorted(owner, torch.arange(len(indptr)))


# Swapped ends


def repaired(src: Tensor, dst: Tensor, agents: int, key: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs in which every agent occurs as often as before, without loops and repeated pairs.

    A pair that cannot stay swaps ends with another one, drawn at random, where that leaves no more such pairs than
    before. Where no swap is found in many tries, what cannot stay is left out.

    Args:
        src: integers `[pairs]`, one end.
        dst: integers `[pairs]`, the other end.
        agents: number of agents.
        key: int64 `[1]`, of the draws.

    Returns:
        Both ends, int32.
    """
    waiting = deque(((src == dst) | again(src, dst, agents)).nonzero()[:, 0].tolist())
    if not waiting:
        return src.int(), dst.int()
    ends = torch.stack([src, dst]).int()
    (one, other), tries = ends.numpy(), 0
    contacts, draws = _Contacts(np.sort(_number(src, dst, agents).numpy()), agents), _draws(key, 2 * len(one))
    # In a nearly complete graph hardly more than one swap in `len(one)` helps.
    while waiting and tries < min(1_000 + 20 * len(one), 100_000):
        mine = waiting.popleft()
        a, b = int(one[mine]), int(other[mine])
        if contacts.may_stay(a, b):
            continue
        yours, turned = divmod(next(draws), 2)
        c, d = (int(other[yours]), int(one[yours])) if turned else (int(one[yours]), int(other[yours]))
        waiting.append(mine)
        tries += 1
        if yours != mine and (change := contacts.swap(a, b, c, d)) <= 0:
            one[mine], other[mine], one[yours], other[yours] = a, c, b, d
            waiting.append(yours)
            tries = 0 if change < 0 else tries
    stays = (ends[0] != ends[1]) & ~again(ends[0], ends[1], agents)
    return ends[0, stays], ends[1, stays]


class _Contacts:
    """How often each pair occurs: in the sorted list at the beginning, and by the changes since."""

    def __init__(self, pairs: np.ndarray, agents: int) -> None:
        self.pairs, self.agents, self.changed = pairs, agents, Counter[int]()

    def may_stay(self, a: int, b: int) -> bool:
        """Whether this pair is not a loop, and occurs once."""
        return a != b and self._times(self._number(a, b)) == 1

    def swap(self, a: int, b: int, c: int, d: int) -> int:
        """(a, b), (c, d) -> (a, c), (b, d) unless more pairs then cannot stay; returns the change in their number."""
        steps = (((a, b), -1), ((c, d), -1), ((a, c), 1), ((b, d), 1))
        change = sum(self._change(*pair, by) for pair, by in steps)
        if change > 0:
            for pair, by in steps:
                self._change(*pair, -by)
        return change

    def _number(self, a: int, b: int) -> int:
        return min(a, b) * self.agents + max(a, b)

    def _times(self, number: int) -> int:
        first, last = np.searchsorted(self.pairs, (number, number + 1))
        return int(last - first) + self.changed[number]

    def _change(self, a: int, b: int, by: int) -> int:
        number = self._number(a, b)
        times = self._times(number)
        self.changed[number] += by
        return by if a == b else max(times + by - 1, 0) - max(times - 1, 0)


def _draws(key: Tensor, limit: int) -> Iterator[int]:
    """Uniform numbers below the limit, without end."""
    for begin in itertools.count(step=1 << 10):
        yield from hashing.below(hashing.bits(key, torch.arange(begin, begin + (1 << 10))), limit).tolist()
