"""Floats to integers of a scale and back, as compiled loops; they give the numbers of `fixed_point`.

Rows are worlds, draws and replicates, each with a power of two of its own. `low` and `high` are the agents that this
call does.
"""

from __future__ import annotations

import numpy as np

from causal_lpm.kernels._compile import loop
from causal_lpm.kernels.cpu_hash import Array

__all__ = ["to_floats", "to_integers", "to_two_integers"]


@loop
def to_integers(x: Array, power: Array, out: Array, low: int, high: int) -> None:
    """The nearest integers of x times the power of its row; 0 in a row whose power is NaN."""
    for r in range(x.shape[0]):
        source, target, p = x[r, low:high], out[r, low:high], power[r]
        if np.isnan(p):
            target[:] = 0
        else:
            for i in range(source.size):
                target[i] = np.int64(np.rint(np.float64(source[i]) * p))


@loop
def to_two_integers(x: Array, power: Array, more: float, out: Array, rest: Array, low: int, high: int) -> None:
    """The same, and what these leave over, times `more`."""
    for r in range(x.shape[0]):
        source, target, left, p = x[r, low:high], out[r, low:high], rest[r, low:high], power[r]
        if np.isnan(p):
            target[:] = 0
            left[:] = 0
        else:
            for i in range(source.size):
                scaled = source[i] * p
                whole = np.rint(scaled)
                target[i] = np.int64(whole)
                left[i] = np.int64(np.rint((scaled - whole) * more))


@loop
def to_floats(sums: Array, power: Array, out: Array, low: int, high: int) -> None:
    """Sums rounded to the type of `out`, over the power of their row; NaN where that is NaN."""
    kind = out.dtype.type
    for r in range(sums.shape[0]):
        source, target, p = sums[r, low:high], out[r, low:high], power[r]
        for i in range(source.size):
            target[i] = kind(np.float64(kind(source[i])) / p)
