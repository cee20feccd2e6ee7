"""The least and the largest of many integers: what labels are checked by, every day."""

import torch
from torch import Tensor

from causal_lpm.kernels.dispatch import compiled
from causal_lpm.kernels.elementwise import nobody_else

__all__ = ["extremes"]

_LOOPS = (torch.int32, torch.int64)


def extremes(x: Tensor) -> tuple[int, int]:
    """The least and the largest.

    Args:
        x: Integers `[n]`, at least one.

    >>> extremes(torch.tensor([3, -7, 5]))
    (-7, 5)
    """
    plain = type(x) is Tensor and x.is_cpu and x.dtype in _LOOPS and x.is_contiguous()
    if plain and compiled() and nobody_else():  # half the time of torch's
        from causal_lpm.kernels import cpu_elementwise

        return cpu_elementwise.extremes(x.numpy())
    low, high = torch.aminmax(x)
    return int(low), int(high)
