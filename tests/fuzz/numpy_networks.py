"""Contacts in plain Python: lists of pairs (from, to), one for every message that is sent.

A sum over contacts is then a loop over pairs; integers add up exactly in any order.
"""

import itertools
import math
from collections.abc import Iterable

import numpy as np

from tests.fuzz import numpy_noise as noise
from tests.fuzz.description import Layer

Pairs = list[tuple[int, int]]


def contacts(layer: Layer, seed: int, prefix: str, step: int) -> Pairs:
    """Who sends to whom in a step; fixed layers do not look at the seed."""
    match layer.kind:
        case "groups":
            group = layer.column
            return [
                (i, j) for i in range(len(group)) for j in range(len(group)) if i != j and group[i] == group[j] >= 0
            ]
        case "graph":
            return _both_ways((a, b) for a, b in layer.edges if a != b)
    # A layer that is drawn anew has one word of bits for its key.
    today = int(noise.bits(noise.key(seed, prefix + layer.name, step), np.array([0]))[0])
    if layer.kind == "small worlds":
        return _both_ways(_small_worlds(layer, today))
    return _both_ways(_stubs(layer, today))


def total(pairs: Pairs, messages: np.ndarray) -> np.ndarray:
    """The sum of what each agent is sent, int64."""
    received = [0] * len(messages)
    for sender, receiver in pairs:
        received[receiver] += int(messages[sender])
    return np.array(received, dtype=np.int64)


def _both_ways(edges: Iterable[tuple[int, int]]) -> Pairs:
    return [pair for a, b in edges for pair in ((a, b), (b, a))]


def _stubs(layer: Layer, key: int) -> Pairs:
    """Half-edges in a random sequence: each with the next (a chain), or the first with the second and so on."""
    owner = [agent for agent, stubs in enumerate(layer.column) for _ in range(stubs)]
    sequence = [owner[i] for i in noise.permutation(key, len(owner))]
    pairs = itertools.pairwise(sequence) if layer.chain else zip(sequence[0::2], sequence[1::2], strict=False)
    return [(a, b) for a, b in pairs if a != b]


def _small_worlds(layer: Layer, key: int) -> Pairs:
    """Watts-Strogatz rings of the members of each class, some of whose edges are rewired."""
    pairs: Pairs = []
    entry = 0  # in the list of all members, class by class
    for number, degree in enumerate(layer.degrees):
        ring = [agent for agent, own in enumerate(layer.column) if own == number]
        half = max(min(float(np.float32(degree)) / 2, (len(ring) - 1) / 2), 0.0)
        sure = math.floor(half)
        chance = round((half - sure) * 2**32)
        reach = sure + (chance > 0)
        for position in range(len(ring)):
            for step in range(1, reach + 1):
                word = noise.bits(key, np.array([entry * 2**31 + step]))
                high, low = int(word[0]) >> 32, int(word[0]) & (2**32 - 1)
                if step > sure and low >= chance:
                    continue
                outside = len(ring) - 2 * reach - 1
                move = step
                if high < round(layer.rewire * 2**32) and outside > 0:
                    second = noise.uniform(np.array([noise.mix(int(word[0]) + 1)], dtype=np.uint64))
                    move = reach + 1 + int(second[0] * outside)
                pairs.append((ring[position], ring[(position + move) % len(ring)]))
            entry += 1
    return pairs
