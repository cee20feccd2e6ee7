"""How many of the agents something is true of."""

from __future__ import annotations

from typing import Any

import numpy as np

from causal_lpm.kernels.dispatch import compiled

__all__ = ["counts_of_rows"]

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
