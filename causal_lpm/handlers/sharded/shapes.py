"""What operators that change dimensions do to tensors of which each rank holds a part: where the agents are then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_map

from causal_lpm.handlers.sharded.held import Held, cut

__all__ = ["SHAPES", "apart", "some_held"]

aten: Any = torch.ops.aten


def _refused(func: Any, *_: Any, **__: Any) -> Any:
    raise ValueError(
        f"{func.overloadpacket.__name__} takes agents by their number out of a tensor that several ranks hold: compare "
        "numbers with torch.where, or take the whole as .numpy() on all ranks."
    )


def _unsqueeze(func: Any, x: Held, dim: int) -> Any:
    place = dim if dim >= 0 else dim + x.dim() + 1
    right = place > x.dim() + x.axis
    return x.like(func(x.local, dim), x.axis - right)


def _squeeze(func: Any, x: Held, dims: Any = None) -> Any:
    dims = range(x.dim()) if dims is None else [dims] if isinstance(dims, int) else dims
    gone = [d for d in (d % x.dim() for d in dims) if x.shape[d] == 1 and d != x.dim() + x.axis]
    right = sum(d > x.dim() + x.axis for d in gone)
    return x.like(aten.squeeze.dims(x.local, gone), x.axis + right)


def _expand(func: Any, x: Held, sizes: Sequence[int], **options: Any) -> Any:
    local = list(sizes)
    if local[x.axis] not in (-1, x.total):
        return NotImplemented
    local[x.axis] = x.local.shape[x.axis]
    return x.like(func(x.local, local, **options))


def _view(func: Any, x: Held, sizes: Sequence[int], **_: Any) -> Any:
    sizes = list(sizes)
    if -1 in sizes:
        known = -torch.Size(sizes).numel()
        sizes[sizes.index(-1)] = x.numel() // max(1, known)
    beside = torch.Size(x.shape[x.axis :][1:]).numel()
    for axis in range(-1, -len(sizes) - 1, -1):  # where the agents are, if what is right of them stays there
        if sizes[axis] == x.total and torch.Size(sizes[axis:][1:]).numel() == beside:
            local = list(sizes)
            local[axis] = x.local.shape[x.axis]
            return x.like(x.local.reshape(local), axis)
    return NotImplemented


def _permute(func: Any, x: Held, dims: Sequence[int]) -> Any:
    order = [d % x.dim() for d in dims]
    return x.like(func(x.local, dims), order.index(x.dim() + x.axis) - x.dim())


def _transpose(func: Any, x: Held, one: int, other: int) -> Any:
    order = list(range(x.dim()))
    order[one], order[other] = order[other], order[one]
    return _permute(aten.permute.default, x, order)


def apart(func: Any, x: Any, dim: int = 0, *rest: Any, **options: Any) -> Any:
    """Along another dimension than that of the agents, which keeps its place."""
    if not isinstance(x, Held) or dim % x.dim() == x.dim() + x.axis or some_held((rest, options)):
        return NotImplemented
    return tree_map(x.like, func(x.local, dim, *rest, **options))


def some_held(values: Any) -> bool:
    """Whether one of them is held in parts."""
    return any(isinstance(value, Held) for value in tree_flatten(values)[0])


def _select(func: Any, x: Held, dim: int, index: int) -> Any:
    place, own = dim % x.dim(), x.dim() + x.axis
    if place == own:
        return _refused(func)
    return x.like(func(x.local, dim, index), x.axis + (place > own))


def _unbind(func: Any, x: Held, dim: int = 0) -> Any:
    return [_select(aten.select.int, x, dim, index) for index in range(x.shape[dim])]


def _slice(func: Any, x: Held, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    if dim % x.dim() != x.dim() + x.axis:
        return x.like(func(x.local, dim, start, end, step))
    if start in (None, 0) and (end is None or end >= x.total) and step == 1:
        return x.like(x.local.alias() if hasattr(x.local, "alias") else x.local[...])
    return _refused(func)


def _split(func: Any, x: Held, sizes: Any, dim: int = 0) -> Any:
    if dim % x.dim() == x.dim() + x.axis:
        return _refused(func)
    return tree_map(x.like, func(x.local, sizes, dim))


def _cat(func: Any, parts: Sequence[Any], dim: int = 0) -> Any:
    one = next(x for x in parts if isinstance(x, Held))
    if any((x.axis, x.total) != (one.axis, one.total) for x in parts if isinstance(x, Held)):
        return NotImplemented
    if dim % one.dim() == one.dim() + one.axis:
        return NotImplemented
    return one.like(func([cut(x, one.axis, one.total, one.ranks) for x in parts], dim))


def _stack(func: Any, parts: Sequence[Any], dim: int = 0) -> Any:
    one = next(x for x in parts if isinstance(x, Held))
    if any((x.axis, x.total) != (one.axis, one.total) for x in parts if isinstance(x, Held)):
        return NotImplemented
    right = dim % (one.dim() + 1) > one.dim() + one.axis
    return one.like(func([cut(x, one.axis, one.total, one.ranks) for x in parts], dim), one.axis - right)


SHAPES: dict[Any, Callable[..., Any]] = {
    aten.unsqueeze: _unsqueeze,
    aten.squeeze: _squeeze,
    aten.expand: _expand,
    aten.view: lambda func, x, sizes: _view(func, x, sizes) if func is aten.view.default else NotImplemented,
    aten._unsafe_view: _view,
    aten.reshape: _view,
    aten.permute: _permute,
    aten.transpose: _transpose,
    aten.select: _select,
    aten.slice: _slice,
    aten.unbind: _unbind,
    aten.split: _split,
    aten.split_with_sizes: _split,
    aten.cat: _cat,
    aten.stack: _stack,
    aten.cumsum: apart,
    aten._softmax: apart,
    aten._log_softmax: apart,
}
"""Operator -> what it does."""
