"""The noise of docs/explanation/noise.md in plain numpy: 64-bit integers that wrap, written from their description.

A key is a Python integer from 0 to 2**64 - 1; fields are uint64 arrays.
"""

import hashlib
import math

import numpy as np

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    """The finaliser of SplitMix64."""
    x &= MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def mixed(x: np.ndarray) -> np.ndarray:
    """`mix` of every element, uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def key(seed: int, name: str, counter: int) -> int:
    """The key of a field: `counter` is the step, -1 outside of steps, or a number that an agent carries."""
    word = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    return mix(mix(mix(seed + word) + counter * GOLDEN))


def bits(key: int, index: np.ndarray) -> np.ndarray:
    """64 bits for each element of a field, uint64."""
    return mixed(np.uint64(key) + index.astype(np.uint64) * np.uint64(GOLDEN))


def field(key: int, size: int, kind: str) -> np.ndarray:
    """The first `size` elements of a field of noise, float32, or int64 for bits."""
    return noise(bits(key, np.arange(size)), kind)


def noise(words: np.ndarray, kind: str) -> np.ndarray:
    """Noise of a kind from bits: computed in double precision, rounded once."""
    if kind == "bits":
        return words.view(np.int64)
    u = uniform(words)
    if kind == "uniform":
        return u.astype(np.float32)
    exponential = -np.log1p(-u)
    return (-np.log(exponential) if kind == "gumbel" else exponential).astype(np.float32)


def uniform(words: np.ndarray) -> np.ndarray:
    """The upper 53 bits as a number in (0, 1], float64."""
    return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def below(words: np.ndarray, limit: int) -> np.ndarray:
    """A whole number below `limit` from the upper 32 bits, int64."""
    return (((words >> np.uint64(32)) * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)


def permutation(key: int, size: int) -> list[int]:
    """Where a keyed Feistel network on pairs (left, right) sends 0 ... size - 1, walking on until it is back in range.

    Source: Black and Rogaway (2002), Ciphers with arbitrary finite domains, CT-RSA.
    """
    width = math.isqrt(max(size - 1, 0)) + 1
    rounds = 16 if width < 32 else 6
    image = np.arange(size)
    todo = np.ones(size, dtype=bool)
    while todo.any():
        left, right = image // width, image % width
        for number in range(rounds):
            of_round = int(bits(key, np.array([number]))[0])
            left, right = right, (left + below(bits(of_round, right), width)) % width
        image = np.where(todo, left * width + right, image)
        todo = image >= size
    return [int(i) for i in image]
