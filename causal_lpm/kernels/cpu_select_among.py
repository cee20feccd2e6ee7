"""What a range of the agents counts where several select together, as compiled loops over one row.

The noise is hashed, never written out: buckets of it are counted, and only few agents lie near the bucket in which the
cut-off is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels._compile import loop
from causal_lpm.kernels.cpu_hash import EXPONENTIAL, Array, U, bits, noise_of

BUCKETS = 1 << 11
"""Of the noise, by its first bits: a table of 16 KB."""
_TO_BUCKET = U(53)


@loop
def count_classes(priority: Array, count: Array) -> None:
    """Adds up the agents of each class; the last entry is for all beyond."""
    classes = count.size - 1
    counts = np.zeros((4, classes + 1), np.int64)  # four, so that equal neighbours do not wait for each other
    for i in range(priority.size):
        own: Any = np.int64(priority[i])
        counts[i & 3, own if own < classes else classes] += 1
    for c in range(classes + 1):
        count[c] += counts[0, c] + counts[1, c] + counts[2, c] + counts[3, c]


@loop
def count_buckets(priority: Array, cut: int, key: Any, who: Array, bucket: Array, count: Array) -> None:
    """Who is in the divided class, the bucket of each, and how many are in each; `who` has room for one more."""
    found = 0
    for i in range(priority.size):
        who[found] = i
        found += np.int64(priority[i]) == cut
    for k in range(found):
        bucket[k] = np.int16(bits(key, who[k]) >> _TO_BUCKET)
    for k in range(found):
        count[bucket[k]] += 1


@loop
def near_edge(who: Array, bucket: Array, lower: int, upper: int, served: Array, near: Array) -> int:
    """Serves those in buckets below, and writes who is in those from `lower` to `upper`; returns how many they are.

    `near` has room for them and one more.
    """
    found = 0
    for k in range(bucket.size):
        b = bucket[k]
        served[who[k]] |= b < lower
        near[found] = who[k]
        found += (b >= lower) & (b <= upper)
    return found


@loop
def order_of(agents: Array, key: Any, order: Array) -> None:
    """The exponential noise of some agents as integers of the same order: it is above 0."""
    for k in range(agents.size):
        order[k] = np.float32(noise_of(bits(key, agents[k]), EXPONENTIAL)).view(np.int32)
