"""The kernels as operators of torch, `torch.ops.causal_lpm.*`: so that autograd, fake tensors and compilers know them.

They are defined with `torch.library.Library` and not with the decorator `custom_op`, which costs three times as much a
call and imports torch's compiler. A call costs 6 to 12 microseconds more than the implementation itself.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from causal_lpm.kernels.fixed_point import total_of_floats
from causal_lpm.kernels.whole_sums import are_small, exact_total

__all__ = ["OPERATORS", "TOTALS", "operators"]

OPERATORS = {
    "field": "(Tensor key, int agents, str kind, int? slots=None) -> Tensor",
    "field_at": "(Tensor seed_name, Tensor index, str kind, int first=0) -> Tensor",
    "happens": "(Tensor hazard, Tensor key, Tensor? where=None, bool check=False) -> Tensor",
    "select": "(Tensor priority, Tensor key, Tensor supply, int classes, Tensor? group=None) -> Tensor",
    "select_by": "(Tensor priority, Tensor noise, Tensor supply, int classes, Tensor? group=None) -> Tensor",
    "group_sum": "(Tensor x, Tensor group, int groups) -> Tensor",
    "group_total": "(Tensor x, Tensor group, int groups) -> Tensor",
    "graph_total": "(Tensor x, Tensor indptr, Tensor neighbours) -> Tensor",
    "graph_change": "(Tensor(a!) total, Tensor before, Tensor x, Tensor indptr, Tensor neighbours) -> ()",
    "ring_total": "(Tensor x, Tensor key, Tensor order, Tensor start, Tensor size, Tensor half_degree, float rewire)"
    " -> Tensor",
    "stub_total": "(Tensor x, Tensor key, Tensor owner, Tensor first, bool chain) -> Tensor",
}
"""Name and schema of every operator; `causal_lpm.kernels` has a function of that name, with the meaning of each."""


def _broadcast(*parts: Tensor) -> tuple[int, ...]:
    """The shape left of the agents."""
    return tuple(torch.broadcast_shapes(*(part.shape[:-1] for part in parts)))


def _sums(x: Tensor, *parts: Tensor, agents: int | None = None) -> Tensor:
    dtype = x.dtype if x.is_floating_point() else torch.int32 if x.dtype == torch.bool else torch.int64
    return x.new_empty((*_broadcast(x, *parts), x.shape[-1] if agents is None else agents), dtype=dtype)


def _noise_type(kind: str) -> torch.dtype:
    return torch.int64 if kind == "bits" else torch.float32


def _fake_field(key: Tensor, agents: int, kind: str, slots: int | None = None) -> Tensor:
    shape = (*key.shape[:-1], agents) if slots is None else (*key.shape[:-1], agents, slots)
    return key.new_empty(shape, dtype=_noise_type(kind))


def _fake_field_at(seed_name: Tensor, index: Tensor, kind: str, first: int = 0) -> Tensor:
    return index.new_empty((*_broadcast(seed_name, index), index.shape[-1]), dtype=_noise_type(kind))


def _fake_happens(hazard: Tensor, key: Tensor, where: Tensor | None = None, check: bool = False) -> Tensor:
    asked = hazard if where is None else where
    return hazard.new_empty((*_broadcast(hazard, key, asked), asked.shape[-1]), dtype=torch.bool)


def _fake_select(priority: Tensor, by: Tensor, supply: Tensor, classes: int, group: Tensor | None = None) -> Tensor:
    parts = (priority, by, supply) if group is None else (priority, by, supply, group)
    return priority.new_empty((*_broadcast(*parts), priority.shape[-1]), dtype=torch.bool)


_FAKES: dict[str, Callable[..., Any]] = {
    "field": _fake_field,
    "field_at": _fake_field_at,
    "happens": _fake_happens,
    "select": _fake_select,
    "select_by": _fake_select,
    "group_sum": lambda x, group, groups: _sums(x, agents=groups),
    "group_total": lambda x, group, groups: _sums(x),
    "graph_total": lambda x, indptr, neighbours: _sums(x, agents=indptr.shape[0] - 1),
    "graph_change": lambda total, before, x, indptr, neighbours: None,
    "ring_total": lambda x, key, *ring: _sums(x, key),
    "stub_total": lambda x, key, *stubs: _sums(x, key),
}

TOTALS: dict[str, Callable[..., int]] = {
    "group_sum": lambda x, group, groups: x.shape[-1],
    "group_total": lambda x, group, groups: x.shape[-1],
    "graph_total": lambda x, indptr, neighbours: neighbours.shape[0],
    "ring_total": lambda x, key, order, start, size, half_degree, rewire: (
        2 * order.shape[0] * (1 + min(int(half_degree.max()), order.shape[0])) if half_degree.numel() else 0
    ),
    "stub_total": lambda x, key, owner, first, chain: 2 * owner.shape[0],
}
"""The linear operators, each with a bound on the number of messages that one agent, or one group, receives."""


def _to_members(sums: Tensor, group: Tensor, groups: int) -> Tensor:
    """The value of each agent's group, 0 in no group: the transpose of `group_sum`."""
    return torch.nn.functional.pad(sums, (1, 0)).index_select(-1, group + 1)


_TRANSPOSES: dict[str, Callable[..., Tensor]] = {"group_sum": _to_members}
"""Of the linear operators that are not symmetric."""

_KEYED = ("ring_total", "stub_total")
"""Those whose contacts are drawn by a key, of dimensions of its own."""


def _run(name: str) -> Callable[..., Any]:
    def run(x: Tensor, *others: Any) -> Any:
        # Looked up at each call: operators are defined once a process, modules may be loaded again.
        dispatch = importlib.import_module("causal_lpm.kernels.dispatch")
        kernel = getattr(dispatch.implementation(x), name)
        if name in TOTALS and x.is_floating_point():
            return total_of_floats(lambda integers: kernel(integers, *others), x, TOTALS[name](x, *others))
        if name in TOTALS and not are_small(x):
            return exact_total(lambda halves: kernel(halves, *others), x, "messages")
        result = kernel(x, *others)
        return None if name == "graph_change" else result

    return run


def _differentiable(name: str, library: torch.library.Library) -> None:
    """All sums over contacts are symmetric linear maps: what an agent sends to others, these send to it."""
    total = getattr(operators, name).default
    transpose = _TRANSPOSES.get(name, total)

    def below(x: Tensor, *others: Any) -> Tensor:
        with torch._C._AutoDispatchBelowAutograd():
            sums: Tensor = total(x, *others)
        return sums

    class Total(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, *others: Any) -> Tensor:
            ctx.shape, ctx.others = x.shape, others
            return below(x, *others)

        @staticmethod
        def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor | None, ...]:
            return transpose(gradient[0], *ctx.others).sum_to_size(ctx.shape), *(None for _ in ctx.others)

    # By hand: `torch.library.register_autograd` does the same and costs 3 to 9 microseconds more a call.
    def run(x: Tensor, *others: Any) -> Tensor:
        if x.requires_grad and torch.is_grad_enabled():
            differentiable: Tensor = Total.apply(x, *others)  # type: ignore[no-untyped-call]
            return differentiable
        return below(x, *others)

    library.impl(name, run, "Autograd")


def _mapped(name: str, info: Any, dims: tuple[Any, ...], x: Tensor, *others: Any) -> tuple[Tensor, int]:
    """Under `torch.func.vmap` messages are rows of one call, as worlds are: many gradients go backward at once."""
    if dims[0] is None or any(dim is not None for dim in dims[1:]):
        raise ValueError(f"vmap maps something else than the messages of {name}: map these alone.")
    x = x.movedim(dims[0], 0)
    keyed = others[0].dim() if name in _KEYED else 0
    x = x.reshape(len(x), *(1 for _ in range(keyed + 1 - x.dim())), *x.shape[1:])  # a row each of its own beside keys
    return getattr(operators, name).default(x, *others), 0


def _define() -> None:
    library = torch.library.Library("causal_lpm", "DEF")
    for name, schema in OPERATORS.items():
        library.define(name + schema)
        library.impl(name, _run(name), "CompositeExplicitAutograd")
        torch.library.register_fake(f"causal_lpm::{name}", _FAKES[name], lib=library)
        if name in TOTALS:
            _differentiable(name, library)
            torch.library.register_vmap(f"causal_lpm::{name}", functools.partial(_mapped, name), lib=library)
    # Operators live as long as this object, so it is kept where a second load of this module will find it.
    operators._definitions = library


operators: Any = torch.ops.causal_lpm
"""The operators by name."""

if "_definitions" not in vars(operators):  # torch refuses to define them twice
    _define()
