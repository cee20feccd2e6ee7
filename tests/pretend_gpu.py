"""A GPU that is not there: tensors say that they are on it, compute on the CPU, and refuse to meet others.

An operation gets its numbers from where they really are, so a whole model runs and its results can be compared. What
torch allows between devices is allowed here: copies, CPU scalars (no dimensions) in elementwise operations, indices.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

__all__ = ["DEVICE", "PretendGpu"]

DEVICE = torch.device("meta")  # the one device beside the CPU that every build of torch has
aten = torch.ops.aten
BETWEEN_DEVICES = {aten.copy_, aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_, aten._to_copy}
SCALARS = {aten.where, aten.fill, aten.fill_, aten.masked_fill, aten.masked_fill_, aten.lerp}  # beside the elementwise


class OnGpu(Tensor):
    """A tensor that says it is on the GPU; its numbers are in `inner`."""

    inner: Tensor

    @staticmethod
    def __new__(cls: Any, inner: Tensor) -> Any:
        made = Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=DEVICE,
        )
        made.inner = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Numbers(TorchFunctionMode):
    """Lets Python's numbers become tensors on the CPU first: torch makes them where no mode can see it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        return func(*args, **kwargs)


class PretendGpu(TorchDispatchMode):
    """While active, tensors can be made on `DEVICE`."""

    def __enter__(self) -> Any:
        self._numbers = _Numbers()
        self._numbers.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._numbers.__exit__(*error)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    on_gpu = [x for x in tensors if isinstance(x, OnGpu)]
    asked = kwargs.get("device")
    if on_gpu:
        _check(func, tensors)
    there = {id(x.inner): x for x in on_gpu}
    inner = tree_map(lambda x: x.inner if isinstance(x, OnGpu) else x, (args, dict(kwargs)))
    if asked is not None:
        inner[1]["device"] = torch.device("cpu")
    out = func(*inner[0], **inner[1])
    goes_there = bool(on_gpu) if asked is None else torch.device(asked) == DEVICE
    if func.overloadpacket is aten.copy_:
        goes_there = isinstance(args[0], OnGpu)

    def wrapped(x: Any) -> Any:
        if not (goes_there and isinstance(x, Tensor)):
            return x
        return there[id(x)] if id(x) in there else OnGpu(x)  # what was changed in place is itself

    return tree_map(wrapped, out)


def _check(func: Any, tensors: list[Tensor]) -> None:
    packet = func.overloadpacket
    strangers = [x for x in tensors if not isinstance(x, OnGpu)]
    if not strangers or packet in BETWEEN_DEVICES:
        return
    scalars = packet in SCALARS or torch.Tag.pointwise in func.tags
    written = func._schema.is_mutable and not isinstance(tensors[0], OnGpu)
    if written or not scalars or any(x.dim() for x in strangers):
        shapes = [f"{tuple(x.shape)} on {'the GPU' if isinstance(x, OnGpu) else 'the CPU'}" for x in tensors]
        raise RuntimeError(f"{func} got tensors {', '.join(shapes)}: all must be on one device.")
