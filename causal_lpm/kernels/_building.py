"""The compiled loops behind `building`."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from causal_lpm.kernels._compile import loop

__all__ = ["count", "finish", "place"]

Array = NDArray[Any]
_SHORT = 32  # rows up to this length are sorted by insertion, in a third of the time of the general sort


@loop
def count(src: Array, dst: Array, indptr: Array) -> None:
    """Adds the neighbours of each agent i to `indptr[i + 1]`."""
    for e in range(src.shape[0]):
        if src[e] != dst[e]:
            indptr[src[e] + 1] += 1
            indptr[dst[e] + 1] += 1


@loop
def place(src: Array, dst: Array, indptr: Array, neighbours: Array) -> None:
    """Writes both ends of each edge into their rows, and moves `indptr` on."""
    for e in range(src.shape[0]):
        a, b = src[e], dst[e]
        if a != b:
            neighbours[indptr[a]] = b
            indptr[a] += 1
            neighbours[indptr[b]] = a
            indptr[b] += 1


@loop
def finish(indptr: Array, neighbours: Array) -> None:
    """Puts `indptr` back to where rows begin, and sorts each row."""
    for i in range(indptr.shape[0] - 1, 0, -1):
        indptr[i] = indptr[i - 1]
    indptr[0] = 0
    for i in range(indptr.shape[0] - 1):
        begin, end = indptr[i], indptr[i + 1]
        if end - begin > _SHORT:
            neighbours[begin:end].sort()
            continue
        for j in range(begin + 1, end):
            moving, k = neighbours[j], j
            while k > begin and neighbours[k - 1] > moving:
                neighbours[k] = neighbours[k - 1]
                k -= 1
            neighbours[k] = moving
