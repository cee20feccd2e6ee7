"""A tensor of all agents of which each rank holds its own: the shape of the whole, and a part of the numbers.

A model is written for everybody. With tensors that are whole to whoever uses them, it needs no change: what is done to
each agent is done to those held here, a sum over agents is a sum over ranks, and all ranks see the same.
"""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import Tensor

from causal_lpm.handlers.sharded.ranks import Ranks

__all__ = ["Held", "cut", "whole"]


class Held(torch.Tensor):
    """One rank's part of a tensor with one entry an agent.

    Its numbers alone: what torch does with them is said by `HeldByRules`, of which all are.

    Args:
        local: The entries of the agents held here.
        axis: The dimension of the agents, negative: -1, or -2 where each agent has several values.
        total: How many agents there are.
        ranks: Who has the others.
    """

    local: Tensor
    axis: int
    total: int
    ranks: Ranks

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]
    __hash__ = torch.Tensor.__hash__

    def __new__(cls, local: Tensor, axis: int, total: int, ranks: Ranks) -> Held:
        shape = list(local.shape)
        shape[axis] = total
        made: Any = torch.Tensor._make_wrapper_subclass(
            cls, shape, strides=_strides(local, shape), dtype=local.dtype, device=local.device
        )
        made.local, made.axis, made.total, made.ranks = local, axis, total, ranks
        result: Held = made
        return result

    def like(self, local: Tensor, axis: int | None = None) -> Held:
        """Other entries of the same agents."""
        return type(self)(local, self.axis if axis is None else axis, self.total, self.ranks)

    def numpy(self, *, force: bool = False) -> Any:
        """The numbers of all agents, on every rank."""
        return whole(self).numpy(force=force)

    def tolist(self) -> Any:
        """The numbers of all agents, on every rank."""
        return whole(self).tolist()

    def __array__(self, *options: Any, **named: Any) -> Any:
        return whole(self).__array__(*options, **named)

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"Held({tuple(self.shape)}, {self.dtype}, here {self.local.shape[self.axis]})"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __deepcopy__(self, memo: Any) -> Held:
        return self.like(self.local.clone())

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise ValueError(
            "a tensor whose agents are held by several ranks would be written or sent, and only a part is here: tally "
            "it, or copy the whole with .numpy() on all ranks."
        )


def _strides(local: Tensor, shape: list[int]) -> list[int]:
    """Those of the whole in the memory order of the part; 0 where the part repeats itself."""
    if len(shape) == 1:
        return [1 if local.stride(0) or local.shape[0] == 1 else 0]
    strides, step = [0] * len(shape), 1
    for dim in sorted(range(len(shape)), key=lambda dim: (local.stride(dim), -dim)):
        if local.stride(dim) or local.shape[dim] == 1:
            strides[dim], step = step, step * max(1, shape[dim])
    return strides


def whole(x: Any) -> Any:
    """The numbers of all agents; what is no `Held` as it is."""
    return x.ranks.joined(x.local, x.axis, x.total) if isinstance(x, Held) else x


def cut(x: Any, axis: int, total: int, ranks: Ranks) -> Any:
    """What of a tensor belongs to the agents held here; itself where it has no agents, such as one number for all."""
    if isinstance(x, Held):
        if (x.axis, x.total) == (axis, total):
            return x.local
        x = whole(x)
    if isinstance(x, Tensor) and x.dim() >= -axis and x.shape[axis] == total:
        return x.narrow(axis, *ranks.own(total))
    return x
