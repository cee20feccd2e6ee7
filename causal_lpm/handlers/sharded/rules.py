"""What torch's operators do to tensors of which each rank holds a part, by operator."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from causal_lpm.handlers.sharded.chosen import scatter_value, topk
from causal_lpm.handlers.sharded.held import Held, cut, whole
from causal_lpm.handlers.sharded.shapes import SHAPES, apart, some_held
from causal_lpm.kernels.elementwise import answer as quick

__all__ = ["answered"]

aten: Any = torch.ops.aten
_REST = sys.maxsize
"""Where a slice to the end ends, as torch writes it."""


def answered(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The answer of an operator: by its rule, agent by agent, or from the whole."""
    rule = _KNOWN.get(id(func))
    if rule is None:  # operators are there once, and for ever
        rule = _KNOWN[id(func)] = _rule_of(func)
    answer = rule(func, *args, **kwargs)
    return _of_whole(func, args, kwargs) if answer is NotImplemented else answer


_KNOWN: dict[int, Callable[..., Any]] = {}


def _rule_of(func: Any) -> Callable[..., Any]:
    rule = _RULES.get(func.overloadpacket)
    if rule is not None:
        return rule
    return _each if _is_alike(func) else lambda func, *args, **kwargs: NotImplemented


def _is_alike(func: Any) -> bool:
    """Whether the result has an entry an agent, made of the agent's own."""
    return torch.Tag.pointwise in func.tags or func.overloadpacket in _ALIKE


def _each(func: Any, *args: Any, **kwargs: Any) -> Any:
    """What is done to each agent alone is done to those here."""
    one = next((x for x in (*args, *kwargs.values()) if isinstance(x, Held)), None)
    if one is None or "out" in kwargs or (_writes(func) and not isinstance(args[0], Held)):
        return NotImplemented
    axis, total, ranks = one.axis, one.total, one.ranks
    here: list[Any] = []
    for x in (*args, *kwargs.values()):  # flat: pointwise operators have no lists of tensors
        if isinstance(x, Held):
            if x.axis != axis or x.total != total:
                return NotImplemented
            here.append(x.local)
        else:
            here.append(cut(x, axis, total, ranks) if isinstance(x, Tensor) else x)
    answer = _quick(func, here[: len(args)], dict(zip(kwargs, here[len(args) :], strict=True)))
    if _writes(func):
        return args[0]
    return one.like(answer) if isinstance(answer, Tensor) else tree_map(one.like, answer)


def _quick(func: Any, args: Any, kwargs: Any) -> Any:
    """What torch gives, by a compiled loop where there is one: `rollout` has none for tensors held in parts."""
    known = None if _writes(func) else _function(func)
    found = None if known is None else quick(known, args, kwargs)
    return func(*args, **kwargs) if found is None else found


@functools.cache
def _function(func: Any) -> Any:
    """The function of torch that comes down to an operator."""
    return getattr(torch, func.overloadpacket.__name__, None)


def _of_whole(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Every rank computes it for everybody; what was written into goes back to where it belongs."""
    flat, spec = tree_flatten((args, kwargs))
    full = [whole(x) for x in flat]
    new_args, new_kwargs = tree_unflatten(full, spec)
    answer = func(*new_args, **new_kwargs)
    if _writes(func):
        for given, written in zip(flat, full, strict=True):
            if isinstance(given, Held):
                given.local.copy_(cut(written, given.axis, given.total, given.ranks))
                answer = tree_map(lambda x, given=given, written=written: given if x is written else x, answer)
    return answer


@functools.cache
def _writes(func: Any) -> bool:
    return bool(func._schema.is_mutable)


def _reduce(combine: Callable[[Tensor], Tensor], floats: bool) -> Callable[..., Any]:
    """Over the agents too: each rank's result, then all of them by `combine`; `floats`: whether their order is free."""

    def reduced(func: Any, x: Held, dims: Any = None, keepdim: bool = False, **options: Any) -> Any:
        every = range(x.dim()) if dims is None or dims == [] else [dims] if isinstance(dims, int) else dims
        places, own = [d % x.dim() for d in every], x.dim() + x.axis
        given = () if dims is None else (dims, keepdim) if func.overloadpacket is not aten.count_nonzero else (dims,)
        if own not in places:
            right = 0 if keepdim else sum(d > own for d in places)
            return x.like(func(x.local, *given, **options), x.axis + right)
        if not floats and (x.is_floating_point() or getattr(options.get("dtype"), "is_floating_point", False)):
            return NotImplemented
        return combine(x.ranks.stacked(func(x.local, *given, **options)))

    return reduced


def _aminmax(func: Any, x: Held, *, dim: Any = None, keepdim: bool = False) -> Any:
    if dim is not None:
        return NotImplemented
    return _lowest(aten.amin.default, x), _highest(aten.amax.default, x)


_sum = _reduce(lambda parts: parts.sum(0), floats=False)
_lowest, _highest = (_reduce(by, floats=True) for by in (lambda parts: parts.amin(0), lambda parts: parts.amax(0)))
_any, _all = (_reduce(by, floats=True) for by in (lambda parts: parts.any(0), lambda parts: parts.all(0)))


def _max(func: Any, x: Any, *rest: Any, **options: Any) -> Any:
    if rest or options:
        return _each(func, x, *rest) if len(rest) == 1 and isinstance(rest[0], Tensor) else NotImplemented
    return _highest(aten.amax.default, x) if func.overloadpacket is aten.max else _lowest(aten.amin.default, x)


def _equal(func: Any, one: Any, other: Any) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return bool(func(torch.empty(1), torch.empty(2)))
    held = one if isinstance(one, Held) else other
    here = (cut(x, held.axis, held.total, held.ranks) for x in (one, other))
    return bool(held.ranks.stacked(torch.tensor(func(*here))).all())


# Looking up


def _index(func: Any, x: Any, indices: Sequence[Any]) -> Any:
    given = [index for index in indices if index is not None]
    if isinstance(x, Held) or len(given) != 1 or indices[0] is None or given[0].dtype in (torch.bool, torch.uint8):
        return NotImplemented
    index = given[0]
    return index.like(func(x, [index.local]), index.axis - (x.dim() - 1))


def _index_select(func: Any, x: Any, dim: int, index: Any) -> Any:
    if isinstance(x, Held):
        return apart(func, x, dim, index)
    return index.like(func(x, dim, index.local)) if x.dim() == 1 else NotImplemented


def _gather(func: Any, x: Any, dim: int, index: Any, **options: Any) -> Any:
    held = x if isinstance(x, Held) else index
    if x.dim() != index.dim() or dim % x.dim() == held.dim() + held.axis:
        return NotImplemented
    here = [cut(each, held.axis, held.total, held.ranks) for each in (x, index)]
    return held.like(func(here[0], dim, here[1], **options))


def _searchsorted(func: Any, borders: Any, x: Any, **options: Any) -> Any:
    if isinstance(borders, Held) or borders.dim() != 1 or not isinstance(x, Held) or some_held(options):
        return NotImplemented
    return x.like(func(borders, x.local, **options))


def _bucketize(func: Any, x: Any, borders: Any, **options: Any) -> Any:
    return NotImplemented if isinstance(borders, Held) else x.like(func(x.local, borders, **options))


def _bincount(func: Any, x: Any, weights: Any = None, minlength: int = 0) -> Any:
    if weights is not None:  # floats, in the order of one process
        return NotImplemented
    least = max(minlength, int(_highest(aten.amax.default, x)) + 1)
    return x.ranks.sum(func(x.local, None, least))


def _new(func: Any, x: Held, size: Any, *rest: Any, **options: Any) -> Any:
    return func(x.local, size, *rest, **options)


_ALIKE = {
    aten.clone, aten.detach, aten.alias, aten.contiguous, aten._to_copy, aten.lift_fresh, aten.zeros_like,
    aten.ones_like, aten.full_like, aten.empty_like, aten.copy_, aten.fill_, aten.zero_, aten.where,
}  # fmt: skip
"""Operators beside the pointwise ones whose result has an entry an agent of its own."""

_RULES: dict[Any, Callable[..., Any]] = {
    **SHAPES,
    aten.sum: _sum,
    aten.count_nonzero: _sum,
    aten.amin: _lowest,
    aten.amax: _highest,
    aten.min: _max,
    aten.max: _max,
    aten.any: _any,
    aten.all: _all,
    aten.aminmax: _aminmax,
    aten.equal: _equal,
    aten.index: _index,
    aten.index_select: _index_select,
    aten.gather: _gather,
    aten.searchsorted: _searchsorted,
    aten.bucketize: _bucketize,
    aten.bincount: _bincount,
    aten.topk: topk,
    aten.scatter_: scatter_value,
    aten.new_zeros: _new,
    aten.new_ones: _new,
    aten.new_full: _new,
    aten.new_empty: _new,
}  # fmt: skip
