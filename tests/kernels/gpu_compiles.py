"""Compiles every GPU kernel down to machine code, without a GPU: run by `test_gpu.py` in a process of its own.

Triton's interpreter takes what its compiler refuses, such as a variable that changes its type in a loop.
"""

import sys
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from causal_lpm.kernels import gpu, gpu_fresh, gpu_noise, gpu_select, gpu_totals


class NoDriver:
    """What triton asks a driver for when it only compiles."""

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", int(sys.argv[1]), 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


compiled: set[str] = set()


def compile_only(
    function: Any, elements: int, rows: int, out: torch.Tensor, *args: Any, block: int = 1024, **fixed: Any
) -> None:
    made = function.warmup(out, *args, triton.cdiv(elements, block), BLOCK=block, grid=(1,), **fixed)
    assert made.asm["cubin"], function.__name__
    # A population can have more bytes than 32 bits count: all numbers are 64 bits wide, whatever their value.
    assert not {"i32", "u32"} & set(made.src.signature.values()), made.src.signature
    compiled.add(function.__name__)


def main() -> None:
    driver.set_active(NoDriver())
    modules = [gpu_fresh, gpu_noise, gpu_select, gpu_totals]
    for module in modules:
        module.launch = compile_only
    key, agents = torch.tensor([[1], [2]]), 8
    for kind in ("gumbel", "bits"):
        gpu.field(key, agents, kind)
    gpu.field_at(key, torch.zeros(agents, dtype=torch.int32), "exponential")
    gpu.happens(torch.rand(agents), key)
    gpu.happens(torch.rand(1), key, torch.ones(agents, dtype=torch.bool))
    gpu.select(torch.zeros(agents, dtype=torch.uint8), key, torch.ones(1), 256)
    gpu.select_by(torch.zeros(agents, dtype=torch.int64), torch.rand(agents), torch.ones(1), 256)
    ids, one = torch.arange(agents), torch.ones(1, dtype=torch.int64)
    indptr = torch.arange(agents + 1)
    for x in (ids, ids > 3):
        gpu.group_total(x, ids.int(), agents)
        gpu.group_sum(x, ids.int(), agents)
        total = gpu.graph_total(x, indptr, ids.int())
        gpu.graph_change(total, x, x, indptr, ids.int())
        gpu.ring_total(x, key, ids.int(), 0 * one, agents * one, one.float(), 0.1)
        gpu.stub_total(x, key, ids.int(), indptr, chain=x.dtype == torch.bool)
    # Every kernel that is launched takes the number of blocks; what has none is compiled into the others.
    functions = [f for m in modules for f in vars(m).values() if isinstance(f, triton.JITFunction)]
    assert compiled == {f.__name__ for f in functions if "blocks" in f.arg_names} - {"place"}


if __name__ == "__main__":
    main()
