"""Sums of float messages on the CPU: what `fixed_point` does in torch, with compiled loops from and to integers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from causal_lpm.kernels import cpu_fixed_point
from causal_lpm.kernels.cpu_threads import spread

__all__ = ["total_of_floats"]


def total_of_floats(total: Callable[[Tensor], Tensor], x: Tensor, power: Tensor, more: float) -> Tensor:
    """The sums of `fixed_point.total_of_floats`.

    Args:
        total: As there.
        x: float32 or float64 `[*dims, agents]`.
        power: By which each row is multiplied, float64 `[*dims, 1]`; NaN for a row whose sums are NaN.
        more: By which what is left over of float64 is multiplied.
    """
    rows = x.detach().reshape(-1, x.shape[-1]).numpy()
    of_row = power.reshape(-1).numpy()
    whole = torch.empty(x.shape, dtype=torch.int64)
    out = whole.reshape(rows.shape).numpy()
    if x.dtype == torch.float32:
        spread(cpu_fixed_point.to_integers, rows, of_row, out, pieces=rows.shape[1], work=rows.size)
        sums = total(whole)
    else:
        left = torch.empty_like(whole)
        rest = left.reshape(rows.shape).numpy()
        spread(cpu_fixed_point.to_two_integers, rows, of_row, more, out, rest, pieces=rows.shape[1], work=2 * rows.size)
        sums = total(whole).double() + total(left).double() / more
    power = power.expand(*sums.shape[:-1], 1)  # of more dimensions, where contacts differ by draw
    found = torch.empty(sums.shape, dtype=x.dtype)
    by_row = math.prod(sums.shape[:-1]), sums.shape[-1]
    arrays = sums.contiguous().reshape(by_row).numpy(), power.reshape(-1).numpy(), found.reshape(by_row).numpy()
    spread(cpu_fixed_point.to_floats, *arrays, pieces=sums.shape[-1], work=sums.numel())
    return found
