"""Sums over agents: the only place where values leave the population."""

import math

import numpy as np
import torch
from pyro.poutine.runtime import effectful

from causal_lpm.kernels.whole_sums import are_small, exact_total
from causal_lpm.ops.number_types import numbers
from causal_lpm.validate import fits_in_memory, whole_number

__all__ = ["number_of_groups", "tally"]

MANY = 2**20
"""Labels from here on, if they are above the number of agents, are taken for serial numbers."""


@effectful(type="tally")
def _tally(name: str, values: torch.Tensor, by: torch.Tensor | None, groups: int | None) -> torch.Tensor:
    if by is not None:
        return _by_group(name, values, by, number_of_groups(name, values, by, groups))
    if values.dtype == torch.bool:
        return _counts(_rows(values)).reshape(*values.shape[:-1], 1)
    if values.is_floating_point():
        return values.sum(-1, keepdim=True, dtype=torch.float64)

    def total(x: torch.Tensor) -> torch.Tensor:
        return x.sum(-1, keepdim=True, dtype=torch.int64)

    return total(values) if are_small(values) else exact_total(total, values, f"tally {name!r}")


def _by_group(name: str, values: torch.Tensor, by: torch.Tensor, groups: int) -> torch.Tensor:
    rows = _rows(values)
    # Few agents have something to report in a step: find them, then count by (row, group).
    row, agent = rows.nonzero(as_tuple=True)
    # A row begins with a cell for those in no group, -1, which is left out at the end.
    cell, cells = torch.add(by[agent], row, alpha=groups + 1).add_(1), rows.shape[0] * (groups + 1)

    def total(x: torch.Tensor) -> torch.Tensor:
        return x.new_zeros((*x.shape[:-1], cells)).index_add_(-1, cell, x)

    if values.dtype == torch.bool:
        sums = torch.bincount(cell, minlength=cells)
    elif values.is_floating_point():
        sums = torch.bincount(cell, rows[row, agent].double(), minlength=cells).double()  # int64 of none
    else:
        found = rows[row, agent].long()
        sums = total(found) if are_small(found) else exact_total(total, found, f"tally {name!r}")
    return sums.reshape(rows.shape[0], groups + 1)[:, 1:].reshape(*values.shape[:-1], groups)


def _rows(values: torch.Tensor) -> torch.Tensor:
    return values.reshape(math.prod(values.shape[:-1]), values.shape[-1])


def _counts(rows: torch.Tensor) -> torch.Tensor:
    # Row by row: counting along a dimension is five times slower, and so is torch's count on the CPU.
    if type(rows) is torch.Tensor and rows.device.type == "cpu":
        return torch.tensor([np.count_nonzero(row) for row in rows.numpy()], dtype=torch.int64)
    counts = [row.count_nonzero() for row in rows]
    return torch.stack(counts) if counts else rows.new_zeros(0, dtype=torch.int64)


def number_of_groups(name: str, values: torch.Tensor, by: torch.Tensor, groups: int | None) -> int:
    """How many groups there are; whoever answers a tally by groups asks for it.

    Raises:
        ValueError: labels outside -1 to `groups` - 1, or serial numbers; nobody in a group whose number is not given.
    """
    low, high = (int(end) for end in torch.aminmax(by)) if len(by) else (-1, -1)
    if low < -1:
        raise ValueError(f"tally {name!r} is by groups from {low}: number them from 0, and give -1 for no group.")
    if groups is not None:
        if high >= groups:
            raise ValueError(f"tally {name!r} has {groups} groups and label {high}: number them 0 to {groups - 1}.")
    else:
        if high < 0:
            raise ValueError(f"tally {name!r} has nobody in a group: say how many there are with groups=.")
        if high >= max(len(by), MANY):
            raise ValueError(
                f"tally {name!r} is by labels up to {high} of {len(by)} agents: number the groups from 0 without gaps "
                "(torch.unique with return_inverse=True), or say how many there are with groups=."
            )
        groups = high + 1
    fits_in_memory(f"the {groups} groups of tally {name!r}", 8 * math.prod(values.shape[:-1]) * groups)
    return groups


def tally(
    name: str, values: torch.Tensor, by: torch.Tensor | None = None, *, groups: int | None = None
) -> torch.Tensor:
    """The sum over agents, recorded under `name` as one entry of a daily series.

    Recording, likelihoods and the opening of secret shares happen here and nowhere else. NaN or infinity of an agent
    is one in the sum of its row and group, so that a draw of parameters that went wrong shows, and no other.

    Args:
        name: Name of the series; once a step.
        values: bool, integer or float `[*dims, agents]`.
        by: Group of each agent, integers `[agents]` from 0; -1: in no group, counted nowhere.
        groups: How many groups there are; without it one more than the largest label, which changes where nobody is in
            the last group.

    Returns:
        `[*dims, 1]`, or `[*dims, groups]` with `by`; int64, float64 for floats.

    Raises:
        ValueError: `by` does not have one group an agent, is not of integers or leaves -1 ... `groups` - 1; `groups` is
            not given and nobody is in a group, or labels are serial numbers; a sum of integers beyond 2**63.

    >>> import torch
    >>> tally("cases", torch.tensor([True, False, True]), by=torch.tensor([0, 1, 1]), groups=3)
    tensor([1, 1, 0])
    """
    values = numbers(f"what tally {name!r} sums", values)
    if by is None and groups is not None:
        raise ValueError(f"tally {name!r} has {groups} groups and nobody's group: give by=, too.")
    if by is not None:
        by = numbers(f"the groups of tally {name!r}", by)
        if by.dim() != 1 or by.shape[-1] != values.shape[-1]:
            raise ValueError(
                f"tally {name!r} sums {tuple(values.shape)} by groups of shape {tuple(by.shape)}: give one group an "
                "agent."
            )
        if by.is_floating_point() or by.dtype == torch.bool:
            raise ValueError(f"tally {name!r} is by groups of {by.dtype}: give integers from 0, and -1 for no group.")
        groups = None if groups is None else whole_number(f"groups of tally {name!r}", groups)
    total: torch.Tensor = _tally(name, values, by, groups)
    return total
