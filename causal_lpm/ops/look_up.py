"""Numbers from a table, such as infectiousness by stage or a rate by age group."""

import numpy as np
import torch

from causal_lpm.kernels.quick_mode import without_quick_mode
from causal_lpm.ops.number_types import common_shape, numbers
from causal_lpm.ops.pyro_stack import effectful

__all__ = ["look_up"]


@effectful(type="look_up")
def _look_up(table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    if index.device.type != "cpu":  # a GPU ends the process where an index is wrong
        _check_range(table, index)
    if table.dim() == 1:  # in less than half the time of `table[index]`
        index = index if index.dtype in (torch.int32, torch.int64) else index.int()
        try:
            return table.index_select(0, index.reshape(-1)).reshape(index.shape)
        except IndexError:
            _check_range(table, index)
            raise
    shape = np.broadcast_shapes(table.shape[:-1], index.shape)  # torch's own loads sympy, 30 MB
    try:
        return table.expand(*shape, table.shape[-1]).gather(-1, index.long().expand(shape)[..., None])[..., 0]
    except RuntimeError:
        _check_range(table, index)
        raise


def _check_range(table: torch.Tensor, index: torch.Tensor) -> None:
    low, high = (int(end) for end in torch.aminmax(index)) if index.numel() else (0, 0)
    last = table.shape[-1] - 1
    if low < 0 or high > last:
        wrong = low if low < 0 else high
        raise ValueError(f"{wrong} is looked up in a table with the entries 0 to {last}: give an index within them.")


@without_quick_mode
def look_up(table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """The entries of a table at each agent's index, such as the infectiousness of its stage.

    Like `table[index]`, but a message: a handler can answer it where a state may not be used as an index. A table whose
    numbers carry a gradient passes it on.

    Args:
        table: `[K]`, the same for everybody, or `[*dims, agents or 1, K]`, one for each agent, world or draw.
        index: Integers or bool `[*dims, agents]`, 0 to K - 1.

    Returns:
        The type of `table`, `[*dims, agents]`.

    Raises:
        ValueError: a table without entries, an index that is not of integers or lies outside the table, shapes that do
            not fit together.

    >>> import torch
    >>> infectiousness = torch.tensor([0.0, 1.0, 0.5, 0.0])
    >>> look_up(infectiousness, torch.tensor([0, 1, 1, 2], dtype=torch.uint8))
    tensor([0.0000, 1.0000, 1.0000, 0.5000])
    """
    table, index = numbers("the table to look up", table), numbers("the index to look up", index)
    if table.shape[-1] == 0:
        raise ValueError(f"the table to look up has shape {tuple(table.shape)}: give at least one entry.")
    if index.is_floating_point():
        raise ValueError(f"the index to look up is {index.dtype}: give integers.")
    if table.dim() > 1:
        common_shape("the table, without its entries, and the index to look up", table.shape[:-1], index.shape)
    entries: torch.Tensor = _look_up(table, index)
    return entries
