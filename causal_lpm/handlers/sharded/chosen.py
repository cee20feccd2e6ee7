"""A few agents chosen by their values among those of all ranks, and what is written to them by number."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.sharded.held import Held

__all__ = ["scatter_value", "topk"]

MOST = 1 << 16
"""More than so many are chosen from the whole."""


def topk(func: Any, x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The first k of all ranks among the first of each; from the whole where ties decide.

    Values and numbers of agents are plain tensors, the same on all ranks.
    """
    last = x.axis == -1 and dim % x.dim() == x.dim() - 1
    if not last or not x.is_floating_point() or not 0 < k < min(x.total, MOST):
        return NotImplemented
    first, here = x.ranks.own(x.total)
    values, agents = func(x.local, min(k + 1, here), -1, largest, True)
    beyond = -torch.inf if largest else torch.inf
    of_all = torch.cat(list(x.ranks.stacked(_longer(values, k + 1, beyond))), -1)
    numbers = torch.cat(list(x.ranks.stacked(_longer(agents + first, k + 1, -1))), -1)
    found, place = func(of_all, k + 1, -1, largest, True)
    if bool(((found[..., 1:] == found[..., :-1]) | found[..., 1:].isnan()).any()):
        return NotImplemented  # which of the same is first, is known of the whole alone
    return found[..., :k].contiguous(), numbers.gather(-1, place[..., :k])


def _longer(x: Tensor, size: int, by: float) -> Tensor:
    return torch.cat([x, x.new_full((*x.shape[:-1], size - x.shape[-1]), by)], -1)


def scatter_value(func: Any, x: Any, dim: int, index: Any, value: Any, **options: Any) -> Any:
    """One number is written to agents of given numbers: by each rank to those here."""
    if not isinstance(x, Held) or isinstance(index, Held) or x.axis != -1 or dim % x.dim() != x.dim() - 1:
        return NotImplemented
    if options or index.shape[:-1] != x.shape[:-1] or not isinstance(value, int | float):
        return NotImplemented
    first, here = x.ranks.own(x.total)
    own = index - first
    place = ((own >= 0) & (own < here)).nonzero(as_tuple=True)
    x.local[(*place[:-1], own[place])] = value
    return x
