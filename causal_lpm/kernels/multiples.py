"""Floats as whole multiples of a unit, and back: what messages are while they are summed."""

from __future__ import annotations

import torch
from torch import Tensor

from causal_lpm.kernels.dispatch import compiled
from causal_lpm.kernels.elementwise import LARGE, nobody_else

__all__ = ["in_units", "of_units"]


def in_units(x: Tensor, per_one: int) -> Tensor:
    """The nearest int64 multiples of 1 / `per_one`, a power of two, of float32 or float64; halves go to the even one.

    >>> in_units(torch.tensor([0.5, -1.0]), 1 << 20)
    tensor([  524288, -1048576])
    """
    if not _plain(x, torch.float32):
        return (x * per_one).round().long()
    from causal_lpm.kernels import cpu_elementwise
    from causal_lpm.kernels.cpu_threads import spread

    units = torch.empty(x.shape, dtype=torch.int64)
    args = x.numpy().reshape(-1), float(per_one), units.numpy().reshape(-1)
    spread(cpu_elementwise.in_units, *args, pieces=x.numel(), work=x.numel() // 2)
    return units


def of_units(units: Tensor, per_one: int) -> Tensor:
    """The float32 numbers of int64 multiples of 1 / `per_one`, a power of two; rounded once.

    >>> of_units(torch.tensor([524288]), 1 << 20)
    tensor([0.5000])
    """
    if not _plain(units, torch.int64):
        return units.float().mul_(1 / per_one)  # a power of two: as exact as dividing, and faster
    from causal_lpm.kernels import cpu_elementwise
    from causal_lpm.kernels.cpu_threads import spread

    x = torch.empty(units.shape, dtype=torch.float32)
    args = units.numpy().reshape(-1), 1 / per_one, x.numpy().reshape(-1)
    spread(cpu_elementwise.of_units, *args, pieces=units.numel(), work=units.numel() // 2)
    return x


def _plain(x: Tensor, kind: torch.dtype) -> bool:
    """Whether a compiled loop takes it, and is worth the way to it."""
    large = type(x) is Tensor and x.is_cpu and x.dtype == kind and x.numel() >= LARGE
    return large and not x.requires_grad and x.is_contiguous() and compiled() and nobody_else()
