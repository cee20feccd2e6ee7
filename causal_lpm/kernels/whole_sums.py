"""Sums of whole numbers that int64 may not hold: computed in two halves, and refused where they do not fit.

int64 wraps around in silence. A sum over contacts or agents has fewer than 2**31 terms, so terms below 2**32 cannot
wrap; larger ones are split into halves of 32 bits, whose sums cannot, and which show whether the whole fits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import torch
from torch import Tensor

__all__ = ["SMALL", "are_small", "exact_total", "known_small", "largest"]

SMALL = 2**32
"""Whole numbers below this in size cannot wrap around in any sum over contacts or agents."""

_LOW = 2**32 - 1
_are_small: ContextVar[bool] = ContextVar("small messages", default=False)


@contextlib.contextmanager
def known_small() -> Iterator[None]:
    """In the block, the caller has checked that whole messages are below `SMALL`, and kernels do not look again."""
    token = _are_small.set(True)
    try:
        yield
    finally:
        _are_small.reset(token)


def are_small(x: Tensor) -> bool:
    """Whether no sum over contacts or agents of these whole numbers can wrap around.

    >>> are_small(torch.tensor([2**31, -5])), are_small(torch.tensor([2**40]))
    (True, False)
    """
    return x.dtype != torch.int64 or _are_small.get() or largest(x) < SMALL


def largest(x: Tensor) -> float:
    """The largest absolute value, NaN if one is NaN; an int for integers, 0 for no numbers.

    >>> largest(torch.tensor([3, -7]))
    7
    """
    low, high = (end.item() for end in torch.aminmax(x.detach())) if x.numel() else (0, 0)
    size: float = max(-low, high)
    return size


def exact_total(total: Callable[[Tensor], Tensor], x: Tensor, what: str) -> Tensor:
    """The sums of int64 numbers, exact.

    Args:
        total: Sums int64 `[2, ...]`, fewer than 2**31 terms each, to `[2, ...]`.
        x: int64.
        what: What is summed, for the message.

    Raises:
        ValueError: a sum is outside of int64.

    >>> exact_total(lambda x: x.sum(-1), torch.tensor([2**62, 2**62, -(2**62)]), "doses") == 2**62
    tensor(True)
    """
    high, low = total(torch.stack((x >> 32, x & _LOW)))
    high = high + (low >> 32)
    if bool((high != high.int()).any()):
        raise ValueError(f"a sum of {what} is beyond 2**63, which no 64-bit integer holds: count in larger units.")
    whole: Tensor = (high << 32) + (low & _LOW)
    return whole
