"""The counter-based hash inside the compiled loops: pieces that are compiled into every loop that needs noise.

Hashes are uint64; numba turns a sum of uint64 and int64 into a float, so every operand is cast. numba's cache on disk
does not notice a change of this file: after one, `make clean`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causal_lpm.kernels._compile import inner
from causal_lpm.kernels.cpu_normal import standard_normal

Array = NDArray[Any]

U = np.uint64
GOLDEN, _FIRST, _SECOND = U(0x9E3779B97F4A7C15), U(0xBF58476D1CE4E5B9), U(0x94D049BB133111EB)
ZERO, ONE, _S11, _S27, _S30, S31, S32 = U(0), U(1), U(11), U(27), U(30), U(31), U(32)
LOW32 = U(0xFFFFFFFF)
BLOCK = 1024
"""Hashes computed at a time, in a loop without branches that the compiler turns into vector code."""
EXPONENTIAL, UNIFORM, GUMBEL, NORMAL = 0, 1, 2, 3


@inner
def mix(x: Any) -> Any:
    """SplitMix64 finaliser; see `hashing.mix`."""
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> S31)


@inner
def bits(key: Any, i: Any) -> Any:
    """64 random bits for element i; see `hashing.bits`."""
    return mix(key + U(i) * GOLDEN)


@inner
def uniform(word: Any) -> Any:
    """A float64 in (0, 1]; see `hashing.uniform`."""
    return (np.float64(np.int64(word >> _S11)) + 0.5) * 2.0**-53  # signed: converts faster


@inner
def noise_of(word: Any, kind: Any) -> Any:
    """Noise of a kind, float32, rounded once."""
    if kind == NORMAL:
        return np.float32(standard_normal(word))
    u = uniform(word)
    if kind == UNIFORM:
        return np.float32(u)
    e = -np.log1p(-u)
    return np.float32(-np.log(e)) if kind == GUMBEL else np.float32(e)


@inner
def marked(eights: Any, at: Any) -> Any:
    """Writes where the bytes are 1 and not 0, eight bytes at a time, and returns how many there are."""
    found = 0
    for word in range(eights.size):
        left = eights[word]
        while left != ZERO:
            lowest = left & (~left + U(1))  # a power of two: the exponent of the float says which
            at[found] = 8 * word + (((np.float64(np.int64(lowest)).view(np.int64) >> 52) - 1023) >> 3)
            found += 1
            left ^= lowest
    return found
