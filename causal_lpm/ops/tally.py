"""Sums over agents: the only place where values leave the population."""

import math

import numpy as np
import torch

from causal_lpm.kernels import group_sum
from causal_lpm.kernels.counting import counts_by_group, counts_of_rows
from causal_lpm.kernels.dispatch import compiled
from causal_lpm.kernels.elementwise import nobody_else
from causal_lpm.kernels.extremes import extremes
from causal_lpm.kernels.quick_mode import without_quick_mode
from causal_lpm.kernels.whole_sums import are_small, exact_total
from causal_lpm.ops.number_types import numbers
from causal_lpm.ops.population import population, sum_over_ranges
from causal_lpm.ops.pyro_stack import effectful
from causal_lpm.validate import fits_in_memory, whole_number

__all__ = ["check_groups", "tally"]


@effectful(type="tally")
def _tally(
    name: str, values: torch.Tensor, by: torch.Tensor | None, groups: int, *, stock: bool = False
) -> torch.Tensor:
    if by is not None:
        check_groups(name, values, by, groups)
        return _by_group(name, values, by, groups)
    if values.dtype == torch.bool:
        return _counts(values)
    if values.is_floating_point():
        return values.sum(-1, keepdim=True, dtype=torch.float64)

    def total(x: torch.Tensor) -> torch.Tensor:
        return x.sum(-1, keepdim=True, dtype=torch.int64)

    return total(values) if are_small(values) else exact_total(total, values, f"tally {name!r}")


def _by_group(name: str, values: torch.Tensor, by: torch.Tensor, groups: int) -> torch.Tensor:
    if values.dtype == torch.bool and type(values) is type(by) is torch.Tensor and values.is_cpu and compiled():
        if nobody_else():  # on the short way: torch's takes as long as the counting in a small population
            *lead, agents = values.shape
            sent = np.ascontiguousarray(values.numpy().reshape(math.prod(lead), agents))
            counts = counts_by_group(sent, by.int().contiguous().numpy(), groups)
            return torch.from_numpy(counts.reshape(*lead, groups))
        return group_sum(_rows(values), by.int(), groups).long().reshape(*values.shape[:-1], groups)
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
        sums = torch.bincount(cell, rows[row, agent].double(), minlength=cells).double()  # of no rows: int64
    else:
        found = rows[row, agent].long()
        # Those in no group are counted nowhere, so that their sum may be as large as it likes.
        sums = total(found) if are_small(found) else exact_total(total, found * (by[agent] >= 0), f"tally {name!r}")
    return sums.reshape(rows.shape[0], groups + 1)[:, 1:].reshape(*values.shape[:-1], groups)


def _rows(values: torch.Tensor) -> torch.Tensor:
    return values.reshape(math.prod(values.shape[:-1]), values.shape[-1])


def _counts(values: torch.Tensor) -> torch.Tensor:
    # Row by row: counting along a dimension is five times slower, and so is torch's count on the CPU.
    *lead, agents = values.shape
    if type(values) is torch.Tensor and values.is_cpu:
        rows = values.numpy().reshape(math.prod(lead), agents)
        return torch.from_numpy(np.array(counts_of_rows(rows), dtype=np.int64).reshape(*lead, 1))
    counts = [row.count_nonzero() for row in _rows(values)]
    total = torch.stack(counts) if counts else values.new_zeros(0, dtype=torch.int64)
    return total.reshape(*lead, 1)


def check_groups(name: str, values: torch.Tensor, by: torch.Tensor, groups: int) -> None:
    """Raises ValueError for labels outside -1 to `groups` - 1; a handler that answers a tally by groups calls it."""
    low, high = extremes(by) if by.numel() else (-1, -1)
    if low < -1:
        raise ValueError(f"tally {name!r} is by groups from {low}: number them from 0, and give -1 for no group.")
    if high >= groups:
        raise ValueError(
            f"tally {name!r} has {groups} groups and label {high}: number them 0 to {groups - 1} without gaps, serial "
            "numbers by torch.unique with return_inverse=True."
        )
    fits_in_memory(f"the {groups} groups of tally {name!r}", 8 * math.prod(values.shape[:-1]) * groups)


@without_quick_mode
def tally(
    name: str,
    values: torch.Tensor,
    by: torch.Tensor | None = None,
    *,
    groups: int | None = None,
    stock: bool = False,
) -> torch.Tensor:
    """The sum over agents, recorded under `name` as one entry of a daily series.

    Series are made here and nowhere else, so shares of a secret are opened here. NaN or infinity of an agent stays in
    the sum of its row and group, and spoils no other: a draw of parameters that went wrong shows. Where a process holds
    a part of the population, the series of its part is recorded, and the model gets the sum of everybody.

    Args:
        name: Name of the series; once a step.
        values: bool, integer or float `[*dims, agents]`.
        by: Group of each agent, integers `[agents]` from 0; -1: in no group, counted nowhere.
        groups: How many groups there are, with `by`: the labels do not tell, since the last group may be empty today,
            or in the part of the population that is here.
        stock: Whether it is a number at a time (how many are ill), and not what happens in a step (how many fall ill):
            a day of several steps has the last one of a stock and the sum of all else, and charts say which it is.

    Returns:
        `[*dims, 1]`, or `[*dims, groups]` with `by`; int64, float64 for floats.

    Raises:
        ValueError: one of `by` and `groups` without the other; `by` does not have one group an agent, is not of
            integers from -1 to `groups` - 1; a sum of integers beyond 2**63.

    >>> import torch
    >>> tally("cases", torch.tensor([True, False, True]), by=torch.tensor([0, 1, 1]), groups=3)
    tensor([1, 1, 0])
    """
    values = numbers(f"what tally {name!r} sums", values)
    if by is None and groups is not None:
        raise ValueError(f"tally {name!r} has {groups} groups, but no agent has one: give by=, too.")
    if by is not None and groups is None:
        raise ValueError(f"tally {name!r} is by groups: say how many there are with groups=, the last may be empty.")
    if by is not None:
        by = numbers(f"the groups of tally {name!r}", by)
        if by.dim() != 1 or by.shape[-1] != values.shape[-1]:
            raise ValueError(
                f"tally {name!r} sums {tuple(values.shape)} by groups of shape {tuple(by.shape)}: give one group an "
                "agent."
            )
        if by.is_floating_point() or by.dtype == torch.bool:
            raise ValueError(f"tally {name!r} is by groups of {by.dtype}: give integers from 0, and -1 for no group.")
    count = 1 if groups is None else whole_number(f"groups of tally {name!r}", groups)
    total: torch.Tensor = _tally(name, values, by, count, stock=stock)
    return sum_over_ranges(total) if population(values.shape[-1]).is_part else total
