"""Which implementation of the kernels runs: chosen for each call from the device of its tensors and from `use`."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
from collections.abc import Iterator
from contextvars import ContextVar
from types import ModuleType

from torch import Tensor

from causal_lpm.extras import installing
from causal_lpm.kernels import reference
from causal_lpm.validate import known

__all__ = ["compiled", "implementation", "use"]

_choice: ContextVar[str] = ContextVar("kernels", default="auto")
_EXTRAS = {"numba": "fast", "triton": "gpu"}


@functools.cache
def _is_here(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@contextlib.contextmanager
def use(implementation: str) -> Iterator[None]:
    """Runs the kernels inside the block with one implementation; all give the same integers.

    Args:
        implementation: `"auto"` (the default: the fastest that is installed for the device of the tensors),
            `"reference"` (torch alone), `"numba"` (CPU tensors) or `"triton"` (CUDA tensors; CPU tensors too where
            Triton's interpreter runs, TRITON_INTERPRET=1). Tensors of another device run as under `"auto"`.

    Raises:
        ValueError: an unknown name.
        ModuleNotFoundError: numba or triton was asked for and is not installed.

    >>> import torch
    >>> from causal_lpm.kernels import field
    >>> with use("reference"):
    ...     field(torch.tensor([7]), 3, "uniform").shape
    torch.Size([3])
    """
    known("implementation of the kernels", implementation, ["reference", "numba", "triton", "auto"])
    if implementation in _EXTRAS and not _is_here(implementation):
        raise ModuleNotFoundError(
            f"{implementation} is not installed: {installing(_EXTRAS[implementation])}, or use 'auto'."
        )
    token = _choice.set(implementation)
    try:
        yield
    finally:
        _choice.reset(token)


def implementation(x: Tensor) -> ModuleType:
    """The module whose functions run for tensors like x: `kernels.reference`, `kernels.cpu` or `kernels.gpu`."""
    choice = _choice.get()
    if choice == "auto" and x.is_cpu:
        return _cpu()
    if choice == "reference":
        return reference
    device = x.device.type
    if device == "cuda" or (choice == "triton" and os.environ.get("TRITON_INTERPRET") == "1"):
        if _is_here("triton"):
            from causal_lpm.kernels import gpu

            return gpu
    elif device == "cpu":
        return _cpu()
    return reference


@functools.cache
def _cpu() -> ModuleType:
    if _is_here("numba"):
        from causal_lpm.kernels import cpu

        return cpu
    return reference


def compiled() -> bool:
    """Whether compiled loops run for CPU tensors."""
    return _choice.get() != "reference" and _is_here("numba")
