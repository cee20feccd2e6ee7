"""Sums over agents: the only place where values leave the population."""

import numpy as np
import torch
from pyro.poutine.runtime import effectful

__all__ = ["tally"]


@effectful(type="tally")
def _tally(name: str, values: torch.Tensor, by: torch.Tensor | None) -> torch.Tensor:
    if by is None:
        if values.dtype == torch.bool:
            # Row by row: counting along a dimension is five times slower.
            counts = [_count(row) for row in values.reshape(-1, values.shape[-1])]
            return torch.stack(counts).reshape(*values.shape[:-1], 1)
        return values.sum(-1, keepdim=True, dtype=torch.float64 if values.is_floating_point() else torch.int64)
    groups = int(by.max()) + 1
    rows = values.reshape(-1, values.shape[-1])
    # Few agents have something to report in a step: find them, then count by (row, group).
    row, agent = rows.nonzero(as_tuple=True)
    weights = None if values.dtype == torch.bool else rows[row, agent].double()
    cells = torch.bincount(row * groups + by[agent], weights, minlength=rows.shape[0] * groups)
    sums = cells.reshape(*values.shape[:-1], groups)
    return sums.double() if values.is_floating_point() else sums.long()


def _count(row: torch.Tensor) -> torch.Tensor:
    if type(row) is torch.Tensor and row.device.type == "cpu":
        return torch.tensor(np.count_nonzero(row.numpy()))  # five times as fast
    return row.count_nonzero()


def tally(name: str, values: torch.Tensor, by: torch.Tensor | None = None) -> torch.Tensor:
    """The sum over agents, recorded under `name` as one entry of a daily series.

    Recording, likelihoods and the opening of secret shares happen here and nowhere else.

    Args:
        name: Name of the series; once a step.
        values: bool, integer or float `[*dims, agents]`.
        by: Group of each agent, integers `[agents]` from 0.

    Returns:
        `[*dims, 1]`, or `[*dims, groups]` with `by`; int64, float64 for floats.

    Raises:
        ValueError: `by` does not have one group an agent.

    >>> import torch
    >>> tally("cases", torch.tensor([True, False, True]), by=torch.tensor([0, 1, 1]))
    tensor([1, 1])
    """
    if by is not None and (by.dim() != 1 or by.shape[-1] != values.shape[-1]):
        raise ValueError(
            f"tally {name!r} sums {tuple(values.shape)} by groups of shape {tuple(by.shape)}: give one group an agent."
        )
    total: torch.Tensor = _tally(name, values, by)
    return total
