"""What the GPU kernels share: how they are compiled and launched, and how leading dimensions become rows.

Loads triton, so it is imported only by the dispatch, when the first kernel meets a CUDA tensor. Triton's interpreter
(`TRITON_INTERPRET=1`, set before triton is imported) runs the same kernels on CPU tensors, slowly: so they are tested
on machines without a GPU.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["BLOCK", "keys_of", "kernel", "launch", "place", "rows_of", "sum_type"]

BLOCK = 1024
"""Elements a program; a power of two."""


def kernel(function: Callable[..., Any]) -> Any:
    """Compiled at the first call; numbers are annotated `tl.int64`, since Triton takes an `int` for 32 bits."""
    parameters = inspect.signature(function).parameters.values()
    return triton.jit(do_not_specialize=[p.name for p in parameters if p.annotation == "tl.int64"])(function)


@kernel
def place(blocks: tl.int64, BLOCK: tl.constexpr) -> tuple[tl.tensor, tl.tensor]:
    """The row and the elements of this program; int64, because a billion agents have more bytes than int32 counts."""
    program = tl.program_id(0).to(tl.int64)
    return program // blocks, (program % blocks) * BLOCK + tl.arange(0, BLOCK)


def launch(function: Any, elements: int, rows: int, out: Tensor, *args: Any, block: int = BLOCK, **fixed: Any) -> None:
    """Runs a program for every block of elements in every row, on the device of `out`."""
    blocks = triton.cdiv(elements, block)
    if blocks * rows > 0:
        with torch.cuda.device_of(out):
            function[(blocks * rows,)](out, *args, blocks, BLOCK=block, **fixed)


def sum_type(x: Tensor) -> torch.dtype:
    """The type of sums of messages: int32 for bool, else int64."""
    return torch.int32 if x.dtype == torch.bool else torch.int64


def rows_of(x: Tensor, lead: torch.Size, dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
    """The tensor as `[rows of its own, last]`, and which of them each row of the broadcast shape reads, int64."""
    own = torch.arange(math.prod(x.shape[:-1]), device=x.device).reshape(x.shape[:-1]).expand(lead)
    return x.detach().to(dtype or x.dtype).contiguous(), own.reshape(-1).contiguous()


def keys_of(key: Tensor, lead: torch.Size) -> tuple[Tensor, Tensor]:
    """The keys, int64, and which of them each row of the broadcast shape reads."""
    return rows_of(key.reshape(*key.shape[:-1], 1), lead, torch.int64)
