"""How many of the agents something is true of."""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels.dispatch import compiled

__all__ = ["counts_by_group", "counts_of_rows"]

_LARGE = 1 << 14  # bools of a row from which a loop is worth the way to it


def counts_of_rows(rows: Any) -> list[int]:
    """How many bools of each row are true, of an array `[rows, agents]`.

    >>> counts_of_rows(np.array([[True, False, True], [False, False, True]]))
    [2, 1]
    """
    if rows.shape[-1] < _LARGE or not compiled() or not rows.flags.c_contiguous:
        return [int(np.count_nonzero(row)) for row in rows]
    from causal_lpm.kernels.cpu_elementwise import count

    return [count(row) for row in rows.view(np.uint8)]


def counts_by_group(rows: Any, group: Any, groups: int) -> Any:
    """How many bools of each row are true in each group, int64 `[rows, groups]`; for compiled loops only.

    Args:
        rows: bool array `[rows, agents]`.
        group: int32 array `[agents]`, 0 to groups - 1; below 0: in no group.
        groups: number of groups.
    """
    from causal_lpm.kernels.cpu_threads import spread
    from causal_lpm.kernels.cpu_totals import group_sum

    counts = np.zeros((len(rows), groups), np.int32)
    spread(group_sum, rows, group, counts, pieces=len(rows), work=rows.size)
    return counts.astype(np.int64)
