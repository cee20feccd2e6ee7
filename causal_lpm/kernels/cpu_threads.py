"""Over how many threads a compiled loop runs: those of torch, where there is work enough for them."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from causal_lpm.kernels.one_thread import threads

__all__ = ["spread", "threads_for"]

_WORTH_A_THREAD = 1 << 17  # elements; below about a tenth of a millisecond of work a thread is not worth waking


@functools.cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of this process: those of a parent do not survive a fork."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="causal_lpm")


def spread(
    kernel: Callable[..., None], *args: Any, pieces: int, work: int, bounds: Sequence[int] | None = None
) -> None:
    """Calls `kernel(*args, low, high)` on parts of `range(pieces)`; the parts write to different places."""
    number = threads_for(pieces, work)
    if number <= 1:
        kernel(*args, 0, pieces)
        return
    bounds = bounds or [pieces * t // number for t in range(number + 1)]
    (low, high), *others = itertools.pairwise(bounds)
    running = [_pool(os.getpid()).submit(kernel, *args, a, b) for a, b in others]
    kernel(*args, low, high)
    for part in running:
        part.result()


def threads_for(pieces: int, work: int) -> int:
    """How many threads divide pieces of work on so many elements."""
    return 1 if work < _WORTH_A_THREAD else min(threads(), pieces, work // _WORTH_A_THREAD)
