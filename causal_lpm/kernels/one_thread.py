"""One thread of torch in steps on little memory, where to wake a second one takes longer than it saves.

Torch's operations take further threads from 32,768 elements on. To wake one costs some ten microseconds, as long as an
operation on half a megabyte takes, and many times that where another process keeps its core. Products of matrices
compute more than they read, and keep all threads; so do the loops of this package, which know their work.

The number is that of OpenMP for the calling thread, not `torch.set_num_threads`, which other threads would see, and
which a thread that meets torch for the first time would keep.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable
from typing import Any

import torch

__all__ = ["PRODUCTS", "WORTH_THREADS", "AllThreads", "OneThread", "threads"]

WORTH_THREADS = 1 << 21
"""Bytes of an entry of the state from which torch's threads gain."""


class _Step(threading.local):
    outside = 0
    """Threads that this thread had before a step took one; 0 where none did."""


_step = _Step()


@functools.cache
def _set() -> Callable[[int], Any] | None:
    """OpenMP's number of threads of the calling thread, where torch goes by it."""
    try:
        found: Callable[[int], Any] = ctypes.CDLL(torch._C.__file__).omp_set_num_threads
    except (OSError, AttributeError):  # another way to run threads
        return None
    before = torch.get_num_threads()
    found(before + 1)
    follows = torch.get_num_threads() == before + 1
    found(before)
    return found if follows else None


class OneThread:
    """In the block torch computes on one thread, and what is in `AllThreads` on as many as before.

    A number that is set in the block (`torch.set_num_threads`), other than one, stays.

    >>> before = torch.get_num_threads()
    >>> with OneThread():
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """

    def __enter__(self) -> None:
        self._began = False
        number, change = torch.get_num_threads(), _set()
        if number > 1 and change is not None and not _step.outside:
            self._began, _step.outside = True, number
            change(1)

    def __exit__(self, *error: object) -> None:
        change = _set()
        if self._began and change is not None:
            if torch.get_num_threads() == 1:
                change(_step.outside)
            _step.outside = 0


def threads() -> int:
    """How many threads work may be shared out to, whether or not torch has one for the moment."""
    return _step.outside or torch.get_num_threads()


class AllThreads:
    """In the block torch has as many threads as before a step took one; for what gains from them on little memory.

    >>> before = torch.get_num_threads()
    >>> with OneThread(), AllThreads():
    ...     torch.get_num_threads() == before
    True
    """

    def __enter__(self) -> None:
        self._outside, change = _step.outside, _set()
        if self._outside and change is not None and torch.get_num_threads() == 1:
            _step.outside = 0
            change(self._outside)
        else:
            self._outside = 0

    def __exit__(self, *error: object) -> None:
        change = _set()
        if self._outside and change is not None:
            if torch.get_num_threads() == self._outside:
                change(1)
            _step.outside = self._outside


_NAMES = [
    "addbmm", "addmm", "addmv", "baddbmm", "bilinear", "bmm", "cdist", "chain_matmul", "cholesky", "conv1d",
    "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "einsum", "gru", "inner",
    "inverse", "linear", "lstm", "matmul", "mm", "multi_head_attention_forward", "mv", "pinverse", "rnn_relu",
    "rnn_tanh", "scaled_dot_product_attention", "svd", "tensordot", "__matmul__", "__rmatmul__",
]  # fmt: skip

PRODUCTS = frozenset(
    getattr(owner, name)
    for owner in (torch, torch.Tensor, torch.nn.functional)
    for name in _NAMES
    if hasattr(owner, name)
) | frozenset(
    function
    for owner in (torch.linalg, torch.sparse)
    for name, function in vars(owner).items()
    if callable(function) and not name.startswith("_") and not isinstance(function, type)
)
"""Operations of torch that multiply matrices, by the functions that a mode of torch hears of."""
