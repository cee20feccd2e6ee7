"""Sums of floats by the kernels that sum integers: exact, so the same in any order and for any number of threads.

Each row of messages (a world, a replicate) is scaled by a power of two of its own, chosen from its largest message so
that no sum can overflow: block fixed point. Rows do not see each other, so a world gets the same sums alone and beside
others.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["total_of_floats"]


def total_of_floats(total: Callable[[Tensor], Tensor], x: Tensor, most: int) -> Tensor:
    """Sums float messages with a kernel for int64 ones.

    Args:
        total: int64 `[*dims, agents]` to sums in int64 of that shape, or of more dimensions on the left.
        x: floats `[*dims, agents]`.
        most: no agent receives more messages than this, repetitions counted; below 2**40.

    Returns:
        Sums in the type of x. Of float64 they are right to about 1e-15 of the row's largest message times the number of
        messages received; of float32 to the last bit or so. NaN in all of a row that holds NaN or infinity; messages
        are lost in a row that has none above 2**-900.

    >>> total_of_floats(lambda n: n.sum(-1, keepdim=True), torch.tensor([0.1, 0.2]), most=2)
    tensor([0.3000])
    """
    if x.numel() == 0:
        return total(x.long()).to(x.dtype)
    bits = 62 - most.bit_length()  # of a message that can be summed `most` times within int64
    largest = x.detach().abs().amax(-1, keepdim=True).double()
    # 2**-900: below it the power would overflow; what is smaller loses digits.
    power = torch.exp2(bits - largest.clamp(min=2.0**-900).frexp().exponent.double())
    compiled = _compiled(x)
    if compiled is not None:
        return compiled(total, x, torch.where(largest.isfinite(), power, torch.nan), 2.0**bits)
    scaled = x.double() * power
    whole = scaled.round()
    sums = total(_int64(whole))
    if x.dtype == torch.float64:  # what the first integers left over, in a second sum of its own scale
        rest = total(_int64(((scaled - whole) * 2.0**bits).round()))
        sums = sums.double() + rest.double() / 2.0**bits
    # One rounding, to the type of x: then an integer sum of the same messages gives the same float. float16 ends before
    # the integers do, and doubles hold its sums.
    rounded = sums if x.dtype == torch.float16 else sums.to(x.dtype)
    return torch.where(largest.isfinite(), rounded.double() / power, torch.nan).to(x.dtype)


def _int64(x: Tensor) -> Tensor:
    return x.nan_to_num(0.0, 0.0, 0.0).long()


def _compiled(x: Tensor) -> Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, float], Tensor] | None:
    """The same in compiled loops, where they run; looked up at each call, as dispatch does."""
    dispatch = importlib.import_module("causal_lpm.kernels.dispatch")
    if x.is_cpu and x.dtype in (torch.float32, torch.float64) and dispatch.compiled():
        found: Callable[..., Tensor] = importlib.import_module("causal_lpm.kernels.cpu_floats").total_of_floats
        return found
    return None
