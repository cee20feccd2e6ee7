"""Sums over agents by group, where values, groups or both are secret."""

import torch
from torch import Tensor

from causal_lpm.handlers.private.numbers import is_secret, made
from causal_lpm.handlers.private.secret import Secret, sum_bounds

__all__ = ["total_by_group"]


def total_by_group(values: Tensor, by: Tensor, groups: int, dtype: torch.dtype) -> Tensor:
    """The sum of each group, `[*dims, groups]`; -1 is in no group.

    Args:
        values: `[*dims, agents]`.
        by: Group of each agent `[agents]`; secret groups take a round or two, and are taken to be from -1 on.
        groups: How many there are.
        dtype: int64 or float64, of the result.
    """
    if not is_secret(by):
        own = values.to(dtype)
        sums = own.new_zeros((*values.shape[:-1], groups + 1), dtype=dtype)
        return sums.index_add(-1, by.long() + 1, own)[..., 1:]
    group = by.within(-1, groups - 1)
    vectors = (
        group.units()
        if group.is_small
        else group.layer.units(group.share + group.layer.public(torch.ones_like(group.share)), groups.bit_length())[
            ..., : groups + 1
        ]
    )
    first = group.low if group.is_small else -1
    columns = _columns(vectors, first, groups)
    if is_secret(values):
        (terms,) = group.layer.product((values.share[..., None], columns))
        low, high, bits = values.low, values.high, values.bits
    else:
        units = Secret(group.layer.public(values.long()), group.layer) if not values.is_floating_point() else None
        if units is None:
            raise ValueError("a tally of public floats by secret groups: share the values.")
        terms = columns * values.long()[..., None]
        low, high, bits = int(values.min()), int(values.max()), 0
    return made(terms.sum(-2), group.layer, dtype, bits, *sum_bounds(low, high, values.shape[-1]))


def _columns(vectors: Tensor, first: int, groups: int) -> Tensor:
    """The unit vectors of groups 0 to groups - 1, from those that begin at `first`."""
    kept = vectors[..., max(0, -first) :]
    missing = groups - kept.shape[-1] - max(0, first)
    return torch.nn.functional.pad(kept, (max(0, first), missing))
