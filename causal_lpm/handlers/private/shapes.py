"""What only moves numbers about, or adds them up: each party does it to its own part."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.arithmetic import add, and_, check_in_place, multiply, number, subtract
from causal_lpm.handlers.private.errors import Leak, Unsupported
from causal_lpm.handlers.private.numbers import (
    aligned,
    digits_after_point,
    is_secret,
    layer_of,
    made,
    result_type,
    truncated,
    whole,
    with_room,
)
from causal_lpm.handlers.private.order import below, equal, unequal
from causal_lpm.handlers.private.secret import Secret, sum_bounds
from causal_lpm.handlers.private.table import implements
from causal_lpm.handlers.private.wrapping import wrapped

__all__ = ["summed"]

aten = torch.ops.aten


def _moves(operator: Any) -> Callable[..., Secret]:
    def move(a: Any, *others: Any, **options: Any) -> Secret:
        if not is_secret(a) or any(is_secret(x) for x in others):
            raise Leak(f"{operator} with a secret index: use look_up, torch.where or unit vectors.")
        return _view(a, operator(a.share, *others, **options))

    return move


def _view(a: Secret, share: Tensor) -> Secret:
    """Another part, which may lie in the memory of this one."""
    result = a.like(share)
    result.aliased = a.aliased = True
    return result


for _operator in (
    aten.select, aten.slice, aten.permute, aten.t, aten.transpose,
    aten.squeeze, aten.flip, aten.diagonal, aten.roll, aten.repeat, aten.constant_pad_nd,
    aten.unfold, aten.select_backward, aten.slice_backward,
):  # fmt: skip
    implements(_operator)(_moves(_operator))
# A secret says that it lies in one piece, its part may not.
implements(aten.view, aten._unsafe_view, aten.reshape)(_moves(aten.reshape))


@implements(aten.expand)
def expanded(a: Secret, size: Sequence[int], *, implicit: bool = False) -> Secret:
    result = _view(a, a.share.expand(size))
    if a.source is not None and a.source[0].share.shape[-1:] == a.share.shape[-1:] == result.shape[-1:]:
        result.source = a.source
    if a.owned is not None and result.shape[-1:] == a.share.shape[-1:]:
        result.owned = a.owned.after(lambda own: own.expand(*result.shape[:-1], own.shape[-1]), None)
    if tuple(a.shape) == tuple(result.shape):
        return result.same_as(a)
    for key, vectors in a._kept.items():
        result._kept[key] = vectors.expand(*result.shape, vectors.shape[-1])
    return result


@implements(aten.unsqueeze)
def unsqueezed(a: Secret, dim: int) -> Secret:
    return _view(a, a.share.unsqueeze(dim))


@implements(aten.unbind, aten.split, aten.chunk, aten.split_with_sizes)
def unbound(*_: Any, **__: Any) -> Any:
    raise Unsupported("a tensor of secrets is taken apart: use slices, x[..., i].")


@implements(aten.index_select)
def index_selected(a: Any, dim: int, index: Any) -> Secret:
    if is_secret(index):
        raise Leak("a secret is used as an index: use look_up(table, index).")
    result: Secret = a.like(a.share.index_select(dim, index))
    return result


@implements(aten.gather)
def gathered(a: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Secret:
    if is_secret(index):
        raise Leak("a secret is used as an index: use look_up(table, index).")
    result: Secret = a.like(a.share.gather(dim, index))
    return result


@implements(aten.index)
def indexed(a: Any, indices: Sequence[Any]) -> Secret:
    if not is_secret(a) or any(is_secret(i) for i in indices):
        raise Leak("a secret is used as an index: use look_up(table, index), or torch.where for a mask.")
    return a.like(aten.index(a.share, indices))


@implements(aten.clone, aten.detach, aten.alias, aten.lift_fresh, aten.contiguous)
def same(a: Secret, **options: Any) -> Secret:
    return a.like(a.share.clone()).same_as(a)


@implements(aten._to_copy)
def converted(a: Secret, *, dtype: torch.dtype | None = None, device: Any = None, **options: Any) -> Secret:
    if device is not None and torch.device(device).type != "cpu":
        raise Unsupported(f"secrets on {device}: private runs are computed on CPUs.")
    kind = dtype or a.dtype
    if kind == a.dtype:
        return same(a)
    if kind == torch.bool:
        return unequal(a, 0)
    if not kind.is_floating_point and a.bits:
        return _toward_zero(a, kind)
    whole = Secret(a.share.clone(), a.layer, kind, a.bits, a.low, a.high)
    result = wrapped(whole)
    if result is whole:
        result.same_as(a)
    if a.owned is not None:
        result.owned = a.owned.after(lambda own: own.to(kind), None)
    if result.source is not None:
        source, values = result.source
        result.source = source, values.to(kind)
    return result


def _toward_zero(a: Secret, kind: torch.dtype) -> Secret:
    down = floored(a)
    if a.low < 0:
        down = add(down, number(and_(below(a, 0), unequal(a, down))))
    return Secret(down.share, a.layer, kind, 0, down.low, down.high)


@implements(aten.floor)
def floored(a: Secret) -> Secret:
    if a.bits == 0:
        return same(a)
    near = truncated(a, 0)  # off by one: above it where the rounding went up
    again = Secret(near.share << a.bits, a.layer, a.dtype, a.bits, near.low << a.bits, near.high << a.bits)
    return subtract(near, number(below(a, again)))


@implements(aten.round)
def rounded(a: Secret) -> Secret:
    """To the nearest whole number; halves to the even one."""
    if a.bits == 0:
        return same(a)
    up = add(a, 0.5)
    whole = floored(up)
    odd = subtract(whole, multiply(floored(multiply(whole, 0.5)), 2.0))
    return subtract(whole, multiply(number(equal(whole, up)), odd))


@implements(aten.sum)
def summed(a: Secret, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Secret:
    """The sum over dimensions: local, where its digits fit."""
    kind = dtype or (a.dtype if a.is_floating_point() else torch.int64)
    a = _of_kind(a, kind)
    dims = list(range(a.dim())) if dim in (None, []) else [dim] if isinstance(dim, int) else list(dim)
    many = prod(a.shape[d] for d in dims)
    a = with_room(a, many)
    total = a.share.sum(dims, keepdim=keepdim) if dims else a.share.clone()
    return wrapped(made(total, a.layer, kind, a.bits, *sum_bounds(a.low, a.high, many)))


def _of_kind(a: Secret, kind: torch.dtype) -> Secret:
    """The numbers as they are summed in a type: whole ones where it has no fractions."""
    if kind == torch.bool:
        raise Unsupported("a sum of secrets in bool: use any.")
    return a if kind.is_floating_point or not a.bits else converted(a, dtype=kind)


@implements(aten.mean)
def averaged(a: Secret, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Any:
    total = summed(a, dim, keepdim, dtype=dtype)
    return total / (a.numel() / max(1, total.numel()))


@implements(aten.cumsum)
def cumulated(a: Secret, dim: int, *, dtype: torch.dtype | None = None) -> Secret:
    kind = dtype or (a.dtype if a.is_floating_point() else torch.int64)
    many = a.shape[dim] if a.dim() else 1
    a = with_room(_of_kind(a, kind), many)
    return wrapped(made(a.share.cumsum(dim), a.layer, kind, a.bits, *sum_bounds(a.low, a.high, many)))


def _joins(operator: Any) -> Callable[..., Secret]:
    def join(tensors: Sequence[Tensor], dim: int = 0) -> Secret:
        layer = layer_of(*tensors)
        bits = max(digits_after_point(x) for x in tensors)
        wholes = [whole(x, bits) for x in tensors]
        share = operator([x.part(layer) for x in wholes], dim)
        return made(
            share, layer, result_type(*tensors) if len(tensors) > 1 else tensors[0].dtype, bits,
            min(x.low for x in wholes), max(x.high for x in wholes),
        )  # fmt: skip

    return join


implements(aten.stack)(_joins(aten.stack))
implements(aten.cat)(_joins(aten.cat))


@implements(aten.index_add)
def index_added(a: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Secret:
    if is_secret(index):
        raise Leak("a secret is used as an index: use unit vectors, or tally(by=).")
    if alpha != 1:
        raise Unsupported("index_add with a factor: multiply the source.")
    layer = layer_of(a, source)
    x, y, bits = aligned(a, source)
    many = source.shape[dim]
    least, most = sum_bounds(y.low, y.high, many)
    share = x.part(layer).expand(a.shape).index_add(dim, index, y.part(layer).contiguous())
    return made(share, layer, result_type(a, source), bits, x.low + least, x.high + most)


@implements(aten.copy_)
def copied(a: Any, b: Any, non_blocking: bool = False) -> Secret:
    check_in_place(a)
    x = whole(b, a.bits) if digits_after_point(b) <= a.bits else None
    if x is None:
        raise Unsupported("finer numbers are copied into a tensor of secrets: use an operation that makes a new one.")
    new = wrapped(Secret(x.part(a.layer).expand(a.shape).clone(), a.layer, a.dtype, a.bits, x.low, x.high))
    a.share, a.low, a.high = new.share, new.low, new.high
    a.source, a.owned, a._kept = None, None, {}
    result: Secret = a
    return result


@implements(aten.fill_, aten.zero_)
def filled(a: Any, value: Any = 0) -> Secret:
    return copied(a, torch.as_tensor(value))


@implements(aten.new_empty, aten.new_zeros, aten.new_full, aten.new_ones)
def new(a: Secret, size: Sequence[int], value: Any = 0, *, dtype: torch.dtype | None = None, **options: Any) -> Secret:
    """A tensor of secrets that are 0: what is copied into it stays secret."""
    if value:
        raise Unsupported("a tensor of secrets of one public number: use torch.full, which is public.")
    share = torch.zeros(tuple(size), dtype=torch.int64)
    kind = dtype or a.dtype
    return Secret(share, a.layer, kind, a.bits if kind.is_floating_point else 0, 0, 0)


def _constant(value: Any) -> Callable[..., Tensor]:
    def constant(a: Any, given: Any = value, *, dtype: torch.dtype | None = None, **options: Any) -> Tensor:
        if is_secret(given):
            raise Leak("a tensor is filled with a secret: use expand.")
        return torch.full(tuple(a.shape), given, dtype=dtype or a.dtype)

    return constant


implements(aten.zeros_like, aten.empty_like)(_constant(0))
implements(aten.ones_like)(_constant(1))
implements(aten.full_like)(_constant(0))


@implements(aten.is_same_size)
def is_same_size(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape


def _leaks(name: str, instead: str) -> Callable[..., Any]:
    def leak(*_: Any, **__: Any) -> Any:
        raise Leak(f"{name} of a secret: {instead}")

    return leak


for _name, _instead in {
    "_local_scalar_dense": "a number would leave the shares; release a tally instead.",
    "equal": "whether numbers are equal would leave the shares; compare with ==.",
    "nonzero": "which numbers are not 0 would leave the shares; use torch.where or a product.",
    "is_nonzero": "a condition would leave the shares; use torch.where.",
    "_is_all_true": "a check would leave the shares; check public numbers, or release a total first.",
    "_is_any_true": "a check would leave the shares; check public numbers, or release a total first.",
    "masked_select": "which are taken would leave the shares; use torch.where.",
    "unique_consecutive": "which numbers there are would leave the shares.",
    "_unique2": "which numbers there are would leave the shares.",
    "bincount": "counts would leave the shares; use tally(by=).",
}.items():
    implements(getattr(aten, _name))(_leaks(_name.strip("_"), _instead))
